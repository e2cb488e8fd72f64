"""What commands print: tables, JSON, messages."""

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from unittest import mock

import numpy as np
import pytest

from rnnctl.cli.json_text import LONG, json_pieces
from rnnctl.cli.layout import table
from rnnctl.cli.output import Escaping, OutputClosed, out, out_csv, out_json, out_script, say
from rnnctl.lab import records
from rnnctl.words import counted, duration, lines_of, number, one_line, shell_word, shortened, shown
from store.encoding import finite

# An order to a terminal, DEL, a C1 control, a line break, a mark that turns the direction of writing, a surrogate.
ODD = "\x1b[31m\x7f\x9b2J\n\u202e\udcff"
ODD_ESCAPED = r"\x1b[31m\x7f\x9b2J\n\u202e\udcff"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.0, "0"), (-0.0, "0"), (-0.25, "-0.25"), (1.23456, "1.235"), (None, "-"), (math.nan, "-"), (math.inf, "-")],
        *[(10_000.0, "10000"), (-123_456, "-123456"), (10_000.5, "1e+04"), (2e6, "2e+06")],
    ],
)
def test_a_number_of_a_table(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [(1, "run", "1 run"), (2_000, "run", "2,000 runs"), (3, "study", "3 studies"), (2, "pack key", "2 pack keys")],
)
def test_things_are_counted_in_words(n, noun, text):
    assert counted(n, noun) == text


def test_numbers_are_aligned_to_the_right_and_control_characters_escaped():
    assert table(["name", "loss"], [["a\nb", "1.5"], ["c", "12.25"]]) == [
        "name   loss",
        "----  -----",
        "a\\nb    1.5",
        "c     12.25",
    ]


def test_a_message_is_one_line(capsys):
    say("two\nlines")
    assert capsys.readouterr().err == "two\\nlines\n"


@dataclass(frozen=True)
class Loss:
    best: float


def test_json_has_null_for_non_finite_numbers(capsys):
    out_json([Loss(math.nan), Loss(0.5)])
    assert json.loads(capsys.readouterr().out) == [{"best": None}, {"best": 0.5}]


@pytest.mark.parametrize(("seconds", "text"), [(41.6, "42 s"), (187, "3:07"), (7387, "2:03:07"), (None, "-")])
def test_a_duration(seconds, text):
    assert duration(seconds) == text


def test_data_is_escaped_a_line_each(capsys):
    out(f"a{ODD}b\tc", "second")
    assert capsys.readouterr().out == f"a{ODD_ESCAPED}b\\tc\nsecond\n"


def test_a_script_keeps_its_tabs_and_nothing_else(capsys):
    out_script([f"\t{ODD}"])
    assert capsys.readouterr().out == f"\t{ODD_ESCAPED}\n"


def test_json_is_printable_ascii_and_whole(capsys):
    out_json({ODD: [ODD]})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert printed.replace("\n", "").isprintable()
    assert json.loads(printed) == {ODD: [ODD]}


def test_csv_has_no_character_that_a_terminal_obeys(capsys):
    out_csv([ODD, "x"], [{ODD: f'"{ODD}', "x": math.nan}])
    printed = capsys.readouterr().out
    assert list(csv.reader(io.StringIO(printed))) == [[ODD_ESCAPED, "x"], [f'"{ODD_ESCAPED}', ""]]


def test_heads_of_tables_are_escaped():
    assert table([ODD], []) == [ODD_ESCAPED, "-" * len(ODD_ESCAPED)]


def test_a_traceback_keeps_its_line_breaks_and_nothing_else():
    text = f"Traceback:\r\n  File\x0bx\n\nValueError: {ODD}\n\n"
    *lines, last = ["Traceback:", r"  File\x0bx", "", r"ValueError: \x1b[31m\x7f\x9b2J", r"\u202e\udcff"]
    assert lines_of(text) == [*lines, last]


def test_what_libraries_print_is_escaped_too(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Escaping(stream))
    print(f"help\tof {ODD}")
    assert stream.getvalue() == f"help\tof {ODD_ESCAPED}\n".replace(r"\n", "\n")


def test_a_number_that_python_refuses_to_write_is_shown():
    assert shown(10**5000) == "a whole number of more than 100 digits"


def test_output_that_nobody_reads_is_no_error_of_the_system():
    closed = Escaping(mock.Mock(**{"write.side_effect": BrokenPipeError, "flush.side_effect": BrokenPipeError}))
    with pytest.raises(OutputClosed):  # typer turns an OSError into an exit status
        closed.write("help")
    with pytest.raises(OutputClosed):
        closed.flush()


def test_words_of_messages_that_are_far_too_long_are_cut_in_the_middle():
    path = "/".join([*["folder"] * 80, "file.yaml"])
    assert shortened(f"{path}: no run '{'7' * 5000}1' here") == f"{path}: no run '{'7' * 59}...{'7' * 58}1' here"
    assert len(shortened("two words " * 5000)) < 4100


@pytest.mark.parametrize("text", ["plain", "it's two", "\x1b[31m it's \\ \t\n", "caf\u00e9\x07", "raw \udcff7"])
def test_a_word_for_a_shell_can_be_shown_and_pasted(text):
    word = shell_word(text)
    assert one_line(word) == word
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert done.stdout == text.encode(errors="surrogateescape")


@dataclass(frozen=True)
class _Row:
    name: str
    values: list[float]
    hidden: int = records.unrecorded(default=0)


@dataclass(frozen=True)
class _Table:
    title: str
    rows: list[_Row]
    extra: dict[str, float] = records.inlined()


class _Letter(StrEnum):
    A = "a"


class _Listed:
    def as_dict(self):
        return {"whole": np.int64(3), "number": np.float64("nan"), "inner": {"values": (1.0, None)}}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        [[]],
        "a\nb",
        float("nan"),
        [1, [2, [3, [4, [5, [6]]]]]],
        list(range(2 * LONG)),
        [_Row(str(i), [i / 7, -1e300, 5e-324]) for i in range(LONG)],
        {1: True, None: False, "\u2028 é": None, 2.5: {}},
        (np.float64(0.1), np.int64(3), [np.float32("inf")]),
        [PurePosixPath("a/b"), _Letter.A],
        _Listed(),
        [_Listed()] * LONG,
        _Table("t", [], {}),
        [_Table("t", [_Row("a", [1.0, float("inf")]), _Row("b", [])], {"x": 1.0}), {"k": [_Row("c", [0.5])]}],
    ],
)
def test_json_that_is_printed_part_by_part_is_the_json_of_the_whole(value):
    whole = json.dumps(finite(records.plain(value)), indent=2, allow_nan=False)
    assert "".join(json_pieces(value)) == whole


@pytest.mark.parametrize("others", [0, LONG])
def test_a_list_is_printed_before_its_end_is_encoded(others):
    class Unfinished:
        def as_dict(self):
            raise RuntimeError("encoded")

    pieces = json_pieces(_Table("t", [_Row("a", [1.0]), Unfinished(), *[_Row("b", [])] * others], {}))
    text = ""
    while "1.0" not in text:
        text += next(pieces)
    assert text.startswith('{\n  "title": "t",\n  "rows": [\n    {\n      "name": "a",\n      "values": [\n        1.0')
    with pytest.raises(RuntimeError, match="encoded"):
        list(pieces)

"""How tables and lines fit into a terminal."""

import io
import sys

import pytest

from rnnctl.cli.layout import table, wrapped
from rnnctl.cli.output import out, out_json, say
from rnnctl.cli.probe import _progress
from rnnctl.cli.screen import Bars

LABEL = "optimizer=adam lr=0.001 clip=1.0 omega=0.5"
HEADS = ["configuration", "runs", "best loss (nats)", "checks below floor", "broke floor at", "ended", "wall time"]
ROW = [LABEL, "2", "1.175 ± 0.0096", "75 %", "12,000 (2 of 2)", "1 budget, 1 solved", "1:02:03"]
DROP = ["wall time", "checks below floor", "runs", "broke floor at", "ended"]


def words(lines):
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 140, 200])
def test_a_table_fits_and_its_words_and_numbers_stay_whole(width):
    lines = table(HEADS, [ROW, ROW], DROP, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert words(lines) >= set(LABEL.split())
    assert ROW[2] in text
    above, _, note = text.partition("not shown: ")
    hidden = " ".join(note.split()).partition(" (")[0].split(", ")
    for head, cell in zip(HEADS, ROW, strict=True):
        assert (head in hidden) != (set(head.split()) <= words([above]))
        if head not in hidden and head not in ("configuration", "ended"):
            assert cell in text


def test_heads_break_before_columns_are_left_out_and_columns_before_texts():
    whole = table(HEADS, [ROW], DROP, 1000)
    assert whole == table(HEADS, [ROW], DROP)  # stdout is no terminal
    assert len(whole) == 3
    heads = table(HEADS, [ROW], DROP, len(whole[0]) - 1)
    assert "not shown" not in " ".join(heads)
    assert heads[-1].startswith(LABEL)
    narrow = table(HEADS, [ROW], DROP, 80)
    assert "wall time" in narrow[-1] or "wall time" in narrow[-2]


def test_a_narrow_column_comes_back_after_a_wide_one_has_gone():
    lines = table(["name", "n", "very long number"], [["a" * 20, 1, "9" * 30]], ["n", "very long number"], 30)
    assert lines[0].split() == ["name", "n"]
    assert lines[3:] == ["not shown: very long number (a", "wider terminal, a pipe or", "--json shows all)"]


def test_long_lines_break_between_words_and_keep_their_indent():
    assert wrapped("  one two three", 9) == ["  one two", "  three"]
    assert wrapped("a" * 30 + " b", 20) == ["a" * 30, "b"]
    assert wrapped("one  two", 8) == ["one  two"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_only_a_terminal_gets_lines_broken_and_json_never(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    line = "a line that is too long for this terminal"
    pipe, terminal = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", pipe)
    out(line)
    assert pipe.getvalue() == f"{line}\n"
    monkeypatch.setattr(sys, "stdout", terminal)
    out(line)
    assert terminal.getvalue() == "a line that is too\nlong for this\nterminal\n"
    out_json([line])
    assert f'  "{line}"\n' in terminal.getvalue()


@pytest.mark.parametrize(("as_json", "stays"), [(False, False), (True, True)])
def test_answers_that_a_table_repeats_do_not_stay_on_a_terminal(monkeypatch, as_json, stays):
    monkeypatch.setenv("TERM", "xterm")
    stdout, stderr = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    with _progress(as_json) as tell:
        tell("the first answer")
        tell("the second answer")
    assert stdout.getvalue() == ""
    assert "the second answer" in stderr.getvalue()
    assert (stderr.getvalue() == "the first answer\nthe second answer\n") == stays
    assert ("\x1b[2K" in stderr.getvalue()) != stays  # the order that erases a line


def test_answers_stay_where_the_table_goes_into_a_pipe(monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", stderr)
    with _progress(False) as tell:
        tell("an answer")
    assert stderr.getvalue() == "an answer\n"


def test_a_message_is_broken_between_words_on_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    message = "a message that is too long for this terminal"
    for stderr, shown in (
        (Terminal(), "a message that is too\nlong for this terminal\n"),
        (io.StringIO(), f"{message}\n"),
    ):
        monkeypatch.setattr(sys, "stdout", io.StringIO())  # what the other stream is makes no difference
        monkeypatch.setattr(sys, "stderr", stderr)
        say(message)
        assert stderr.getvalue() == shown


def test_a_line_above_bars_is_broken_between_words(monkeypatch):
    stderr = Terminal()
    for name, value in {"TERM": "dumb", "COLUMNS": "24"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stderr)
    Bars().line("a message that is too long for this terminal")
    assert stderr.getvalue().splitlines() == ["a message that is too", "long for this terminal"]

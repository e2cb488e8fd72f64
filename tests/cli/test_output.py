"""What commands print: tables, JSON, messages."""

import json
import math
from dataclasses import dataclass

import pytest

from rnnctl.cli.output import duration, out_json, say, table
from rnnctl.words import counted, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (-0.25, "-0.25"), (1.23456, "1.235"), (None, "-"), (math.nan, "-"), (math.inf, "-")],
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
    assert table(["name", "loss"], [["a\nb", "1.5"], ["c", "12.25"]]).splitlines() == [
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

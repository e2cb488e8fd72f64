from __future__ import annotations

import math
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.study.errors import SpecError
from rnnctl.study.yaml import MAX_BYTES, decode, parse


def value(text: str):
    return parse(f"key: {text}\n").plain()["key"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 1e-4),
        ("1E+3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-2.5e-3", -0.0025),
        ("0.01", 0.01),
        ("0", 0),
        ("+4", 4),
        ("-17", -17),
        (str(2**62), 2**62),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("none", "none"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("1/t", "1/t"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("'1e-4'", "1e-4"),
        ('"012"', "012"),
        ("''", ""),
        ("e5", "e5"),
        ("'-'", "-"),
    ],
)
def test_a_scalar_is_what_a_person_means_by_it(text, expected):
    result = value(text)
    assert type(result) is type(expected)
    assert result == expected


def test_numbers_that_are_none_are_kept_for_validation_to_refuse():
    assert value("-.inf") == -math.inf
    assert math.isnan(value(".nan"))


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62))
def test_every_number_that_python_writes_is_read_back_as_itself(number):
    result = value(repr(number))
    assert type(result) is type(number)
    assert result == number


def test_keys_are_words_whatever_they_look_like():
    assert parse("{on: 1, 1: 2, null: 3, 012: 4}").plain() == {"on": 1, "1": 2, "null": 3, "012": 4}


def test_nodes_know_their_lines():
    root = parse("# comment\na:\n  b: 1\n  c: [2,\n      3]\nd:\n  4\n")
    a = root.value["a"]
    assert (a.key_line, a.line) == (2, 3)
    assert (a.value["b"].key_line, a.value["b"].line) == (3, 3)
    assert [item.line for item in a.value["c"].value] == [4, 5]
    assert (root.value["d"].key_line, root.value["d"].line) == (6, 7)


def test_an_alias_has_the_line_of_its_key_and_of_its_anchor():
    root = parse("a: &x {b: 1}\nc: *x\n")
    assert root.plain() == {"a": {"b": 1}, "c": {"b": 1}}
    assert (root.value["c"].key_line, root.value["c"].line) == (2, 1)


def test_an_anchor_can_be_defined_again():
    assert parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").plain() == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_a_byte_order_mark_is_taken_off():
    assert parse(decode(b"\xef\xbb\xbfstudy: s\n")).plain() == {"study": "s"}


def test_windows_line_ends_count_as_one_line():
    root = parse(decode(b"a: 1\r\nb: 2\r\n"))
    assert root.plain() == {"a": 1, "b": 2}
    assert root.value["b"].line == 2


@pytest.mark.parametrize(
    ("data", "line", "fragment"),
    [
        (b"study: s\nabout: caf\xe9\n", 2, "not UTF-8 text (byte 0xe9)"),
        ("study: s".encode("utf-16"), 1, "UTF-16"),
        ("study: s".encode("utf-32-be"), 1, "not UTF-8 text|control character"),
        (b"study: s\n\nabout: a\x00b\n", 3, "control character U+0000"),
        (b"about: a\x1b[31mb\n", 1, "control character U+001B"),
        ("about: a\u2028b\n".encode(), 1, "control character U+2028"),
        (b"\xef\xbb\xbf\xef\xbb\xbfstudy: s\n", 1, "control character U+FEFF"),
        (b"#" * (MAX_BYTES + 1), None, "larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_the_line(data, line, fragment):
    with pytest.raises(SpecError) as caught:
        decode(data)
    assert caught.value.line == line
    assert any(part in str(caught.value) for part in fragment.split("|"))


@given(st.text(alphabet="abc:{}[]-&*!|>'\"%@`#,? \n\t019.e~<=", max_size=60))
def test_no_text_gives_anything_but_a_mapping_or_one_line(text):
    try:
        root = parse(text)
    except SpecError as error:
        caught = error
    else:
        assert isinstance(root.plain(), dict)
        return
    assert str(caught).isprintable()
    assert caught.line is not None
    assert 1 <= caught.line <= text.count("\n") + 2


def test_a_long_honest_file_is_read():
    words = random.Random(1).choices(string.ascii_lowercase, k=5000)
    assert value("[" + ",\n ".join(words) + "]") == words


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_marks_of_other_systems_change_neither_values_nor_lines(prefix, end):
    text = decode(prefix + end.join(["study: s", "", "base:", "  task: xor", "  seed: two", ""]).encode())
    root = parse(text)
    assert root.plain() == {"study": "s", "base": {"task": "xor", "seed": "two"}}
    assert root.mapping["base"].mapping["seed"].line == 5
    with pytest.raises(SpecError) as caught:
        parse(text.replace("seed: two", "seed:two"))
    assert caught.value.line == 5

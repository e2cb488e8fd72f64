"""Levels bytes and chars against Python's own strings."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora import vocabulary
from rnnctl.corpora.vocabulary import Bytes, Characters, Undecodable

TEXTS = st.text(min_size=1, max_size=60)


@given(st.binary(max_size=80))
def test_bytes_are_themselves(text):
    level = Bytes()
    ids = level.encode(text)
    assert ids.dtype == np.uint8
    assert ids.tolist() == list(text)
    assert level.decode(ids) == text
    assert level.bytes_per_symbol[ids].sum() == len(text)


@given(TEXTS)
def test_characters_are_those_of_the_text_in_order(text):
    level = Characters(text.encode())
    known = sorted(set(text))
    ids = level.encode(text)
    assert level.symbols == len(known)
    assert [known[i] for i in ids] == list(text)
    assert (level.encode(text.encode()) == ids).all()
    assert level.decode(ids) == text.encode()
    assert level.bytes_per_symbol.tolist() == [len(character.encode()) for character in known]
    assert level.sha256 == hashlib.sha256(b"chars" + "".join(known).encode()).hexdigest()


@pytest.mark.parametrize("block", [1, 2, 3, 7])
def test_characters_do_not_depend_on_how_the_text_is_cut(block, monkeypatch):
    text = "aé€😀b" * 9 + "\u0800\uffff\U00010000"
    whole = Characters(text.encode())
    expected = whole.encode(text)
    monkeypatch.setattr(vocabulary, "BLOCK", block)
    cut = Characters(text.encode())
    assert cut.sha256 == whole.sha256
    assert (cut.encode(text) == expected).all()


def test_more_than_256_characters_take_two_bytes():
    text = "".join(map(chr, range(0x400, 0x501)))
    assert Characters(text.encode()).encode(text).dtype == np.uint16
    assert Characters(text[1:].encode()).encode(text[1:]).dtype == np.uint8
    assert Characters(text.encode()).encode(text).tolist() == list(range(257))


def test_too_many_characters():
    points = [*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x10801)]
    text = "".join(map(chr, points))
    assert len(text) == 65_537
    assert Characters(text[1:].encode()).symbols == 65_536
    with pytest.raises(ValueError, match="65,537 different characters, but level chars allows 65,536; use level bytes"):
        Characters(text.encode())


@given(st.binary(max_size=24), st.integers(1, 9))
def test_the_first_invalid_byte_is_named(text, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "BLOCK", block)
        try:
            result = Characters(text).symbols
        except Undecodable as error:
            result = f"invalid at byte {error.offset}"
    try:
        expected = len(set(text.decode()))
    except UnicodeDecodeError as error:
        expected = f"invalid at byte {error.start}"
    assert result == expected


def test_a_character_that_does_not_occur():
    level = Characters(b"abc")
    with pytest.raises(ValueError, match=r"the character 'é' \(U\+00E9\) does not occur in the corpus"):
        level.encode("abé!")
    assert level.encode("").size == 0


def test_invalid_bytes_of_a_command_line_are_kept():
    assert Bytes().encode(b"a\xff".decode("utf-8", "surrogateescape")).tolist() == [97, 255]


def test_equal_vocabularies_have_equal_hashes_and_others_have_others():
    assert Characters(b"abc").sha256 == Characters(b"cba abc".replace(b" ", b"")).sha256
    hashes = {Bytes().sha256, Characters(b"abc").sha256, Characters(b"abcd").sha256, Characters(b"\x00").sha256}
    assert len(hashes) == 4

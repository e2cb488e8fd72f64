"""Cuts and windows against sets of positions written out."""

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora.splits import SPLITS, Windows, cuts, fractions_of

# --- cuts -------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=100, max_size=300))
def test_splits_are_the_text_and_as_long_as_they_should_be(text):
    parts = cuts(text)
    assert tuple(parts) == SPLITS
    assert b"".join(text[part] for part in parts.values()) == text
    for share, part in zip((0.9, 0.95, 1), parts.values(), strict=True):
        assert 0 <= part.stop - int(round(share * 100) * len(text) // 100) <= 3


@given(st.text(min_size=100, max_size=200))
def test_no_split_ends_within_a_character(text):
    parts = cuts(text.encode())
    assert "".join(text.encode()[part].decode() for part in parts.values()) == text


def test_fractions_are_as_they_are_written():
    # As floating-point numbers .7 and .2 are together a little less than .9, which would move a cut.
    assert cuts(bytes(1000), (0.7, 0.2, 0.1)) == {
        "train": slice(0, 700), "validation": slice(700, 900), "test": slice(900, 1000)
    }  # fmt: skip


def parts_of(digits):
    """A number as it is written, in whole parts of 10 ** digits."""
    return lambda share: int(Decimal(repr(share)).scaleb(digits).to_integral_exact())


@given(st.integers(1, 10**6), *2 * [st.floats(1e-6, 0.9)])
def test_any_two_shares_that_leave_some_to_train_on_are_cut_where_they_say(size, validation, test):
    """In whole numbers: of 10 ** 30 parts, more than a share of at least 1e-6 has digits."""
    whole, (v, t) = 10**30, map(parts_of(30), (validation, test))
    ends = [(whole - v - t) * size // whole, (whole - t) * size // whole, size]
    if v + t >= whole:
        with pytest.raises(ValueError, match="three positive fractions whose sum is 1"):
            cuts(bytes(size), fractions_of(validation, test))
    elif 0 < ends[0] < ends[1] < size:
        found = cuts(bytes(size), fractions_of(validation, test))
        assert [part.stop for part in found.values()] == ends
    else:
        with pytest.raises(ValueError, match="leaves none to the"):
            cuts(bytes(size), fractions_of(validation, test))


@given(st.integers(1, 4), st.integers(100, 10**6), st.data())
def test_three_written_fractions_are_cut_as_the_two_held_out_are(digits, size, data):
    whole = 10**digits
    train = data.draw(st.integers(1, whole - 2))
    validation = data.draw(st.integers(1, whole - 1 - train))
    ends = [train * size // whole, (train + validation) * size // whole, size]
    if not 0 < ends[0] < ends[1] < size:
        return
    fractions = [parts / whole for parts in (train, validation, whole - train - validation)]
    found = cuts(bytes(size), fractions)
    assert [part.stop for part in found.values()] == ends
    assert found == cuts(bytes(size), fractions_of(*fractions[1:]))


@pytest.mark.parametrize(
    "fractions", [(0.9, 0.1), (0.9, 0.1, 0), (0.9, 0.2, -0.1), (0.5, 0.3, 0.3), (float("nan"), 0.5, 0.5), ()]
)
def test_fractions_that_are_none(fractions):
    with pytest.raises(ValueError, match="three positive fractions whose sum is 1"):
        cuts(bytes(1000), fractions)


@pytest.mark.parametrize(("size", "name"), [(1, "train"), (10, "validation"), (2, "validation")])
def test_a_corpus_too_short_for_a_split(size, name):
    with pytest.raises(ValueError, match=f"a corpus of {size} bytes leaves none to the {name} split"):
        cuts(b"x" * size)


# --- windows ----------------------------------------------------------------------------------------------------------


def test_a_window_is_what_stands_there_and_what_follows_it():
    ids = np.arange(100, 120, dtype=np.uint8)
    inputs, targets = Windows(ids, 5).at(np.array([0, 3, 14]))
    assert inputs.tolist() == [[100 + t + s for s in (0, 3, 14)] for t in range(5)]
    assert (targets == inputs.astype(int) + 1).all()
    assert (inputs.dtype, targets.dtype) == (np.uint8, np.int64)


def test_every_start_that_there_is_is_drawn_and_equally_often():
    ids = np.arange(12, dtype=np.uint16)
    inputs, targets = Windows(ids, 4).draw(np.random.default_rng(1), 80_000)
    counts = Counter(inputs[0].tolist())
    assert sorted(counts) == list(range(8))  # the last target is the last symbol
    assert targets.max() == 11
    # 10,000 each, with a standard deviation of 94
    assert max(abs(count - 10_000) for count in counts.values()) < 450


def test_drawing_depends_on_the_generator_alone():
    windows = Windows(np.random.default_rng(0).integers(256, size=5000).astype(np.uint8), 20)
    one, other = (windows.draw(np.random.default_rng(7), 9) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_split_that_is_one_window_long():
    windows = Windows(np.arange(6, dtype=np.uint8), 5)
    assert windows.starts == 1
    assert windows.draw(np.random.default_rng(0), 3)[1].T.tolist() == [[1, 2, 3, 4, 5]] * 3


def test_a_split_shorter_than_a_window():
    with pytest.raises(ValueError, match="the test split has 1,000 symbols, and a window of 1,000 .* takes 1,001"):
        Windows(np.zeros(1000, np.uint8), 1000, "test")
    with pytest.raises(ValueError, match="at least one symbol, not 0"):
        Windows(np.zeros(1000, np.uint8), 0)


# --- streams ----------------------------------------------------------------------------------------------------------


@given(st.integers(2, 40), st.integers(1, 12), st.data())
def test_streams_go_on_from_window_to_window_and_round_the_text(size, length, data):
    if size <= length:
        return
    starts = np.array(data.draw(st.lists(st.integers(0, size - 2), min_size=1, max_size=4)))
    windows = Windows(np.arange(size, dtype=np.uint8), length)
    inputs, targets = (np.concatenate(parts) for parts in zip(*(windows.stream(starts, k) for k in range(9)),
                                                              strict=True))  # fmt: skip
    for b, at in enumerate(starts):
        for t in range(9 * length):
            assert (inputs[t, b], targets[t, b]) == (at, at + 1)  # of every pair the second follows the first
            at = at + 1 if at + 1 < size - 1 else 0


def test_a_stream_needs_only_its_starts_and_a_number():
    ids = np.random.default_rng(0).integers(256, size=999).astype(np.uint8)
    starts = np.random.default_rng(3).integers(998, size=5)  # of any input of the split
    for k in (0, 5, 10**9):
        one = Windows(ids, 7).stream(starts, k)
        other = Windows(ids.copy(), 7).stream(starts.copy(), k)
        assert all((a == b).all() for a, b in zip(one, other, strict=True))
        # a window that does not wrap is the one that starts there
        first = (starts + 7 * k) % 998
        whole = first + 7 <= 998
        assert (Windows(ids, 7).at(first[whole])[0] == one[0][:, whole]).all()
    assert whole.any()


@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_streams_start_evenly_over_the_split(batch):
    starts = Windows(np.zeros(101, np.uint8), 5).spread(batch)
    gaps = np.diff([*starts, starts[0] + 100])
    assert starts[0] == 0
    assert gaps.max() - gaps.min() <= 1
    assert starts.max() < 100

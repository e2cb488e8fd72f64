"""Splits and windows against explicit positions."""

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora.splits import SPLITS, Windows, cuts, fractions_of

# --- splits -----------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=100, max_size=300))
def test_splits_cover_the_text_and_have_the_right_lengths(text):
    splits = cuts(text)
    assert tuple(splits) == SPLITS
    assert b"".join(text[positions] for positions in splits.values()) == text
    for share, positions in zip((0.9, 0.95, 1), splits.values(), strict=True):
        assert 0 <= positions.stop - int(round(share * 100) * len(text) // 100) <= 3


@given(st.text(min_size=100, max_size=200))
def test_no_split_ends_within_a_character(text):
    splits = cuts(text.encode())
    assert "".join(text.encode()[positions].decode() for positions in splits.values()) == text


def test_fractions_are_taken_as_decimals():
    # As floating-point numbers .7 and .2 add up to a little less than .9, which would move a boundary.
    assert cuts(bytes(1000), (0.7, 0.2, 0.1)) == {
        "train": slice(0, 700), "validation": slice(700, 900), "test": slice(900, 1000)
    }  # fmt: skip


def scaled(share, digits):
    """A decimal fraction times 10 ** digits, as an exact whole number."""
    return int(Decimal(repr(share)).scaleb(digits).to_integral_exact())


@given(st.integers(1, 10**6), *2 * [st.floats(1e-6, 0.9)])
def test_two_held_out_fractions_split_at_exact_positions(size, validation, test):
    """In whole numbers: 30 digits are more than a fraction of at least 1e-6 has."""
    whole, v, t = 10**30, scaled(validation, 30), scaled(test, 30)
    ends = [(whole - v - t) * size // whole, (whole - t) * size // whole, size]
    if v + t >= whole:
        with pytest.raises(ValueError, match="three positive fractions whose sum is 1"):
            cuts(bytes(size), fractions_of(validation, test))
    elif 0 < ends[0] < ends[1] < size:
        splits = cuts(bytes(size), fractions_of(validation, test))
        assert [positions.stop for positions in splits.values()] == ends
    else:
        with pytest.raises(ValueError, match="split would be empty"):
            cuts(bytes(size), fractions_of(validation, test))


@given(st.integers(1, 4), st.integers(100, 10**6), st.data())
def test_three_fractions_split_like_the_two_held_out(digits, size, data):
    whole = 10**digits
    train = data.draw(st.integers(1, whole - 2))
    validation = data.draw(st.integers(1, whole - 1 - train))
    ends = [train * size // whole, (train + validation) * size // whole, size]
    if not 0 < ends[0] < ends[1] < size:
        return
    fractions = [count / whole for count in (train, validation, whole - train - validation)]
    splits = cuts(bytes(size), fractions)
    assert [positions.stop for positions in splits.values()] == ends
    assert splits == cuts(bytes(size), fractions_of(*fractions[1:]))


@pytest.mark.parametrize(
    "fractions", [(0.9, 0.1), (0.9, 0.1, 0), (0.9, 0.2, -0.1), (0.5, 0.3, 0.3), (float("nan"), 0.5, 0.5), ()]
)
def test_invalid_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="three positive fractions whose sum is 1"):
        cuts(bytes(1000), fractions)


@pytest.mark.parametrize(("size", "name"), [(1, "train"), (10, "validation"), (2, "validation")])
def test_a_corpus_too_short_for_a_split(size, name):
    with pytest.raises(ValueError, match=f"a corpus of {size} bytes is too short: its {name} split would be empty"):
        cuts(b"x" * size)


# --- windows ----------------------------------------------------------------------------------------------------------


def test_a_window_has_the_symbols_at_its_start_and_their_followers():
    ids = np.arange(100, 120, dtype=np.uint8)
    inputs, targets = Windows(ids, 5).at(np.array([0, 3, 14]))
    assert inputs.tolist() == [[100 + t + s for s in (0, 3, 14)] for t in range(5)]
    assert (targets == inputs.astype(int) + 1).all()
    assert (inputs.dtype, targets.dtype) == (np.uint8, np.int64)


def test_all_starts_are_drawn_equally_often():
    ids = np.arange(12, dtype=np.uint16)
    inputs, targets = Windows(ids, 4).draw(np.random.default_rng(1), 80_000)
    counts = Counter(inputs[0].tolist())
    assert sorted(counts) == list(range(8))  # the last target is the last symbol
    assert targets.max() == 11
    # 10,000 each, with a standard deviation of 94
    assert max(abs(count - 10_000) for count in counts.values()) < 450


def test_drawing_depends_on_the_generator_alone():
    windows = Windows(np.random.default_rng(0).integers(256, size=5000).astype(np.uint8), 20)
    first, second = (windows.draw(np.random.default_rng(7), 9) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_a_split_that_is_one_window_long():
    windows = Windows(np.arange(6, dtype=np.uint8), 5)
    assert windows.starts == 1
    assert windows.draw(np.random.default_rng(0), 3)[1].T.tolist() == [[1, 2, 3, 4, 5]] * 3


def test_a_split_shorter_than_a_window():
    with pytest.raises(
        ValueError, match="the test split has 1,000 symbols, and a window of 1,000 .* takes 1,001: use a"
    ):
        Windows(np.zeros(1000, np.uint8), 1000, "test")
    with pytest.raises(ValueError, match="at least one symbol, not 0"):
        Windows(np.zeros(1000, np.uint8), 0)


# --- streams ----------------------------------------------------------------------------------------------------------


@given(st.integers(2, 40), st.integers(1, 12), st.data())
def test_streams_continue_from_window_to_window_and_from_the_end_to_the_beginning(size, length, data):
    if size <= length:
        return
    starts = np.array(data.draw(st.lists(st.integers(0, size - 2), min_size=1, max_size=4)))
    windows = Windows(np.arange(size, dtype=np.uint8), length)
    read = [windows.stream(starts, k) for k in range(9)]
    inputs, targets = (np.concatenate(arrays) for arrays in zip(*read, strict=True))
    for b, start in enumerate(starts):
        position = start
        for t in range(9 * length):
            assert (inputs[t, b], targets[t, b]) == (position, position + 1)
            position = position + 1 if position + 1 < size - 1 else 0


def test_a_stream_depends_on_its_starts_and_number_only():
    ids = np.random.default_rng(0).integers(256, size=999).astype(np.uint8)
    starts = np.random.default_rng(3).integers(998, size=5)  # of any input of the split
    for k in (0, 5, 10**9):
        window = Windows(ids, 7).stream(starts, k)
        again = Windows(ids.copy(), 7).stream(starts.copy(), k)
        assert all((a == b).all() for a, b in zip(window, again, strict=True))
        # a window that does not wrap is the window at its first position
        first = (starts + 7 * k) % 998
        whole = first + 7 <= 998
        assert (Windows(ids, 7).at(first[whole])[0] == window[0][:, whole]).all()
    assert whole.any()


@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_streams_start_evenly_over_the_split(batch):
    starts = Windows(np.zeros(101, np.uint8), 5).spread(batch)
    gaps = np.diff([*starts, starts[0] + 100])
    assert starts[0] == 0
    assert gaps.max() - gaps.min() <= 1
    assert starts.max() < 100

"""Train, validation and test by position, and windows of symbols out of a split.

Cuts are made in bytes, before there are symbols, and each split becomes symbols for itself. So a split is the same text
at every level, which makes bits per byte comparable between them; no symbol reaches across a cut; and a vocabulary can
be trained on the training split alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

SPLITS = ("train", "validation", "test")
FRACTIONS = (0.9, 0.05, 0.05)


def fractions_of(validation: float, test: float) -> tuple[Fraction, Fraction, Fraction]:
    """The three fractions, from those that are held out, which are exactly what is written: .05 is 1/20.

    They stay fractions, as a training share that is rounded to a float need not make up a whole with the others.
    """
    held_out = Fraction(str(validation)), Fraction(str(test))
    return 1 - sum(held_out), *held_out


def cuts(text: bytes, fractions: Sequence[float | Fraction] = FRACTIONS) -> dict[str, slice]:
    """Where in a text each split lies: one after the other, together all of it.

    A cut that would fall into a UTF-8 character is moved to the character's end, at most three bytes. Raises ValueError
    if the fractions are not three positive numbers whose sum is 1, or if a split has no byte.
    """
    # As they are written: .9 and .05 are together .95, and not a little more.
    exact = [Fraction(str(fraction)) if math.isfinite(fraction) else Fraction(0) for fraction in fractions]
    if len(exact) != len(SPLITS) or min(exact) <= 0 or sum(exact) != 1:
        shown = ", ".join(f"{float(fraction):g}" for fraction in fractions)
        raise ValueError(f"splits {shown}: three positive fractions whose sum is 1 ({', '.join(SPLITS)})")
    ends = [_character(text, math.floor(sum(exact[: i + 1]) * len(text))) for i in range(len(SPLITS))]
    found = dict(zip(SPLITS, map(slice, [0, *ends[:-1]], ends), strict=True))
    for name, part in found.items():
        if part.start >= part.stop:
            raise ValueError(f"a corpus of {len(text):,} bytes leaves none to the {name} split")
    return found


def _character(text: bytes, position: int) -> int:
    """The first position from this one on that is not within a UTF-8 character (0b10xxxxxx goes on with one)."""
    for step in range(3):
        if position + step >= len(text) or text[position + step] & 0xC0 != 0x80:
            return position + step
    return position + 3


class Windows:
    """Windows of `length` symbols of a split, each with the symbol that follows every one of them.

    ids: (N,) of a split that is called `name`. A window that starts at s has the inputs s to s + length - 1 and the
    targets s + 1 to s + length, so s is at most N - 1 - length. Raises ValueError if there is no such s.
    """

    def __init__(self, ids: np.ndarray, length: int, name: str = "split") -> None:
        if length < 1:
            raise ValueError(f"a window has at least one symbol, not {length}")
        if len(ids) < length + 1:
            raise ValueError(
                f"the {name} split has {len(ids):,} symbols, and a window of {length:,} with the symbol that follows "
                f"takes {length + 1:,}: a longer corpus, other splits or a shorter window"
            )
        self.ids, self.length, self.name = ids, length, name

    @property
    def starts(self) -> int:
        """How many positions a window can start at, from 0 on."""
        return len(self.ids) - self.length

    def at(self, starts_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The windows that start at these positions: inputs (T, B) of the ids' dtype, targets (T, B) int64."""
        return self._pairs(starts_B[None, :] + np.arange(self.length)[:, None])

    def draw(self, rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """`batch` windows as `at` gives them, each start uniform over all that there are."""
        return self.at(rng.integers(self.starts, size=batch))

    def spread(self, batch: int) -> np.ndarray:
        """Starts of `batch` streams, evenly over the split."""
        return np.arange(batch) * (len(self.ids) - 1) // batch

    def stream(self, starts_B: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Window number `window`, from 0, of streams that go on through the split from where they start.

        Inputs and targets as `at` gives them. A stream that comes to the end goes on at the beginning: its last input
        there is the last symbol but one, and its next is the first, so that every target is what does follow its input.
        A pure function of its arguments: whoever keeps starts and number can go on.
        """
        steps_T1 = np.arange(self.length)[:, None] + window * self.length
        return self._pairs((starts_B[None, :] + steps_T1) % (len(self.ids) - 1))

    def _pairs(self, at_TB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The symbols at these positions, and those that follow them."""
        return self.ids[at_TB], self.ids[at_TB + 1].astype(np.int64)

"""Training, validation and test splits by position, and windows of symbols of a split.

A corpus is split in bytes, before encoding, and each split is encoded separately. A split is therefore the same text at
every level, so bits per byte are comparable between levels; no symbol crosses a boundary; and a vocabulary can be
trained on the training split only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

SPLITS = ("train", "validation", "test")
FRACTIONS = (0.9, 0.05, 0.05)


def fractions_of(validation: float, test: float) -> tuple[Fraction, Fraction, Fraction]:
    """Return the fractions of training, validation and test from the two that are held out, taken as decimals.

    They are exact fractions (.05 is 1/20): a training fraction that is rounded to a float could make a sum other
    than 1.
    """
    held_out = Fraction(str(validation)), Fraction(str(test))
    return 1 - held_out[0] - held_out[1], *held_out


def cuts(text: bytes, fractions: Sequence[float | Fraction] = FRACTIONS) -> dict[str, slice]:
    """Return the position of each split in a text: adjacent slices in bytes that cover all of it.

    A boundary within a UTF-8 character is moved to the end of the character, at most three bytes. Raises ValueError if
    the fractions are not three positive numbers whose sum is 1, or if a split is empty.
    """
    # As decimals: .9 and .05 add up to exactly .95.
    exact = [Fraction(str(fraction)) if math.isfinite(fraction) else Fraction(0) for fraction in fractions]
    if len(exact) != len(SPLITS) or min(exact) <= 0 or sum(exact) != 1:
        shown = ", ".join(f"{float(fraction):g}" for fraction in fractions)
        raise ValueError(f"splits {shown}; allowed: three positive fractions whose sum is 1 ({', '.join(SPLITS)})")
    ends = [_character_start(text, math.floor(sum(exact[: i + 1]) * len(text))) for i in range(len(SPLITS))]
    splits = dict(zip(SPLITS, map(slice, [0, *ends[:-1]], ends), strict=True))
    for name, positions in splits.items():
        if positions.start >= positions.stop:
            raise ValueError(f"a corpus of {len(text):,} bytes is too short: its {name} split would be empty")
    return splits


def _character_start(text: bytes, position: int) -> int:
    """Return the first position at or after this one that is not within a UTF-8 character (bytes 0b10xxxxxx)."""
    for step in range(3):
        if position + step >= len(text) or text[position + step] & 0xC0 != 0x80:
            return position + step
    return position + 3


class Windows:
    """Windows of `length` symbols of a split, with the following symbol of each as its target.

    ids: (N,) symbols of the split. name: of the split, for messages. A window that starts at s has the inputs s to
    s + length - 1 and the targets s + 1 to s + length, so s is at most N - 1 - length. Raises ValueError if `length`
    is below 1 or the split is shorter than length + 1.
    """

    def __init__(self, ids: np.ndarray, length: int, name: str = "split") -> None:
        if length < 1:
            raise ValueError(f"a window has at least one symbol, not {length}")
        if len(ids) < length + 1:
            raise ValueError(
                f"the {name} split has {len(ids):,} symbols, and a window of {length:,} with its last target "
                f"takes {length + 1:,}: use a longer corpus, other splits or a shorter window"
            )
        self.ids, self.length, self.name = ids, length, name

    @property
    def starts(self) -> int:
        """The number of positions at which a window can start, from 0."""
        return len(self.ids) - self.length

    def at(self, starts_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows that start at these positions: inputs (T, B) of the ids' dtype, targets (T, B) int64."""
        return self._pairs(starts_B[None, :] + np.arange(self.length)[:, None])

    def draw(self, rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw `batch` windows with uniform starts; returns inputs and targets as `at` does."""
        return self.at(rng.integers(self.starts, size=batch))

    def spread(self, batch: int) -> np.ndarray:
        """Return the starts of `batch` streams, (B,) int64, evenly spaced over the split."""
        return np.arange(batch) * (len(self.ids) - 1) // batch

    def stream(self, starts_B: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Return window number `window`, from 0, of streams that read the split from these starts.

        Inputs and targets are as for `at`. At the end of the split a stream continues at its beginning: after the input
        at N - 2 comes the input at 0, so that every target is the symbol that follows its input in the text. The result
        depends on the arguments only, so starts and number are all that is needed to resume.
        """
        steps_T1 = np.arange(self.length)[:, None] + window * self.length
        return self._pairs((starts_B[None, :] + steps_T1) % (len(self.ids) - 1))

    def _pairs(self, positions_TB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the symbols at these positions, and the symbols that follow them."""
        return self.ids[positions_TB], self.ids[positions_TB + 1].astype(np.int64)

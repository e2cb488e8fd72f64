"""Sequences that another library wrote into an .npz file: trials, with what is asked at each step and where it counts.

    numpy.savez("trials.npz", inputs=inputs, targets=targets, mask=mask)

The file has these arrays, N being the number of trials and T the steps of the longest:

- `inputs`: (N, T, I) real numbers, or (N, T) whole numbers, which are symbols from 0.
- `targets`: (N, T) whole numbers, which are classes from 0, or real numbers; or (N, T, O) numbers.
- `mask`: (N, T), true or 1 where an answer is scored. Left out, all steps are.
- `lengths`, if trials have several lengths: (N,) whole numbers from 1 to T. Steps behind the end are not scored.

A trial needs a step that is scored. All trials count the same in the loss, and all scored steps of a trial. The error
of a trial is the share of its scored steps that are answered wrongly. See rnnctl.tasks.finite.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np

from rnnctl.question import NOT_ASKED
from rnnctl.section import also_called
from rnnctl.tasks.finite import FileData, FiniteSection, Sequences
from rnnctl.tasks.npz import Arrays, load

NAMES = ("inputs", "targets", "mask", "lengths")


class RecordedSection(FiniteSection):
    """Trials that another library wrote into an .npz file: `inputs`, `targets` and a `mask` of scored steps."""

    name: Annotated[Literal["recorded"], also_called(recorded=("trials", "neurogym", "recording"))]

    def read(self) -> FileData:
        return _read(load(self.file, NAMES))


@lru_cache(maxsize=4)
def _read(arrays: Arrays) -> FileData:
    inputs, lengths_N, symbols = arrays.inputs("inputs", "lengths")
    count, steps = inputs.shape[:2]
    scored_NT = np.arange(steps) < lengths_N[:, None]
    if "mask" in arrays:
        scored_NT = scored_NT & _mask(arrays, count, steps)
    if not scored_NT.any(1).all():
        raise arrays.error(f"sequence {int(scored_NT.any(1).argmin())} has no step that is scored")
    targets = arrays.get("targets")
    if targets.ndim not in (2, 3) or targets.shape[1] != steps or 0 in targets.shape:
        raise arrays.shape_error("targets", targets, f"(N, {steps}) or (N, {steps}, O), as inputs has {steps} steps")
    arrays.sequences("targets", targets, count, "inputs")
    classes = None
    if targets.ndim == 2 and targets.dtype.kind in "biu":
        targets = np.where(scored_NT, arrays.classes("targets", targets, scored_NT), NOT_ASKED)
        classes = int(targets.max()) + 1
        if classes < 2:
            raise arrays.error("targets has one class alone; at least two are needed")
    else:
        plain = targets[..., 0] if targets.shape[2:] == (1,) else targets
        targets = arrays.reals("targets", plain, scored_NT)
        targets[~scored_NT] = np.nan
    asked: Literal["every", "some"] = "every" if scored_NT.all() else "some"
    return FileData(arrays.sha256, Sequences(inputs, targets, lengths_N), None, symbols, classes, asked)


def _mask(arrays: Arrays, count: int, steps: int) -> np.ndarray:
    mask = arrays.get("mask")
    if mask.shape != (count, steps):
        raise arrays.shape_error("mask", mask, f"({count}, {steps}), one number for each step of inputs")
    if not ((mask == 0) | (mask == 1)).all():
        raise arrays.error("mask must be 0 or 1, or false or true")
    scored: np.ndarray = mask == 1
    return scored

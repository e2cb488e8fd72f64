"""Your own sequences from an .npz file: what `train_data=(X, y)` means elsewhere.

    numpy.savez("mine.npz", X=X, y=y)

The file has these arrays, N being the number of sequences and T their steps:

- `X`: (N, T, I) real numbers, or (N, T) whole numbers, which are symbols from 0.
- `y`: classes, (N,) whole numbers from 0, or (N, C) one-hot; or numbers, (N,) or (N, O). They are asked at the last
  step. With an axis of T steps, (N, T), (N, T, C) or (N, T, O), every step is asked.
- `lengths`, if sequences have several lengths: (N,) whole numbers from 1 to T. A sequence ends there, and its last step
  is the one before.
- `X_validation` and `y_validation` (and `lengths_validation`), if the validation sequences are not to be a share of the
  others.

Whole numbers in `y` are classes, and so are rows of one 1 and otherwise 0; other real numbers are numbers. `answers`
and `asked` decide where that is not what is meant, or where two readings are possible. See rnnctl.tasks.finite.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from rnnctl.question import NOT_ASKED
from rnnctl.section import also_called
from rnnctl.tasks.finite import FileData, FiniteSection, Sequences
from rnnctl.tasks.npz import Arrays, load

OWN = "_validation"  # the end of the names of a file's own validation arrays
NAMES = tuple(f"{name}{end}" for end in ("", OWN) for name in ("X", "y", "lengths"))

Answers = Literal["auto", "classes", "values"]
Asked = Literal["auto", "last", "every"]


class ArraysSection(FiniteSection):
    """Your own sequences `X` and answers `y` from an .npz file, in epochs."""

    name: Annotated[Literal["arrays"], also_called(arrays=("npz", "numpy", "data", "custom", "dataset"))]
    answers: Annotated[Answers, also_called(values=("regression", "reals"), classes=("classification", "labels"))] = (
        Field("auto", description="whether y are classes or numbers; auto: whole numbers and one-hot rows are classes")
    )
    asked: Annotated[Asked, also_called("return_sequences", every=("true",), last=("false",))] = Field(
        "auto", description="which steps are asked; auto: as the shape of y says"
    )

    def read(self) -> FileData:
        return _read(load(self.file, NAMES), self.answers, self.asked)


@lru_cache(maxsize=4)
def _read(arrays: Arrays, answers: Answers, asked: Asked) -> FileData:
    sequences, symbols, kind, where = _sequences(arrays, "", answers, asked)
    own = None
    if f"X{OWN}" in arrays or f"y{OWN}" in arrays:
        told: Asked = "every" if where in ("every", "some") else "last"
        own, own_symbols, own_kind, own_where = _sequences(arrays, OWN, kind, told)
        if own.inputs.shape[2:] != sequences.inputs.shape[2:] or (symbols is None) != (own_symbols is None):
            raise arrays.error(f"X{OWN} does not have inputs like those of X")
        if own.inputs.shape[1] != sequences.inputs.shape[1]:
            raise arrays.error(f"X{OWN} has {own.inputs.shape[1]} steps, and X has {sequences.inputs.shape[1]}")
        if own.targets.shape[1:] != sequences.targets.shape[1:] or (own_where == "last") != (where == "last"):
            raise arrays.error(f"y{OWN} does not have answers like those of y, or only one of the two has lengths")
        symbols = None if symbols is None or own_symbols is None else max(symbols, own_symbols)
    parts = [sequences.targets] if own is None else [sequences.targets, own.targets]
    classes = max(int(part.max()) + 1 for part in parts) if kind == "classes" else None
    if classes is not None and classes < 2:
        raise arrays.error("y has one class alone; at least two are needed")
    return FileData(arrays.sha256, sequences, own, symbols, classes, where)


def _sequences(
    arrays: Arrays, end: str, answers: Answers, asked: Asked
) -> tuple[Sequences, int | None, Literal["classes", "values"], Literal["last", "ends", "every", "some"]]:
    """Return sequences, the number of symbols, the kind of answers, and which steps are asked. end: of the names."""
    x, y = f"X{end}", f"y{end}"
    inputs, lengths_N, symbols = arrays.inputs(x, f"lengths{end}")
    count, steps = inputs.shape[:2]
    target = arrays.get(y)
    arrays.sequences(y, target, count, x)
    every = _asks_every(arrays, y, target, steps, asked)
    plain = target[..., 0] if target.shape[1 + every :] == (1,) else target
    kind = _kind(arrays, y, plain, every, answers)
    used_NT = np.arange(steps) < lengths_N[:, None]
    needed = used_NT if every else None
    if kind == "values":
        targets = arrays.reals(y, plain, needed)
    elif plain.ndim == 1 + every:
        targets = arrays.classes(y, plain, needed)
    else:
        targets = plain.argmax(-1)
    equal = bool((lengths_N == steps).all())
    if every and not equal:
        targets = targets.copy()
        targets[~used_NT] = NOT_ASKED if kind == "classes" else np.nan
    elif not every and not equal:
        targets = _at_ends(targets, lengths_N, steps, kind)
    where: Literal["last", "ends", "every", "some"]
    where = ("every" if equal else "some") if every else ("last" if equal else "ends")
    return Sequences(inputs, targets, lengths_N), symbols, kind, where


def _asks_every(arrays: Arrays, name: str, target: np.ndarray, steps: int, asked: Asked) -> bool:
    """Return whether answers have an axis of steps. Raise ValueError if their shape allows both, or neither."""
    allowed = f"(N,), (N, C) or (N, O) for the last step, and (N, {steps}), (N, {steps}, C) or (N, {steps}, O) for all"
    can_be_last = target.ndim in (1, 2)
    can_be_every = target.ndim in (2, 3) and target.shape[1] == steps
    if asked == "auto":
        if can_be_last and can_be_every and target.ndim == 2:
            if target.dtype.kind in "iu" and not _is_one_hot(target):
                return True
            raise arrays.error(
                f"{name} has the shape {target.shape}, and X has {steps} steps too: say asked: every or asked: last"
            )
        asked = "every" if can_be_every else "last"
    if not (can_be_every if asked == "every" else can_be_last) or 0 in target.shape:
        raise arrays.shape_error(name, target, allowed)
    return asked == "every"


def _kind(arrays: Arrays, name: str, target: np.ndarray, every: bool, answers: Answers) -> Literal["classes", "values"]:
    """Return whether answers are classes or values."""
    one_hot = target.ndim == 2 + every and target.shape[-1] > 1 and _is_one_hot(target)
    whole = target.dtype.kind in "biu"
    if answers == "auto":
        return "classes" if one_hot or (whole and target.ndim == 1 + every) else "values"
    if answers == "classes" and not one_hot and not (whole and target.ndim == 1 + every):
        raise arrays.error(f"{name} cannot be classes: neither whole numbers, one an answer, nor one-hot rows")
    return answers


def _is_one_hot(target: np.ndarray) -> bool:
    """Return whether all rows have one 1 and otherwise 0."""
    return bool((((target == 0) | (target == 1)).all(-1) & ((target == 1).sum(-1) == 1)).all())


def _at_ends(targets: np.ndarray, lengths_N: np.ndarray, steps: int, kind: str) -> np.ndarray:
    """Return answers with an axis of steps, (N, T) or (N, T, O), that are asked at the last step of each sequence."""
    nothing: float = NOT_ASKED if kind == "classes" else np.nan
    spread = np.full((len(targets), steps, *targets.shape[1:]), nothing, targets.dtype)
    spread[np.arange(len(targets)), lengths_N - 1] = targets
    return spread

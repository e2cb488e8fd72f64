"""What the checks of a run have left, as arrays: numbers by name, and traces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rnnctl.api.rows import Rows
from rnnctl.api.taken import ScalarName, TraceName
from rnnctl.arguments import checked
from rnnctl.errors import NotFound
from rnnctl.words import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from store.history import History as Kept

STEP = "step"


@checked
class History(Mapping[str, npt.NDArray[Any]]):
    """The numbers of N checks, oldest first, an array (N,) each by name: `history["valid_loss"]`.

    `history["step"]` are the updates that had been done, int64; the others are float64, NaN where a check has no finite
    number of this name.
    """

    def __init__(self, kept: Kept) -> None:
        self._columns: dict[str, npt.NDArray[Any]] = {STEP: kept.steps, **kept.scalars}

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The updates that had been done at each check, (N,)."""
        return self._columns[STEP]

    def __getitem__(self, name: ScalarName) -> npt.NDArray[Any]:
        """Return the numbers of a name, (N,). Raise NotFound, with the nearest name."""
        if name not in self._columns:
            raise NotFound(_unknown("the history has no", name, self._columns if len(self.steps) else ()))
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"History({len(self.steps)} checks of {', '.join(self._columns)})"

    def rows(self) -> Rows:
        """Return a row for each check; None where a check has no finite number."""
        columns = [[x if isfinite(x) else None for x in column.tolist()] for column in self._columns.values()]
        return Rows(dict(zip(self._columns, values, strict=True)) for values in zip(*columns, strict=True))

    def frame(self) -> pd.DataFrame:
        """Return a frame of pandas with a row for each check. Raise Failed if pandas is not installed."""
        return self.rows().frame()

    def _repr_html_(self) -> str:
        return self.rows()._repr_html_()


@checked
class Traces(Mapping[str, npt.NDArray[Any]]):
    """The arrays of checks, stacked over the M checks that have one of this name, oldest first: (M, ...).

    `traces["gradient"]` is (M, T): the mean norm of dL/dh_t at the steps t = 1..T. It is kept as `grad_time`, and
    `saturation_time`, `gate_z_time` and so on can likewise be called without their ending.
    """

    def __init__(self, kept: Kept) -> None:
        self._steps, self._arrays = kept.steps, kept.traces

    def steps(self, name: TraceName) -> npt.NDArray[np.int64]:
        """Return the updates of the checks that have this trace, (M,). Raise NotFound if there is no such trace."""
        arrays = self._arrays[self._kept_as(name)]
        return self._steps[[array is not None for array in arrays]]

    def __getitem__(self, name: TraceName) -> npt.NDArray[Any]:
        """Return the traces of a name, (M, ...). Raise NotFound, with the nearest name."""
        arrays = [array for array in self._arrays[self._kept_as(name)] if array is not None]
        if len({array.shape for array in arrays}) > 1:
            return _padded(arrays)
        return np.stack(arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return f"Traces({', '.join(self._arrays)})"

    def _kept_as(self, name: str) -> str:
        short = name.replace("gradient", "grad")
        match = next((each for each in (name, f"{name}_time", short, f"{short}_time") if each in self._arrays), None)
        if match is None:
            raise NotFound(_unknown("there is no trace", name, self._arrays))
        return match


def _unknown(what: str, name: object, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return f"{what} {name!r}: the run has not been checked yet"
    return f"{what} {name!r}; allowed: {', '.join(names)}{did_you_mean(str(name), names)}"


def _padded(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """Return arrays of different lengths stacked, with NaN at the ends of the shorter ones."""
    longest = max(len(array) for array in arrays)
    stacked = np.full((len(arrays), longest, *arrays[0].shape[1:]), np.nan)
    for row, array in zip(stacked, arrays, strict=True):
        row[: len(array)] = array
    return stacked

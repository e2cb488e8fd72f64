"""The input of figures: small frozen records of tidy arrays, validated on creation.

Every record belongs to one run. `label` names the run ("SGD-CR seed 1"), `group` names its configuration
("SGD-CR"): replicates over seeds share the group and its colour. `updates` counts parameter updates. NaN means
"missing" (padding, a value that was not finite); `inf` is kept where a figure can show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

# The ways in which a run can end; None stands for a run that has not ended.
ENDS = ("solved", "budget", "early_stop", "diverged", "failed", "quarantined", "cancelled")


def _not_counted() -> np.ndarray:
    return _NOT_COUNTED


_NOT_COUNTED = np.empty(0)  # the default of a histogram's zeros and overflows: none at any check


def _array(owner: str, name: str, values: object, ndim: int) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner}: {name} is not an array of numbers ({error})") from error
    if array.ndim != ndim:
        raise ValueError(f"{owner}: {name} has {array.ndim} dimensions, allowed: {ndim}")
    return array


def _rows(owner: str, name: str, array: np.ndarray, updates: np.ndarray) -> None:
    if len(array) != len(updates):
        raise ValueError(
            f"{owner}: {name} has {len(array)} rows for {len(updates)} updates, allowed: one row per update"
        )


def _updates(owner: str, updates: object) -> np.ndarray:
    array = _array(owner, "updates", updates, 1)
    if not np.all(np.isfinite(array)) or np.any(np.diff(array) <= 0):
        raise ValueError(
            f"{owner}: updates are not in order, allowed: finite numbers, each greater than the previous one"
        )
    return array


def _ended(owner: str, ended: str | None) -> None:
    if ended is not None and ended not in ENDS:
        raise ValueError(f"{owner}: ended is {ended!r}, allowed: {', '.join(ENDS)} or None")


@dataclass(frozen=True, eq=False)
class Series:
    """One run's curve: a value at each check, with an optional band around it.

    updates: (n,), strictly increasing. values: (n,). low, high: (n,), both or neither, the edges of the band, such as
    p10 and p90. Raises ValueError for arrays that do not fit and for an unknown `ended`.
    """

    label: str
    group: str
    updates: np.ndarray
    values: np.ndarray
    ended: str | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def __post_init__(self) -> None:
        owner = f"Series {self.label!r}"
        _ended(owner, self.ended)
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{owner}: a band has one edge, allowed: low and high together, or neither")
        object.__setattr__(self, "updates", _updates(owner, self.updates))
        for name in ("values", "low", "high"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _array(owner, name, getattr(self, name), 1))
                _rows(owner, name, getattr(self, name), self.updates)

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The lower and upper edge of the band, (n,) each, or None if the run has no band."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def last(self) -> float:
        """The last finite value, or NaN if there is none."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite[-1]) if len(finite) else float("nan")


@dataclass(frozen=True, eq=False)
class Trace:
    """One run's values at every time step of every check.

    updates: (n,), strictly increasing. values: (n, T); column t - 1 holds time step t, NaN where a sequence was
    shorter. quantity: which of several quantities of the run this is, such as "gate z". Raises ValueError for arrays
    that do not fit.
    """

    label: str
    group: str
    updates: np.ndarray
    values: np.ndarray
    quantity: str = ""

    def __post_init__(self) -> None:
        owner = f"Trace {self.label!r}"
        object.__setattr__(self, "updates", _updates(owner, self.updates))
        object.__setattr__(self, "values", _array(owner, "values", self.values, 2))
        _rows(owner, "values", self.values, self.updates)
        if len(self.updates) and not self.values.shape[1]:
            raise ValueError(f"{owner}: values has no time step, allowed: one or more columns")


@dataclass(frozen=True, eq=False)
class Histogram:
    """One run's histogram at each check: of log10 g, zeros and overflows counted separately, or of a distance.

    updates: (n,), strictly increasing. edges: (bins + 1,), strictly increasing, in units of log10 g or of the distance.
    counts: (n, bins). zeros, infinite: (n,), the number of exact zeros and of overflows of g, 0 if not given. quantity:
    as for `Trace`. remark: text above the run's panel. Raises ValueError for arrays that do not fit and for negative
    counts.
    """

    label: str
    group: str
    updates: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    zeros: np.ndarray = field(default_factory=_not_counted)
    infinite: np.ndarray = field(default_factory=_not_counted)
    quantity: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        owner = f"Histogram {self.label!r}"
        object.__setattr__(self, "updates", _updates(owner, self.updates))
        for name in ("zeros", "infinite"):
            if getattr(self, name) is _NOT_COUNTED:
                object.__setattr__(self, name, np.zeros(len(self.updates)))
        for name, ndim in (("edges", 1), ("counts", 2), ("zeros", 1), ("infinite", 1)):
            object.__setattr__(self, name, _array(owner, name, getattr(self, name), ndim))
        if len(self.edges) < 2 or not np.all(np.isfinite(self.edges)) or np.any(np.diff(self.edges) <= 0):
            raise ValueError(f"{owner}: edges are not in order, allowed: two or more increasing finite numbers")
        if self.counts.shape[1] != len(self.edges) - 1:
            bins = len(self.edges) - 1
            raise ValueError(f"{owner}: counts has {self.counts.shape[1]} bins, allowed: {bins} for these edges")
        for name in ("counts", "zeros", "infinite"):
            array = getattr(self, name)
            _rows(owner, name, array, self.updates)
            if not np.all(array >= 0):
                raise ValueError(f"{owner}: {name} holds negative numbers or NaN, allowed: counts of 0 or more")

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts, zeros and overflows as shares of all values of a check: (n, bins), (n,), (n,); 0 without values."""
        total = np.maximum(self.counts.sum(axis=1) + self.zeros + self.infinite, 1)
        return self.counts / total[:, None], self.zeros / total, self.infinite / total

    @classmethod
    def from_trace(cls, trace: Trace) -> Histogram:
        """Return the histogram over the time steps of a trace of gradient norms, with bins that cover every value.

        A bin is half a decade wide; the width is doubled until 50 bins are enough. Raises ValueError for negative
        values.
        """
        values = trace.values
        if np.any(values < 0):
            raise ValueError(f"Histogram {trace.label!r}: values hold negative numbers, allowed: norms of 0 or more")
        logs = np.full(values.shape, np.nan)
        positive = np.isfinite(values) & (values > 0)
        logs[positive] = np.log10(values[positive])
        low, high = (logs[positive].min(), logs[positive].max()) if positive.any() else (-1.0, 0.0)
        width = 0.5
        while high - low > 50 * width:
            width *= 2
        first = np.floor(low / width)
        edges = width * np.arange(first, max(np.ceil(high / width), first + 1) + 1)
        counts = [np.histogram(row[np.isfinite(row)], bins=edges)[0] for row in logs]
        return cls(
            trace.label,
            trace.group,
            trace.updates,
            edges,
            np.reshape(counts, (len(values), len(edges) - 1)),
            (values == 0).sum(axis=1),
            np.isinf(values).sum(axis=1),
            trace.quantity,
        )


RecordT = TypeVar("RecordT", bound=Trace | Histogram)


@dataclass(frozen=True, eq=False)
class Point:
    """One run in a scatter plot: its hyper-parameters and its loss (NaN or inf if it has none).

    Raises ValueError for a loss that is not a number and for an unknown `ended`.
    """

    label: str
    group: str
    seed: int
    loss: float
    parameters: Mapping[str, object] = field(default_factory=dict)
    ended: str | None = None

    def __post_init__(self) -> None:
        owner = f"Point {self.label!r}"
        _ended(owner, self.ended)
        try:
            object.__setattr__(self, "loss", float(self.loss))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{owner}: loss is {self.loss!r}, allowed: a number, NaN for none") from error

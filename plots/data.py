"""What figures are drawn from: small frozen records of tidy arrays, checked once when they are made.

Every record belongs to one run. `label` names the run ("SGD-CR seed 1"), `group` names its configuration
("SGD-CR"): replicates over seeds share the group, and with it their colour. `updates` counts parameter
updates. NaN means "not there" (padding, a value that was not finite); `inf` is kept where a figure can show
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# How a run can have ended; None stands for a run that has not.
ENDS = ("solved", "budget", "early_stop", "diverged", "failed", "quarantined", "cancelled")


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
            f"{owner}: {name} has {len(array)} rows for {len(updates)} updates, allowed: one row an update"
        )


def _updates(owner: str, updates: object) -> np.ndarray:
    array = _array(owner, "updates", updates, 1)
    if not np.all(np.isfinite(array)) or np.any(np.diff(array) <= 0):
        raise ValueError(
            f"{owner}: updates are not in order, allowed: finite numbers, each greater than the one before"
        )
    return array


def _ended(owner: str, ended: str | None) -> None:
    if ended is not None and ended not in ENDS:
        raise ValueError(f"{owner}: ended is {ended!r}, allowed: {', '.join(ENDS)} or None")


@dataclass(frozen=True, eq=False)
class Series:
    """One run's curve: a value at each check, with an optional band around it.

    updates (n,) strictly growing; values (n,); low and high (n,), both or neither, the band's edges (p10
    and p90, say).
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
    def last(self) -> float:
        """The last finite value, NaN if there is none."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite[-1]) if len(finite) else float("nan")


@dataclass(frozen=True, eq=False)
class Trace:
    """One run's values at every time step, check after check.

    updates (n,) strictly growing; values (n, T): column t-1 holds time step t, NaN where a sequence was
    shorter. part: which of several quantities of the run this is, such as a gate.
    """

    label: str
    group: str
    updates: np.ndarray
    values: np.ndarray
    part: str = ""

    def __post_init__(self) -> None:
        owner = f"Trace {self.label!r}"
        object.__setattr__(self, "updates", _updates(owner, self.updates))
        object.__setattr__(self, "values", _array(owner, "values", self.values, 2))
        _rows(owner, "values", self.values, self.updates)
        if len(self.updates) and not self.values.shape[1]:
            raise ValueError(f"{owner}: values has no time step, allowed: one column and more")


@dataclass(frozen=True, eq=False)
class Histogram:
    """One run's counts at each check: of log10 g, with the values that have no logarithm apart, or of a distance.

    updates (n,); edges (bins + 1,) of what is counted, growing; counts (n, bins); zeros (n,) exact zeros and infinite
    (n,) overflows of g, none if not given. part: as of a `Trace`. remark: words that stand in the run's panel.
    """

    label: str
    group: str
    updates: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    zeros: np.ndarray | None = None
    infinite: np.ndarray | None = None
    part: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        owner = f"Histogram {self.label!r}"
        object.__setattr__(self, "updates", _updates(owner, self.updates))
        for name in ("zeros", "infinite"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(len(self.updates)))
        for name, ndim in (("edges", 1), ("counts", 2), ("zeros", 1), ("infinite", 1)):
            object.__setattr__(self, name, _array(owner, name, getattr(self, name), ndim))
        if len(self.edges) < 2 or not np.all(np.isfinite(self.edges)) or np.any(np.diff(self.edges) <= 0):
            raise ValueError(f"{owner}: edges are not in order, allowed: two or more finite numbers that grow")
        if self.counts.shape[1] != len(self.edges) - 1:
            bins = len(self.edges) - 1
            raise ValueError(f"{owner}: counts has {self.counts.shape[1]} bins, allowed: {bins} for these edges")
        for name in ("counts", "zeros", "infinite"):
            array = getattr(self, name)
            _rows(owner, name, array, self.updates)
            if not np.all(array >= 0):
                raise ValueError(f"{owner}: {name} holds negative numbers or NaN, allowed: counts of 0 and more")

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """counts, zeros and infinite as shares of all values of their check; 0 where it has none."""
        total = np.maximum(self.counts.sum(axis=1) + self.zeros + self.infinite, 1)
        return self.counts / total[:, None], self.zeros / total, self.infinite / total

    @classmethod
    def of(cls, trace: Trace) -> Histogram:
        """The histogram over time steps of a trace of gradient norms, in bins that leave no value out.

        A bin is half a decade wide, or twice that (and so on) where more than 50 would be needed.
        ValueError for negative values.
        """
        values = trace.values
        if np.any(values < 0):
            raise ValueError(f"Histogram {trace.label!r}: values hold negative numbers, allowed: norms of 0 and more")
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
            trace.part,
        )


@dataclass(frozen=True, eq=False)
class Point:
    """One run in a scatter plot: its hyper-parameters and the loss it came to (NaN or inf if it has none)."""

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

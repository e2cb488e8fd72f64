"""Whether runs support a claim about a quantity: intervals over seeds, and a verdict.

An estimate has an interval of Student's t at 95 %. Two groups are compared seed by seed if they share three seeds or
more, by the mean and the spread of the differences (or ratios) over these seeds; else by their two means (Welch 1947).

A claim *holds* if every comparison that it makes comes out its way, beyond its interval. It *does not hold* if one of
them comes out the other way beyond its interval, which is then widened to 95 % for all comparisons of the claim
together (Bonferroni). In all other cases, and with fewer than three seeds, it is *undecided*.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rnnctl.report.students_t import quantile
from rnnctl.spread import mean_and_sd
from rnnctl.study.questions import Bound, Form
from rnnctl.words import number

CONFIDENCE = 0.95
FEWEST = 3  # seeds

# The quantity of a group of runs by seed: a mean over its configurations that have a value with this seed.
Values = Mapping[int, float]


class Verdict(StrEnum):
    """What the runs say of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    UNDECIDED = "undecided"
    NOT_COMPUTED = "not computed"


@dataclass(frozen=True)
class Interval:
    """An estimate over n seeds with its 95 % interval, None with fewer than three seeds. what: is estimated.

    wide_low, wide_high: the interval that holds together with those of all other comparisons of the claim.
    """

    what: str
    estimate: float
    low: float | None
    high: float | None
    wide_low: float | None
    wide_high: float | None
    n: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.what} = {number(self.estimate)}, from fewer than {FEWEST} seeds"
        return f"{self.what} = {number(self.estimate)} (95 %: {number(self.low)} to {number(self.high)})"


@dataclass(frozen=True)
class Judgement:
    """A verdict, the estimates that it rests on, and the ones that decided it in words."""

    verdict: Verdict
    why: str
    intervals: list[Interval]


def judge(form: Form, groups: Mapping[str, Values], named: Sequence[str], bound: Bound | None) -> Judgement:
    """Judge a claim. groups: the quantity by seed, by name of the group, in their order. named: those of the claim."""
    empty = [name for name, values in groups.items() if not values]
    if missing := [name for name in (named or groups) if name in empty]:
        return Judgement(Verdict.UNDECIDED, f"no value for {', '.join(missing)}", [])
    known = {name: values for name, values in groups.items() if values}
    if form in ("value", "ratio", "difference"):
        assert bound is not None
        return _bounded(form, known, named, bound)
    pairs = list(_pairs(form, list(known), named))
    intervals = [difference(known, low, high, len(pairs)) for low, high, _ in pairs]
    against = [interval for interval in intervals if interval.wide_high is not None and interval.wide_high < 0]
    if against:
        return Judgement(Verdict.DOES_NOT_HOLD, "; ".join(map(str, against)), intervals)
    needed = [interval for interval, (_, _, needs) in zip(intervals, pairs, strict=True) if needs]
    open_ones = [interval for interval in needed if interval.low is None or interval.low <= 0]
    if empty:
        return Judgement(Verdict.UNDECIDED, f"no value for {', '.join(empty)}", intervals)
    if open_ones:
        return Judgement(Verdict.UNDECIDED, "; ".join(map(str, open_ones)), intervals)
    nearest = min(needed, key=lambda interval: interval.estimate)
    return Judgement(Verdict.HOLDS, str(nearest), intervals)


def _pairs(form: Form, names: Sequence[str], named: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield what a claim compares: the group said to be lower, the one said to be higher, and whether that has to be
    shown; else it only has to be not refuted.
    """
    if form == "order":
        for low, high in zip(named, named[1:], strict=False):
            yield low, high, True
    elif form in ("lowest", "highest"):
        for other in names:
            if other != named[0]:
                yield (named[0], other, True) if form == "lowest" else (other, named[0], True)
    elif form == "u_shape":
        for other in names:
            if other != named[0]:
                yield named[0], other, other in (names[0], names[-1])
    else:
        along = list(names) if form == "increases" else list(reversed(names))
        yield along[0], along[-1], True
        if len(along) > 2:
            for low, high in zip(along, along[1:], strict=False):
                yield low, high, False


def _bounded(form: Form, groups: Mapping[str, Values], named: Sequence[str], bound: Bound) -> Judgement:
    if form == "value":
        name = named[0] if named else next(iter(groups))
        interval = _interval(name, list(groups[name].values()), 1)
    elif form == "difference":
        interval = difference(groups, named[1], named[0], 1)
    else:
        interval = _ratio(groups, named[0], named[1])
    if interval.low is None or interval.high is None:
        verdict = Verdict.UNDECIDED
    elif bound.low <= interval.low and interval.high <= bound.high:
        verdict = Verdict.HOLDS
    elif interval.high < bound.low or interval.low > bound.high:
        verdict = Verdict.DOES_NOT_HOLD
    else:
        verdict = Verdict.UNDECIDED
    return Judgement(verdict, str(interval), [interval])


def difference(groups: Mapping[str, Values], low: str, high: str, comparisons: int) -> Interval:
    """Return the estimate of the difference of two groups, `high` - `low`.

    comparisons: how many there are together, for the wide interval.
    """
    a, b, what = groups[low], groups[high], f"{_inner(high)} - {_inner(low)}"
    shared = sorted(a.keys() & b.keys())
    if len(shared) >= FEWEST:
        return _interval(what, [b[seed] - a[seed] for seed in shared], comparisons)
    return _welch(what, list(a.values()), list(b.values()), comparisons)


def _ratio(groups: Mapping[str, Values], of: str, to: str) -> Interval:
    """Return the estimate of a ratio: the mean of ratios over shared seeds, or else of the means (delta method)."""
    a, b, what = groups[of], groups[to], f"{_inner(of)} / {_inner(to)}"
    shared = sorted(a.keys() & b.keys())
    if len(shared) >= FEWEST and all(b[seed] for seed in shared):
        return _interval(what, [a[seed] / b[seed] for seed in shared], 1)
    (m, u, n), (k, v, o) = _mean(list(a.values())), _mean(list(b.values()))
    if not k:
        return Interval(what, math.nan, None, None, None, None, n + o)
    error = None if u is None or v is None else math.hypot(u / k, m / k * v / k)
    return _with_error(what, m / k, error, min(n, o) - 1, n + o, 1, enough=min(n, o) >= FEWEST)


def _inner(name: str) -> str:
    """Return the name of a group as a part of a difference or ratio."""
    return f"({name})" if " " in name else name


def _interval(what: str, values: Sequence[float], comparisons: int) -> Interval:
    mean, error, n = _mean(values)
    return _with_error(what, mean, error, n - 1, n, comparisons, enough=n >= FEWEST)


def _welch(what: str, a: Sequence[float], b: Sequence[float], comparisons: int) -> Interval:
    (m, u, n), (k, v, o) = _mean(a), _mean(b)
    if u is None or v is None:
        return Interval(what, k - m, None, None, None, None, n + o)
    error = math.hypot(u, v)
    share = (u / error) ** 2 if error else 0.0  # of the variance
    exact = 1 / (share**2 / (n - 1) + (1 - share) ** 2 / (o - 1)) if error else n + o - 2
    freedom = int(exact * (1 + 1e-9))  # equal spreads give a whole number, but for rounding
    return _with_error(what, k - m, error, freedom, n + o, comparisons, enough=min(n, o) >= FEWEST)


def _mean(values: Sequence[float]) -> tuple[float, float | None, int]:
    """Return the mean, its standard error (None for a single value), and the number of values."""
    mean, sd = mean_and_sd(values)
    n = len(values)
    return mean, None if sd is None else sd / math.sqrt(n), n


def _with_error(
    what: str, estimate: float, error: float | None, freedom: int, n: int, comparisons: int, *, enough: bool
) -> Interval:
    if error is None or not enough:
        return Interval(what, estimate, None, None, None, None, n)
    width, wide = (error * quantile(1 - (1 - CONFIDENCE) / 2 / many, max(freedom, 1)) for many in (1, comparisons))
    return Interval(what, estimate, estimate - width, estimate + width, estimate - wide, estimate + wide, n)

"""The difference that one hyper-parameter makes, as a record and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnctl.measures import MEASURES
from rnnctl.report.effects.factors import value_text
from rnnctl.report.remarks.pairs import Value
from rnnctl.report.remarks.remark import UNDECIDED, with_unit
from rnnctl.report.verdicts import FEWEST, Interval
from rnnctl.words import counted, number, some

# When each verdict is given.
RULES: Mapping[str, str] = {
    "lower": "the widened interval of the difference lies below 0",
    "higher": "it lies above 0",
    "equal": f"the results are equal with each of {FEWEST} or more seeds",
    UNDECIDED: f"it contains 0, one side has fewer than {FEWEST} seeds, or a run of the side that looks better has no "
    "finite result, unless the run of the other side with the same seed has none either",
}


@dataclass(frozen=True)
class Side:
    """The finished runs at one value of a hyper-parameter.

    label: of their configuration, empty if they are of several. weights: the number of weights of their network; None
    if it differs, or is not known. mean: of the compared results. missing: the number of runs without a finite result.
    broke, diverged: the number of runs that broke the floor, and that diverged. broke_at: the median update at which
    they broke it. floor: None if it differs among the runs.
    """

    value: Value
    label: str
    weights: int | None
    mean: float | None
    runs: int
    missing: int
    broke: int
    broke_at: float | None
    diverged: int
    floor: float | None


@dataclass(frozen=True)
class Difference:
    """The results at one value of a hyper-parameter compared with those at another one, all else equal.

    unit: of the measure. key: the hyper-parameter. also: others that differ with it. pairs: the number of pairs of
    configurations. lower: in how many of them the second value has the lower mean. interval: of the results at the
    second value less those at the first one; None without results to compare. seeds: the seeds that both sides share; 0
    if they are compared by their means. comparisons: of the list, for all of which the widened interval holds together.
    """

    task: str
    unit: str
    measure: str
    key: str
    also: list[str]
    first: Side
    second: Side
    pairs: int
    lower: int
    interval: Interval | None
    seeds: int
    comparisons: int
    verdict: str
    text: str


def in_words(difference: Difference) -> str:
    """Return what a difference says, in a few sentences."""
    sentences = [
        _result(difference),
        _pairs(difference),
        _floor(difference),
        _counts(difference, "diverged", "diverged"),
        _counts(difference, "missing", "had no finite result"),
        _floors(difference),
        _weights(difference),
    ]
    return " ".join(filter(None, sentences))


def change(difference: Difference) -> str:
    """Return what was changed: `train.clip = none instead of 1`, and what differs with it."""
    first, second = difference.first.value, difference.second.value
    changed = f"{difference.key} = {value_text(second)} instead of {value_text(first)}"
    if not difference.also:
        return changed
    # Of one study, they follow from it; of two studies, they may differ for any reason.
    verb = "differs" if len(difference.also) == 1 else "differ"
    return f"{changed} (and {some(difference.also)}, which {verb} with it)"


def means(difference: Difference) -> str:
    """Return the two means with their unit: `1.1 nats instead of 0.3 nats`; a dash for one that is not known."""
    return " instead of ".join(_value(difference, side.mean) for side in (difference.second, difference.first))


def _result(difference: Difference) -> str:
    first, second, interval = difference.first, difference.second, difference.interval
    head = f"With {change(difference)}"
    label = MEASURES[difference.measure].label
    if interval is None or first.mean is None or second.mean is None:
        return f"{head}, the {label} cannot be compared: the two sides share no seed with a finite result."
    two = means(difference)
    if difference.verdict == "equal":
        each = f"each of {_seeds(difference)}" if difference.seeds else "every seed"
        return f"{head}, the {label} is the same with {each}: {_value(difference, first.mean)}."
    if interval.low is None:
        mean = "" if first.runs == second.runs == 1 else "mean "
        return (
            f"{head}, the {mean}{label} is {two}. That is too few seeds to tell a difference from chance: it takes "
            f"{FEWEST} on each side."
        )
    low, high = interval.wide_low or 0.0, interval.wide_high or 0.0
    every = f" for all {difference.comparisons:,} comparisons together" if difference.comparisons > 1 else ""
    span = f"95 % interval of the difference{every}: {_span(difference, low, high)}; {_seeds(difference)}"
    if difference.verdict == UNDECIDED and (low > 0 or high < 0 or low == high == 0):
        return (
            f"{head}, the mean {label} of the runs that have one is {two} ({span}). This is undecided: runs without a "
            "finite result cannot count against their side."
        )
    if difference.verdict == UNDECIDED:
        alone = _alone(difference, interval)
        return f"{head}, the mean {label} is {two}, but this can be chance ({span}).{alone}"
    by = _change(difference, abs(interval.estimate))
    return f"{head}, the {label} is {difference.verdict} by {by}: {two} on average ({span})."


def _alone(difference: Difference, interval: Interval) -> str:
    """Return a sentence on an interval that would decide if there were no other comparisons."""
    if interval.low is None or interval.high is None or interval.low <= 0 <= interval.high:
        return ""
    span = _span(difference, interval.low, interval.high)
    return (
        f" As the only comparison it would be decided ({span}), but one of {difference.comparisons:,} comparisons can "
        "come out so by chance."
    )


def _seeds(difference: Difference) -> str:
    return counted(difference.seeds, "shared seed") if difference.seeds else "seeds not shared"


def _value(difference: Difference, value: float | None) -> str:
    measure = MEASURES[difference.measure]
    if measure.unit == "share":
        return f"{number(measure.scaled(value))} %"
    if measure.unit == "bits per byte":  # the name of the measure says so
        return number(value)
    return with_unit(value, difference.unit)


def _change(difference: Difference, value: float) -> str:
    """Return a difference of two results with its unit. Those of shares are percentage points."""
    measure = MEASURES[difference.measure]
    if measure.unit == "share":
        return f"{number(measure.scaled(value), 3)} percentage points"
    if measure.unit == "bits per byte":
        return number(value, 3)
    return with_unit(value, difference.unit, digits=3)


def _span(difference: Difference, low: float, high: float) -> str:
    scale = MEASURES[difference.measure].scale
    return f"{number(scale * low, 3)} to {number(scale * high, 3)}"


def _pairs(difference: Difference) -> str:
    if difference.pairs == 1:
        return ""
    return f"It is lower in {difference.lower:,} of {difference.pairs:,} pairs of configurations."


def _floor(difference: Difference) -> str:
    first, second = difference.first, difference.second
    if not first.broke and not second.broke:
        return "No run of either broke the floor."
    return f"{_of(second.broke, second.runs)} broke the floor{_when(second)}, instead of {_broke(first)}."


def _broke(side: Side) -> str:
    return f"{side.broke:,} of {side.runs:,}{_when(side)}"


def _when(side: Side) -> str:
    if side.broke_at is None:
        return ""
    return f" ({'median ' if side.broke > 1 else ''}update {side.broke_at:,.0f})"


def _counts(difference: Difference, field: str, verb: str) -> str:
    """Return how many runs of each side had something happen to them; nothing if none had."""
    first: int = getattr(difference.first, field)
    second: int = getattr(difference.second, field)
    if not first and not second:
        return ""
    return f"{_of(second, difference.second.runs)} {verb}, instead of {first:,} of {difference.first.runs:,}."


def _of(some_of: int, runs: int) -> str:
    return f"{some_of:,} of {counted(runs, 'run')}"


def _floors(difference: Difference) -> str:
    first, second = difference.first.floor, difference.second.floor
    if first is None or second is None or number(first) == number(second):
        return ""
    reference = MEASURES[difference.measure].reference.label
    return f"The {reference} itself is {_value(difference, second)} instead of {_value(difference, first)}."


def _weights(difference: Difference) -> str:
    first, second = difference.first.weights, difference.second.weights
    if first is None or second is None or first == second:
        return ""
    return f"The network has {second:,} weights instead of {first:,}."

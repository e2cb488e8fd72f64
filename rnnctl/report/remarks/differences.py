"""What one hyper-parameter did to the results, in words: pairs of configurations that differ in nothing else.

The two sides are compared seed by seed where they share three seeds, else by their means (see rnnctl.report.verdicts).
A difference is called lower or higher only where its interval, widened to 95 % for all comparisons of the list together
(Bonferroni), leaves out 0.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rnnctl.measures import MEASURES
from rnnctl.report.remarks.difference import Difference, Side, in_words
from rnnctl.report.remarks.pairs import Pair, Table, Value, tables
from rnnctl.report.remarks.remark import UNDECIDED
from rnnctl.report.results import common_value
from rnnctl.report.verdicts import FEWEST, Interval, difference
from rnnctl.rounding import beyond_rounding
from rnnctl.spread import mean_and_sd

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys


def differences(results: Iterable[Result], by: str | None = None, keys: WrittenKeys | None = None) -> list[Difference]:
    """Return what each pair of configurations that differ in one hyper-parameter says, task by task.

    Only finished runs count. by: the measure; None takes the best one for all runs. keys: those that the studies of
    these runs set. In a task, decided differences come first, the greatest before all; the others keep their order.
    """
    return [each for table in tables(results, by, keys) for each in _compare(table, [[p] for p in table.pairs()])]


def average_differences(
    results: Iterable[Result], by: str | None = None, keys: WrittenKeys | None = None
) -> list[Difference]:
    """Return the same for two values of a hyper-parameter, averaged over all pairs of configurations that have them.

    For each seed, a mean is taken over all pairs of which both sides have a result with this seed.
    """
    return [each for table in tables(results, by, keys) for each in averages(table)]


def averages(table: Table) -> list[Difference]:
    """Return the averaged differences of one table."""
    groups: dict[tuple[str, Value, Value], list[Pair]] = defaultdict(list)
    for pair in table.pairs():
        groups[pair.key, pair.low, pair.high].append(pair)
    return _compare(table, list(groups.values()))


def _compare(table: Table, groups: Sequence[list[Pair]]) -> list[Difference]:
    values = [_by_seed(table, group) for group in groups]
    known = [all(sides) for sides in values]
    single = [_interval(sides, 1) if ok else None for sides, ok in zip(values, known, strict=True)]
    comparisons = sum(interval is not None and interval.low is not None for interval in single)
    compared = [
        _difference(table, group, sides, _interval(sides, comparisons) if ok else None, comparisons)
        for group, sides, ok in zip(groups, values, known, strict=True)
    ]
    return sorted(compared, key=_order)


def _order(each: Difference) -> tuple[bool, float]:
    decided = each.verdict in ("lower", "higher") and each.interval is not None
    return (False, -abs(each.interval.estimate)) if decided and each.interval else (True, 0.0)


BySeed = dict[int, float]


def _by_seed(table: Table, group: Sequence[Pair]) -> tuple[BySeed, BySeed]:
    """Return the results of both sides by seed: means over the pairs whose two sides have the seed.

    A single pair without FEWEST shared seeds is returned with all of its seeds.
    """
    if len(group) == 1:
        first, second = table.by_seed[group[0].first], table.by_seed[group[0].second]
        shared = first.keys() & second.keys()
        if len(shared) < FEWEST:
            return first, second
    sums: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for pair in group:
        first, second = table.by_seed[pair.first], table.by_seed[pair.second]
        for seed in first.keys() & second.keys():
            sums[seed].append((first[seed], second[seed]))
    low, high = {}, {}
    for seed, both in sorted(sums.items()):
        a, b = (mean_and_sd(column)[0] for column in zip(*both, strict=True))
        magnitude = max(abs(value) for values in both for value in values)
        low[seed] = a
        high[seed] = a + beyond_rounding(b - a, magnitude, len(both))
    return low, high


def _interval(sides: tuple[BySeed, BySeed], comparisons: int) -> Interval:
    first, second = sides
    return difference({"first": first, "second": second}, "first", "second", max(comparisons, 1))


def _difference(
    table: Table, group: Sequence[Pair], sides: tuple[BySeed, BySeed], interval: Interval | None, comparisons: int
) -> Difference:
    pair = group[0]
    shared = sides[0].keys() & sides[1].keys()
    paired = len(shared) >= FEWEST
    means = [_mean([side[seed] for seed in shared] if paired else side.values()) for side in sides]
    first = _side(table, pair.low, [each.first for each in group], means[0])
    second = _side(table, pair.high, [each.second for each in group], means[1])
    told = Difference(
        task=table.task,
        unit=table.unit,
        measure=table.measure,
        key=pair.key,
        also=table.also(pair),
        first=first,
        second=second,
        pairs=len(group),
        lower=sum(_mean_of(table, each.second) < _mean_of(table, each.first) for each in group),
        interval=interval,
        seeds=len(shared) if paired else 0,
        comparisons=comparisons,
        verdict=_verdict(interval, _flattered(table, group)),
        text="",
    )
    return replace(told, text=in_words(told))


def _verdict(interval: Interval | None, flattered: tuple[bool, bool]) -> str:
    if interval is None or interval.wide_low is None or interval.wide_high is None:
        return UNDECIDED
    first, second = flattered
    if interval.wide_low == interval.wide_high == 0:
        return UNDECIDED if first or second else "equal"
    if interval.wide_low > 0:
        return UNDECIDED if first else "higher"
    return "lower" if interval.wide_high < 0 and not second else UNDECIDED


def _flattered(table: Table, group: Sequence[Pair]) -> tuple[bool, bool]:
    """Return, for each side, whether it looks too good, as a run of it has no finite result that could count against
    it. A run does not if the run of the other side with its seed has none either.
    """
    without = [
        [
            {run.seed for run in table.runs[config]} - table.by_seed[config].keys()
            for config in (pair.first, pair.second)
        ]
        for pair in group
    ]
    return any(first - second for first, second in without), any(second - first for first, second in without)


def _mean(values: Collection[float]) -> float | None:
    return mean_and_sd(list(values))[0] if values else None


def _mean_of(table: Table, config: int) -> float:
    """Return the mean of a configuration; NaN, which is not lower than any number, without a result."""
    mean = _mean(table.by_seed[config].values())
    return math.nan if mean is None else mean


def _side(table: Table, value: Value, configs: Sequence[int], mean: float | None) -> Side:
    runs = [run for config in configs for run in table.runs[config]]
    broke = [run.broke_floor_at for run in runs if run.broke_floor_at is not None]
    weights = {run.parameter_count for run in runs}
    return Side(
        value=value,
        label=runs[0].group if len(configs) == 1 else "",
        weights=weights.pop() if len(weights) == 1 else None,
        mean=mean,
        runs=len(runs),
        missing=len(runs) - sum(len(table.by_seed[config]) for config in configs),
        broke=len(broke),
        broke_at=statistics.median(broke) if broke else None,
        diverged=sum(run.ended == "diverged" for run in runs),
        floor=common_value(runs, MEASURES[table.measure].reference.field),
    )

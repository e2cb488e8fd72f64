"""The answer of a study in three lines, for each task: what broke the floor, what is best, what mattered most.

Losses of different tasks, and of different units, are never compared: each task and unit has an answer of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.measures import MEASURES
from rnnctl.report.leaderboard import Configuration, rank
from rnnctl.report.remarks.difference import Difference, change, means
from rnnctl.report.remarks.differences import averages
from rnnctl.report.remarks.pairs import Table, table_of, told_apart
from rnnctl.report.remarks.remark import in_unit
from rnnctl.report.units import best_measure, by_task
from rnnctl.report.verdicts import FEWEST, difference
from rnnctl.words import counted, number
from store.queries import OUTCOMES

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys

MOST_NAMES = 4


@dataclass(frozen=True)
class Answer:
    """The answer of the runs of one task whose results have one unit.

    lines: who broke the floor, and what diverged; the best configuration; what mattered most.
    """

    task: str
    unit: str
    measure: str
    lines: tuple[str, str, str]


def answer_of(results: Iterable[Result], by: str | None = None, keys: WrittenKeys | None = None) -> list[Answer]:
    """Return the answer of these runs, task by task; runs that have not finished are only counted.

    by: the measure; None takes the best one for all runs together. keys: those that the studies of these runs set.
    """
    unique = told_apart(results)
    measure = by or best_measure(unique)
    answers = []
    for (task, unit), runs in by_task(unique, measure).items():
        table = table_of(task, unit, measure, runs, keys)
        groups = rank(_configurations(table), measure)
        lines = (_broke(groups, runs, unit, measure), _best(groups, unit, measure), _mattered(table))
        answers.append(Answer(task, unit, measure, lines))
    return answers


def _configurations(table: Table) -> list[Configuration]:
    """Return the configurations of a table; one that several studies share is one of them."""
    return [Configuration(runs[0].study, runs[0].group, runs[0].config, runs) for runs in table.runs]


# --- who broke the floor


def _broke(groups: Sequence[Configuration], runs: Sequence[Result], unit: str, measure: str) -> str:
    unfinished = Counter(run.ended for run in runs if run.ended not in OUTCOMES)
    states = ", ".join(f"{n:,} {state}" for state, n in unfinished.most_common())
    if not groups:
        return f"No run has finished: {states}."
    left = unfinished.total()
    more = f" {counted(left, 'run')} of {len(runs):,} {'has' if left == 1 else 'have'} not finished ({states})."
    floor = _floors(groups, unit, measure)
    every = [group for group in groups if len(group.broke_floor) == len(group.runs)]
    partly = [group for group in groups if 0 < len(group.broke_floor) < len(group.runs)]
    never = len(groups) - len(every) - len(partly)
    seeds = " with every seed" if any(len(group.runs) > 1 for group in groups) else ""
    if len(groups) == len(groups[0].runs) == 1:
        text = f"The finished run {'did not break' if never else 'broke'} {floor}"
    elif len(groups) == 1:
        text = f"{len(groups[0].broke_floor):,} of {counted(len(groups[0].runs), 'run')} broke {floor}"
    elif never == len(groups):
        text = f"None of {never:,} configurations broke {floor}"
    else:
        text = f"{len(every):,} of {len(groups):,} configurations broke {floor}{seeds}"
        text += f": {listed([group.label for group in every])}" if every else ""
        if partly:
            counts = [f"{group.label} ({len(group.broke_floor)} of {len(group.runs)})" for group in partly]
            text += f"; {len(partly):,} with some of their seeds: {listed(counts)}"
        text += f"; {never:,} did not" if never else ""
    return f"{text}. {_diverged(groups)}{more if left else ''}"


def _floors(groups: Sequence[Configuration], unit: str, measure: str) -> str:
    """Return `the floor`, with its level if all configurations have the same."""
    if MEASURES[measure].unit == "share":
        return "the floor"  # that of the loss: an error has none
    field = MEASURES[measure].reference.field
    floors = {number(floor) for group in groups if (floor := group.first(field)) is not None}
    return f"the floor of {in_unit(floors.pop(), unit)}" if len(floors) == 1 else "their floors"


def listed(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _diverged(groups: Sequence[Configuration]) -> str:
    counts = {group.label: sum(run.ended == "diverged" for run in group.runs) for group in groups}
    total = sum(counts.values())
    if not total:
        return "No run diverged."
    named = [f"{group.label} ({counts[group.label]} of {len(group.runs)})" for group in groups if counts[group.label]]
    return f"{counted(total, 'run')} diverged: {listed(named)}."


# --- the best configuration


def _best(groups: Sequence[Configuration], unit: str, measure: str) -> str:
    shown = MEASURES[measure]
    values = {group.config: _by_seed(group, measure) for group in groups}
    ranked = [group for group in rank(groups, measure) if values[group.config]]
    if not groups:
        return "There is no best configuration before a run has finished."
    if not ranked:
        return f"No run has a finite {shown.label}."
    best, spread = ranked[0], ranked[0].spread(measure)
    assert spread is not None
    value = _value(spread.text(shown.scale), unit, measure)
    text = f"Best: {best.label}, {shown.label} {value}" if len(groups) > 1 else f"The {shown.label} is {value}"
    over = f"{spread.n} seeds" if spread.n > 1 else "one seed"
    if _missing(best, values):
        over = f"the {spread.n:,} of its {len(best.runs):,} runs that {'have' if spread.n > 1 else 'has'} a finite one"
    text += f", mean and standard deviation over {over}" if spread.sd is not None else f", from {over}"
    reference = best.first(shown.reference.field)
    if reference is not None:
        text += f"; the {shown.reference.label} is {_value(number(shown.scaled(reference)), unit, measure)}"
    return f"{text}. {_lead(ranked, values)}".strip()


def _value(text: str, unit: str, measure: str) -> str:
    """Return a number, with its spread if it has one, with its unit unless the name of the measure says it."""
    if MEASURES[measure].unit == "bits per byte":
        return text
    return f"{text} %" if MEASURES[measure].unit == "share" else in_unit(text, unit)


def _by_seed(group: Configuration, measure: str) -> dict[int, float]:
    pairs = [(run.seed, run.value(measure)) for run in group.runs]
    return {seed: value for seed, value in pairs if value is not None and math.isfinite(value)}


def _missing(group: Configuration, values: Mapping[str, Mapping[int, float]]) -> int:
    """Return how many runs have no finite result."""
    return len(group.runs) - len(values[group.config])


def _lead(ranked: Sequence[Configuration], values: Mapping[str, Mapping[int, float]]) -> str:
    """Return which of the others may be the best one as well.

    The best one was chosen for its results. Still, intervals that hold for the comparisons of one configuration with
    all others are enough: with 95 % confidence they do not rule out the one that is truly best, whichever that is (Hsu
    1981, Annals of Statistics 9, 1026-1034, here with Bonferroni's widths).
    """
    best, others = ranked[0], ranked[1:]
    if not others:
        return ""
    if len(values[best.config]) < FEWEST:
        return f"Whether it is truly the best takes {FEWEST} seeds or more to tell."
    if _missing(best, values):
        return "Whether it is truly the best is undecided: a run without a finite result cannot count against it."
    close = []
    for other in others:
        groups = {"best": values[best.config], "other": values[other.config]}
        interval = difference(groups, "best", "other", len(others))
        if interval.wide_low is None or interval.wide_low <= 0:
            close.append(other.label)
    if not close:
        return f"It is the best beyond chance (95 % confidence, {counted(len(ranked), 'configuration')})."
    which = f"{len(close):,} of the" if len(close) < len(others) else "all"
    which = "the other one" if len(others) == 1 else f"{which} {len(others):,} others"
    return f"By these seeds, {which} may be the best as well: {listed(close)}."


# --- what mattered most


def _mattered(table: Table) -> str:
    names = [factor.name for factor in table.trials.factors]
    if not table.runs:
        return "What mattered is undecided before a run has finished."
    if len(table.runs) < 2 or not names:
        return "No hyper-parameter varies over the finished runs."
    compared = averages(table)
    decided = [each for each in compared if each.verdict in ("lower", "higher")]
    if not compared:
        return f"No two configurations differ in one hyper-parameter alone ({listed(names)} vary)."
    if not decided:
        comparisons = compared[0].comparisons
        if not any(table.by_seed):
            return f"What mattered is undecided: no run has a finite {MEASURES[table.measure].label}."
        if not comparisons:
            return (
                f"What mattered is undecided: it takes {FEWEST} seeds or more of each configuration.{_so_far(compared)}"
            )
        if all(each.verdict == "equal" for each in compared):
            return f"The results are equal at all values of {listed(_keys(compared))}."
        if not all(_holds_0(each) for each in compared):
            return f"What mattered is undecided: no comparison of values of {listed(_keys(compared))} is decided."
        return (
            f"What mattered is undecided: {counted(comparisons, 'comparison')} of values of {listed(_keys(compared))} "
            f"could {'' if comparisons == 1 else 'all '}be chance."
        )
    rest = [key for key in _keys(decided) if key != decided[0].key]
    more = f" Clear differences also came from {listed(rest)}." if rest else ""
    return f"What mattered most, by the greatest difference beyond chance: {decided[0].key}. {decided[0].text}{more}"


def _holds_0(each: Difference) -> bool:
    """Return whether an interval contains 0, or is not known."""
    if each.interval is None or each.interval.wide_low is None or each.interval.wide_high is None:
        return True
    return each.interval.wide_low <= 0 <= each.interval.wide_high


def _so_far(compared: Sequence[Difference]) -> str:
    """Return the greatest of differences that are all undecided, and what it is worth."""
    sizes = [(abs(each.interval.estimate), each) for each in compared if each.interval is not None]
    greatest = max(sizes, key=lambda pair: pair[0], default=None)
    if greatest is None or not greatest[0]:
        return ""
    _, seen = greatest
    return f" The greatest difference so far, which more seeds may not confirm: {change(seen)}, {means(seen)}."


def _keys(differences: Sequence[Difference]) -> list[str]:
    return list(dict.fromkeys(each.key for each in differences))

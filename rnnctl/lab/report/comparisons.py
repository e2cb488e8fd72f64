"""The comparison in words: the answer of each task, and what hyper-parameters did."""

from __future__ import annotations

from collections.abc import Sequence

from rnnctl.lab.in_words import InWords
from rnnctl.report.effects.factors import value_text
from rnnctl.report.page.content import Cell, Column, Row, Table, Verdict
from rnnctl.report.remarks import Difference
from rnnctl.words import counted, number

MOST_PAIRS = 300


def answer(words: InWords) -> list[tuple[str, Sequence[str]]]:
    """Return the answer in three lines, for each task with its name, which is empty if there is but one."""
    several = len(words.answers) > 1
    return [(f"{each.task} ({each.unit})" if several else "", each.lines) for each in words.answers]


def compared(words: InWords) -> list[Table]:
    """Return what each hyper-parameter did on average, and what it did in each pair of configurations."""
    averages, pairs = words.average_differences, words.differences
    tables = []
    if averages:
        tables.append(_table("differences", "what hyper-parameters did, all else equal", averages))
    if len(pairs) > len(averages):
        note = "" if len(pairs) <= MOST_PAIRS else f"{counted(len(pairs) - MOST_PAIRS, 'more pair')} left out."
        caption = "the same for each pair of configurations that differ in one hyper-parameter"
        tables.append(_table("pairs", caption, pairs[:MOST_PAIRS], note))
    return tables


def verdicts_on(words: InWords, run: str) -> list[Verdict]:
    """Return the remarks on a run."""
    return [Verdict(each.topic, each.verdict, each.text) for each in words.remarks.get(run, [])]


def _table(name: str, caption: str, compared: Sequence[Difference], note: str = "") -> Table:
    tasks = len({each.task for each in compared}) > 1
    labels = all(each.first.label and each.second.label for each in compared)
    columns = [
        *([Column("task", "task")] if tasks else []),
        *([Column("configuration", "configuration"), Column("other", "compared with")] if labels else []),
        Column("key", "hyper-parameter"),
        Column("verdict", "verdict"),
        Column("sentence", "in words", wide=True),
        Column("value", "value"),
        Column("instead", "instead of"),
        Column("estimate", "difference", "of the results; below 0 is better", numbers=True),
    ]
    rows = [
        Row(
            [
                *([Cell([each.task])] if tasks else []),
                *([Cell([each.second.label]), Cell([each.first.label])] if labels else []),
                Cell([each.key]),
                Cell([each.verdict]),
                Cell([each.text]),
                Cell([value_text(each.second.value)], each.second.value),
                Cell([value_text(each.first.value)], each.first.value),
                _estimate(each),
            ]
        )
        for each in compared
    ]
    return Table(name, caption, columns, rows, [note] if note else [], filtered=len(rows) > 20)


def _estimate(each: Difference) -> Cell:
    if each.interval is None:
        return Cell(["-"])
    return Cell([number(each.interval.estimate)], each.interval.estimate)

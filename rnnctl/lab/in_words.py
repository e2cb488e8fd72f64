"""Runs compared in words: verdicts on each run, differences between configurations, the answer of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rnnctl.report.gradients import Gradients
from rnnctl.report.remarks import Answer, Difference, Remark, answer_of, average_differences, differences, remarks_of
from rnnctl.report.results import Result
from rnnctl.study.errors import SpecError
from rnnctl.study.written import WrittenKeys
from store import Store, history
from store.history import EMPTY, History


@dataclass(frozen=True)
class InWords:
    """Runs compared in words (see rnnctl.report.remarks).

    answers: the answer in three lines, for each task. remarks: on each run, by its id. differences: of configurations
    that differ in one hyper-parameter; average_differences: the same as averages over all settings of the others.
    """

    answers: list[Answer]
    remarks: dict[str, list[Remark]]
    differences: list[Difference]
    average_differences: list[Difference]

    def verdicts(self, runs: Iterable[Result]) -> dict[str, dict[str, int]]:
        """Return the number of these runs by verdict, the most frequent first, by topic."""
        counts: dict[str, Counter[str]] = {}
        for run in runs:
            for remark in self.remarks.get(run.run, []):
                counts.setdefault(remark.topic, Counter())[remark.verdict] += 1
        return {topic: dict(counter.most_common()) for topic, counter in counts.items()}


NOTHING = InWords([], {}, [], [])


def in_words(
    store: Store,
    results: Sequence[Result],
    gradients: Mapping[str, Gradients],
    *,
    shown: Sequence[Result],
    by: str,
    keys: WrittenKeys | None,
) -> InWords:
    """Compare runs in words. gradients: the verdicts on those of their newest diagnoses, by id of the run.

    shown: the runs among them that get remarks. by: the measure. keys: those that the studies of these runs set.
    """
    pasts = history.read(store, {run.run for run in shown})
    return InWords(
        answers=answer_of(results, by, keys),
        remarks={run.run: remarks_on(run, pasts.get(run.run, EMPTY), gradients.get(run.run)) for run in shown},
        differences=differences(results, by, keys),
        average_differences=average_differences(results, by, keys),
    )


def remarks_on(result: Result, past: History, gradients: Gradients | None) -> list[Remark]:
    """Return the remarks on a run; none if this version cannot read its spec."""
    try:
        return remarks_of(result, past, result.spec, gradients)
    except SpecError:
        return []

"""What the studies of a page ask, and what their runs answer."""

from __future__ import annotations

from collections.abc import Sequence

from rnnctl.lab.answers import Answered, answers
from rnnctl.lab.errors import LabError
from rnnctl.report.page.content import Asked, Cell, Claim, Column, Row, Table
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import questions_of
from rnnctl.study.questions import Question
from rnnctl.words import lines_of
from store import Store
from store.queries import StudyRow


def asked(store: Store, study: StudyRow, notes: list[str], *, whole: bool) -> Asked:
    """Return a study with its questions, answered by its finished runs from what probes have said so far.

    whole: whether the page is of the whole study; else the questions have no answers. notes: takes what is missing.
    """
    about, note = lines_of(study.about), lines_of(study.note)
    try:
        questions = questions_of(study.source, study.name)
    except SpecError as error:
        return Asked(study.name, about, note, [], f"the questions of the study cannot be read: {error}")
    if not questions:
        return Asked(study.name, about, note, [])
    if not whole:
        why = "the questions are about all runs of the study, and this page is about some"
        return Asked(study.name, about, note, _open(questions), why)
    try:
        result = answers(store, study.name, ask_probes=False)
    except LabError as error:
        return Asked(study.name, about, note, _open(questions), str(error))
    notes += [
        f"{line}; rnnctl answers {study.name} asks them" if line.endswith("not asked yet") else line
        for line in result.notes
    ]
    claims = [_claim(f"{study.name}-{number}", each) for number, each in enumerate(result.questions, start=1)]
    unfinished = f"{result.unfinished} unfinished runs are not counted" if result.unfinished else ""
    return Asked(study.name, about, note, claims, unfinished)


def _open(questions: Sequence[Question]) -> list[Claim]:
    return [
        Claim(
            each.ask,
            each.claim,
            "" if each.quantity is None else str(each.quantity),
            "" if each.expect is None else str(each.expect),
            "",
            "",
            None,
        )
        for each in questions
    ]


def _claim(name: str, answered: Answered) -> Claim:
    measure = answered.measure + (f": {answered.label}" if answered.label else "")
    measure += f", of runs with {answered.where}" if answered.where else ""
    return Claim(
        question=answered.ask,
        claim=answered.claim,
        measure=measure,
        expected=answered.expect,
        verdict=str(answered.verdict),
        why=answered.why,
        table=_table(name, answered) if answered.measure and answered.groups else None,
    )


def _table(name: str, answered: Answered) -> Table:
    several = any(group.configurations > 1 for group in answered.groups)
    missing = any(group.missing for group in answered.groups)
    columns = [
        Column("group", answered.by or "runs"),
        Column("mean", "mean ± sd over seeds", numbers=True),
        Column("seeds", "seeds", numbers=True),
        *([Column("configurations", "configurations", numbers=True)] if several else []),
        *([Column("missing", "without a value", numbers=True)] if missing else []),
        Column("status", "status"),
    ]
    rows = []
    for group in answered.groups:
        spread = group.spread
        statuses = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in group.status.items())
        rows.append(
            Row(
                [
                    Cell([group.name]),
                    Cell(["-"]) if spread is None else Cell([spread.text()], spread.mean),
                    Cell([str(0 if spread is None else spread.n)], 0 if spread is None else spread.n),
                    *([Cell([str(group.configurations)], group.configurations)] if several else []),
                    *([Cell([str(group.missing)], group.missing)] if missing else []),
                    Cell([statuses or "-"]),
                ]
            )
        )
    return Table(f"question-{name}", "", columns, rows)

"""`answers`: the questions of a study, our figures, and whether they support what was claimed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllowCodeOption, JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, notes, out, out_json, say
from rnnctl.words import counted

if TYPE_CHECKING:
    from rnnctl.lab.answers import Answered, Answers, Group


def answers(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY",
            help="A registered study with a section questions. Default: the only one that has it and is not archived.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown, for a page.")] = False,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Answer the questions of a study: the claim, our figure with its spread over seeds, and a verdict.

    Only finished runs count. ± is the standard deviation over seeds. A claim holds, or does not hold, if the difference
    goes beyond its 95 % interval over seeds, compared seed by seed; else, and with fewer than three seeds, it is
    undecided. Probes that a question needs are asked, and their answers kept.
    """
    from rnnctl.lab import answers as lab

    if as_json and markdown:
        raise UserError("--json and --markdown exclude each other")
    with opened(workspace) as store:
        result = lab.answers(store, study, say)
    if as_json:
        out_json(result)
    elif markdown:
        out(*_markdown(result), whole=True)
    else:
        _print(result)
    notes(result.notes)


def _print(answers: Answers) -> None:
    for number, question in enumerate(answers.questions, start=1):
        out(f"{number}. {question.ask}")
        if question.claim:
            out(f"   claim: {question.claim}")
        if question.measure:
            _print_figures(question)
        out(f"   {question.verdict}: {question.why}")
        out()
    counts = ", ".join(f"{verdict} {n}" for verdict, n in answers.verdicts.items())
    out(f"{counted(len(answers.questions), 'question')}: {counts}")
    if answers.unfinished:
        out(f"{counted(answers.unfinished, 'run')} not finished, and not counted")


def _print_figures(question: Answered) -> None:
    out(f"   {question.measure}" + (f": {question.label}" if question.label else ""))
    if question.where:
        out(f"   of runs with {question.where}")
    # Columns that say the same in every row are left out.
    several = any(group.configurations > 1 for group in question.groups)
    missing = any(group.missing for group in question.groups)
    heads = [question.by or "runs", "mean ± sd", "seeds"]
    heads += ["configurations"] * several + ["without a value"] * missing + ["status"]
    rows = [_row(group, several, missing) for group in question.groups]
    out(*(f"   {line}" for line in table(heads, rows, ["status", "configurations"])), whole=True)
    if question.expect:
        out(f"   expected: {question.expect}")


def _row(group: Group, several: bool, missing: bool) -> list[str]:
    spread = "-" if group.spread is None else group.spread.text()
    seeds = 0 if group.spread is None else group.spread.n
    row = [group.name, spread, str(seeds), *[str(group.configurations)] * several, *[str(group.missing)] * missing]
    statuses = (f"{n} {word.replace('_', ' ')}" for word, n in group.status.items())
    return [*row, ", ".join(statuses) or "-"]


def _markdown(answers: Answers) -> Iterator[str]:
    """Yield the lines of a table: each question, the claim, our figure and the verdict."""
    yield "| question | claim | our figure | verdict |"
    yield "| --- | --- | --- | --- |"
    for question in answers.questions:
        cells = (question.ask, _claim(question), _figure(question), str(question.verdict))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _claim(question: Answered) -> str:
    """Return what the verdict is on: the claim, or where nobody claimed anything what the study expects."""
    return question.claim or (f"our expectation: {question.expect}" if question.expect else "-")


def _figure(question: Answered) -> str:
    """Return the estimates that decided, or where there are none the mean of each group, with the quantity."""
    if not question.measure:
        return "-"
    spreads = {group.name: group.spread.text() for group in question.groups if group.spread is not None}
    figures = question.why if question.intervals else "; ".join(f"{name}: {text}" for name, text in spreads.items())
    return f"`{question.measure}`: {figures or question.why}"

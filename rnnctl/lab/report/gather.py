"""Gather what a page holds from the store: each part of it by the use-case that owns it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl import __version__
from rnnctl.lab.errors import LabError
from rnnctl.lab.examine import Examination, examined
from rnnctl.lab.export.text import commands
from rnnctl.lab.report import claims, comparisons, factors, leaders, terms, verdicts
from rnnctl.lab.report.grids import grids
from rnnctl.lab.report.pictures import PANELS, Pictures
from rnnctl.lab.report.probed import probed
from rnnctl.lab.report.single import RunBlocks, moment
from rnnctl.lab.workspaces import NamedRuns
from rnnctl.lab.written import configurations_of
from rnnctl.report.figures import Runs
from rnnctl.report.page.content import Asked, Environment, Page, RunBlock, Verdict
from rnnctl.report.results import Result
from rnnctl.study.errors import SpecError
from rnnctl.words import counted
from store import Store, answers, history, queries
from store.history import EMPTY, History
from store.queries import RunRow

UNFINISHED = ("queued", "running")
REPRODUCE = (
    "Save the script above in an empty folder and run it with sh: it registers the same runs and trains them.",
    "On the same processor, and with the same versions as under Environment, a run on a CPU ends with the same bits.",
    "Where these differ, results differ in their last digits, and long trainings can drift apart.",
)


@dataclass(frozen=True)
class Gathered:
    """A page, what could not be shown, and how many of its runs are still queued or running."""

    page: Page
    notes: list[str]
    unfinished: int


def gathered(store: Store, named: NamedRuns, refresh: int = 0) -> Gathered:
    """Return the page of these runs. refresh: seconds after which it reloads itself, 0 for never. Raises LabError."""
    rows = named.runs
    several = len({row.study for row in rows}) > 1
    pictures = Pictures({row.run_id: f"{row.study}/{row.label}" if several else row.label for row in rows})
    anchors = {row.run_id: f"run-{number}" for number, row in enumerate(rows, start=1)}
    examination = examined(store, rows, title=named.title, selection=named.selection, words=True)
    results = {run.run: run for run in examination.every_run}
    pasts = history.read(store, anchors)
    remarks = {row.run_id: comparisons.verdicts_on(examination.words, row.run_id) for row in rows}
    effects = factors.analysed(store, examination)
    names = configurations_of(store, {row.study for row in rows})
    runs = _runs(store, named, examination, names, [results[row.run_id] for row in rows])
    curves = pictures.curves(_comparable(store, named, examination, names, runs))
    scatters = pictures.topic("hyper-parameters", runs) + factors.drawn(effects, pictures)
    diagnostics = pictures.topic("diagnostics", runs)
    blocks = probed(runs, pictures)
    notes = [*pictures.notes, *runs.notes]
    asked = _asked(store, named, notes)
    singles, environments = _singles(store, rows, results, pasts, remarks, anchors, examination)
    page = Page(
        title=named.title,
        subtitle=_subtitle(rows),
        written=moment(time.time()),
        version=__version__,
        refresh=refresh,
        missing=_missing(rows, results, notes),
        asked=asked,
        answer=comparisons.answer(examination.words),
        leaderboards=leaders.leaderboards(examination, anchors),
        curves=curves,
        factors=scatters,
        effects=factors.tables(effects, examination.tables),
        differences=comparisons.compared(examination.words),
        grids=grids(examination),
        diagnostics=diagnostics,
        verdicts=verdicts.overview(examination.every_run, remarks, pasts, anchors),
        probes=blocks.get("answers", []),
        samples=blocks.get("samples", []),
        generalisation=blocks.get("generalisation", []),
        runs=singles,
        commands=_commands(store, rows),
        reproduce=REPRODUCE,
        environments=environments,
        definitions=terms.definitions(pictures.drawn, {name for past in pasts.values() for name in past.scalars}),
    )
    unfinished = sum(row.status in UNFINISHED for row in rows)
    return Gathered(page, notes, unfinished)


def _runs(
    store: Store, named: NamedRuns, examination: Examination, names: dict[tuple[str, str], str], some: Sequence[Result]
) -> Runs:
    return Runs(
        some,
        lambda run_ids, traces: history.read(store, run_ids, traces),
        title=named.title,
        by=examination.by,
        panels=PANELS,
        keys=examination.keys,
        configurations=names,
        answers=lambda run_ids, probe: answers.of_runs(store, run_ids, probe),
    )


def _comparable(
    store: Store, named: NamedRuns, examination: Examination, names: dict[tuple[str, str], str], runs: Runs
) -> list[Runs]:
    """Return the runs in groups whose losses can be compared, each with figures of its own."""
    groups = runs.comparable()
    if len(groups) < 2:
        return [runs]
    by_id = {run.run: run for run in examination.every_run}
    return [_runs(store, named, examination, names, [by_id[run.run] for run in group.runs]) for group in groups]


def _asked(store: Store, named: NamedRuns, notes: list[str]) -> list[Asked]:
    studies = dict.fromkeys(row.study for row in named.runs)
    rows = {row.name: row for row in queries.studies(store)}
    return [claims.asked(store, rows[name], notes, whole=named.whole and not named.selection) for name in studies]


def _singles(
    store: Store,
    rows: Sequence[RunRow],
    results: dict[str, Result],
    pasts: dict[str, History],
    remarks: dict[str, list[Verdict]],
    anchors: dict[str, str],
    examination: Examination,
) -> tuple[list[RunBlock], list[Environment]]:
    several = len({row.study for row in rows}) > 1
    blocks = RunBlocks(store, examination.keys, anchors, len(rows))
    singles = [
        blocks.block(row, results[row.run_id], pasts.get(row.run_id, EMPTY), remarks[row.run_id], several)
        for row in rows
    ]
    return singles, blocks.environments.blocks()


def _subtitle(rows: Sequence[RunRow]) -> str:
    done = sum(row.status == "done" for row in rows)
    counts: dict[str, int] = {}
    for row in rows:
        if row.status != "done":
            counts[row.status] = counts.get(row.status, 0) + 1
    rest = "".join(f", {n} {status}" for status, n in counts.items())
    configurations = counted(len({row.config_id for row in rows}), "configuration")
    return f"{counted(len(rows), 'run')} of {configurations}: {done:,} finished{rest}"


def _missing(rows: Sequence[RunRow], results: dict[str, Result], notes: Sequence[str]) -> list[str]:
    """Return what the page lacks and why, a line each."""
    lines = []
    going = any(row.status in UNFINISHED for row in rows)
    if not any(run.checked for run in results.values()):
        again = any(row.outcome is None for row in rows)
        makes = " rnnctl train makes them." if going else " rnnctl retry queues them again." if again else ""
        lines.append(f"No run has been checked yet: there are no results, curves or diagnostics.{makes}")
    elif not any(row.outcome is not None for row in rows):
        which = "that go on" if going else "that failed or were cancelled"
        lines.append(f"No run has finished yet: all results are those of runs {which}.")
    return [*lines, *dict.fromkeys(notes)]


def _commands(store: Store, rows: Sequence[RunRow]) -> list[tuple[str, list[str]]]:
    scripts = []
    for study in dict.fromkeys(row.study for row in rows):
        try:
            scripts.append((study, list(commands(store, study).lines)))
        except (LabError, SpecError) as error:
            scripts.append((study, [f"the commands cannot be written: {error}"]))
    return scripts

"""`init`, `studies` and `plan`: what is to be run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption, SeedsOption, WorkspaceOption, parsed_seeds
from rnnctl.cli.output import duration, out, out_json, say, table, warnings
from rnnctl.words import counted, one_line

if TYPE_CHECKING:
    from rnnctl.lab.plan import Plan

StudyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[STUDY]...", help="Study files, or names of packaged studies.", show_default=False),
]


def init(studies: StudyNames = None, seeds: SeedsOption = None, workspace: WorkspaceOption = None) -> None:
    """Register studies in the workspace here. Make it first if there is none.

    Without a study, register `quickstart`. Runs that are registered already stay as they are; new --seeds add
    replicates. If one of several files is wrong, nothing is registered.
    """
    from rnnctl.lab.register import QUICKSTART, register

    registration = register(workspace or Path.cwd(), studies or [QUICKSTART], parsed_seeds(seeds))
    say(f"workspace {registration.workspace}")
    warnings(registration.warnings)
    for study in registration.studies:
        warnings(study.warnings)
        shared = f", {study.shared} shared with other studies" if study.shared else ""
        say(f"{study.study}: {counted(study.new, 'new run')}, {study.known} known{shared}")
    if any(study.new for study in registration.studies):
        say("next: rnnctl train --workers 2")


def studies(as_json: JsonOption = False) -> None:
    """List the studies that come with rnnctl."""
    from rnnctl.lab.studies import packaged

    listed = packaged()
    if as_json:
        out_json(listed)
        return
    cells = [
        [study.study, "-" if study.runs is None else study.runs, " ".join(study.about.split())] for study in listed
    ]
    out(table(["study", "runs", "about"], cells))


def plan(
    studies: Annotated[
        list[str], typer.Argument(metavar="STUDY...", help="Study files, or names of packaged studies.")
    ],
    seeds: SeedsOption = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Number of runs to show; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show what a study would register, and roughly its cost. Registers nothing."""
    from rnnctl.lab import plan as lab

    plans = lab.plan(studies, parsed_seeds(seeds))
    if as_json:
        out_json(plans)
        return
    for each in plans:
        _print_plan(each, rows)


def _print_plan(plan: Plan, rows: int) -> None:
    from rnnctl.study.labels import text

    about = one_line(" ".join(plan.about.split()))
    out(f"{plan.study}: {about}" if about else plan.study)
    out(
        f"{counted(len(plan.runs), 'run')} of {counted(plan.configurations, 'configuration')}, "
        f"{counted(plan.pack_keys, 'pack key')}, {plan.updates:,} updates, "
        f"roughly {duration(plan.core_seconds_at_most)} on one core if none ends early"
    )
    if plan.refine is not None:
        out(f"rnnctl refine makes of its {plan.refine.cut} by {plan.refine.by}: {', '.join(plan.refine.variants)}")
    warnings(plan.warnings)
    shown = plan.runs[:rows] if rows else plan.runs
    cells = [
        [run.label, run.run, *(text(run.differences[key]) if key in run.differences else "-" for key in plan.varied)]
        for run in shown
    ]
    out(table(["label", "run", *plan.varied], cells))
    if len(shown) < len(plan.runs):
        out(f"... and {counted(len(plan.runs) - len(shown), 'more run')} (--rows 0 shows all)")

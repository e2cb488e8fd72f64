"""`init`, `studies` and `plan`: what is to be run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption, SeedsOption, WorkspaceOption, parsed_seeds
from rnnctl.cli.output import counted, duration, out, out_json, say, table

if TYPE_CHECKING:
    from rnnctl.study.loading import Study

StudyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[STUDY]...", help="Study files, or names of packaged studies.", show_default=False),
]


def init(studies: StudyNames = None, seeds: SeedsOption = None, workspace: WorkspaceOption = None) -> None:
    """Make a workspace here, or use the one that is here, and register studies in it.

    Without a study, register `quickstart`. Runs that are registered already stay as they are; new --seeds add
    replicates. If one of several files is wrong, nothing is registered.
    """
    from rnnctl.lab.register import QUICKSTART, register

    registration = register(workspace or Path.cwd(), studies or [QUICKSTART], parsed_seeds(seeds))
    say(f"workspace {registration.workspace}")
    for warning in registration.warnings:
        say(f"warning: {warning}")
    for study in registration.studies:
        for warning in study.warnings:
            say(f"warning: {warning}")
        shared = f", {study.shared} shared with other studies" if study.shared else ""
        say(f"{study.study}: {counted(study.new, 'new run')}, {study.known} known{shared}")
    if any(study.new for study in registration.studies):
        say("next: rnnctl train --workers 2")


def studies(as_json: JsonOption = False) -> None:
    """List the studies that come with rnnctl."""
    from rnnctl.study.errors import SpecError
    from rnnctl.study.loading import load_study, packaged_studies

    found = []
    for name, path in packaged_studies().items():
        try:
            study = load_study(name)
        except SpecError as error:  # one that needs an extra, which is no reason to hide the others
            found.append({"study": name, "runs": None, "about": f"cannot be read here: {error}", "file": str(path)})
        else:
            found.append({"study": name, "runs": len(study.runs), "about": study.about, "file": study.file})
    if as_json:
        out_json(found)
        return
    rows = [[one["study"], "-" if one["runs"] is None else one["runs"], one["about"]] for one in found]
    out(table(["study", "runs", "about"], [[name, runs, " ".join(about.split())] for name, runs, about in rows]))


def plan(
    studies: Annotated[
        list[str], typer.Argument(metavar="STUDY...", help="Study files, or names of packaged studies.")
    ],
    seeds: SeedsOption = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many runs to show; 0 for all.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show what a study would register, and roughly what it would cost. Registers nothing."""
    from rnnctl.study.loading import load_studies

    loaded = load_studies(studies, parsed_seeds(seeds))
    if as_json:
        out_json([_planned(study) for study in loaded])
        return
    for study in loaded:
        _print_plan(study, rows)


def _planned(study: Study) -> dict:
    from rnnctl.report.cost import core_seconds

    recipe = study.recipe
    return {
        "study": study.name,
        "about": study.about,
        "warnings": list(study.warnings),
        "core_seconds_at_most": sum(core_seconds(run.spec) for run in study.runs),
        "refine": recipe
        and {
            "cut": str(recipe.cut),
            "by": recipe.by,
            "seeds": recipe.seeds,
            "variants": {variant.name: variant.about for variant in recipe.variants},
        },
        "runs": [
            {"label": run.label, "run": run.spec.run_id, "differences": run.differences, "spec": run.spec.canonical()}
            for run in study.runs
        ],
    }


def _print_plan(study: Study, rows: int) -> None:
    from rnnctl.report.cost import core_seconds
    from rnnctl.study.labels import text

    configurations = len({run.spec.config_id for run in study.runs})
    shapes = len({run.spec.shape for run in study.runs})
    updates = sum(run.spec.train.updates for run in study.runs)
    seconds = sum(core_seconds(run.spec) for run in study.runs)
    out(f"{study.name}: {' '.join(study.about.split())}")
    out(
        f"{counted(len(study.runs), 'run')} of {counted(configurations, 'configuration')}, "
        f"{counted(shapes, 'shape')}, {updates:,} updates, roughly {duration(seconds)} on one core if none ends early"
    )
    if study.recipe:
        variants = ", ".join(variant.name for variant in study.recipe.variants)
        out(f"rnnctl refine makes of its {study.recipe.cut} by {study.recipe.by}: {variants}")
    for warning in study.warnings:
        say(f"warning: {warning}")
    shown = study.runs[:rows] if rows else study.runs
    varied = list(study.varied)
    cells = [
        [run.label, run.spec.run_id, *(text(run.differences[key]) if key in run.differences else "-" for key in varied)]
        for run in shown
    ]
    out(table(["label", "run", *varied], cells))
    if len(shown) < len(study.runs):
        out(f"... and {counted(len(study.runs) - len(shown), 'more run')} (--rows 0 shows all)")

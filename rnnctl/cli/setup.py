"""`init`, `studies` and `plan`: what is to be run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption, SeedsOption, WorkspaceOption, parsed_seeds
from rnnctl.cli.output import UserError, counted, duration, out, out_json, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rnnctl.study.loading import Study
    from rnnctl.study.run import RunSpec
    from store import Store
    from store.lineage import Descent
    from store.registry import StudyRecord

StudyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[STUDY]...", help="Study files, or names of packaged studies.", show_default=False),
]
QUICKSTART = "quickstart"


def init(studies: StudyNames = None, seeds: SeedsOption = None, workspace: WorkspaceOption = None) -> None:
    """Make a workspace here, or use the one that is here, and register studies in it.

    Without a study it registers `quickstart`. What is registered already is left as it is, so other --seeds add
    replicates; a wrong file among several registers nothing of any.
    """
    from rnnctl.study.loading import load_studies
    from store import Store, registry

    loaded = load_studies(studies or [QUICKSTART], parsed_seeds(seeds))
    root = workspace or Path.cwd()
    refuse_text_around(root, loaded)
    with Store.create(root) as store:
        changed = [line for study in loaded for line in _other_texts(store, study)]
        registered = registry.register(store, [record(study) for study in loaded], time.time())
    say(f"workspace {Path(root).resolve()}")
    for line in changed:
        say(f"warning: {line}")
    for study, result in zip(loaded, registered, strict=True):
        for warning in study.warnings:
            say(f"warning: {warning}")
        shared = f", {result.shared} shared with other studies" if result.shared else ""
        say(f"{study.name}: {counted(result.new, 'new run')}, {result.known} known{shared}")
    if any(result.new for result in registered):
        say("next: rnnctl train --workers 2")


def refuse_text_around(root: Path, studies: Iterable[Study]) -> None:
    """UserError for a corpus whose folder contains the workspace: all that runs write would become text."""
    home = root.resolve()
    for folder in sorted({run.spec.task.corpus for study in studies for run in study.runs if _is_of_text(run.spec)}):
        # What is hidden is no part of a corpus.
        if home.is_relative_to(folder) and not any(p.startswith(".") for p in home.relative_to(folder).parts):
            raise UserError(f"the corpus folder {folder} contains the workspace {home}; keep them apart")


def _other_texts(store: Store, study: Study) -> list[str]:
    """A line for each place where the study had another text when it was registered before."""
    from store import queries

    now = {run.spec.task.corpus: run.spec.task.sha256 for run in study.runs if _is_of_text(run.spec)}
    tasks = [row.spec["task"] for row in queries.runs_of(store, study.name)] if now else []
    before: dict[str, list[str]] = {}
    for task in tasks:
        if task["name"] == "text":
            before.setdefault(task["corpus"], []).append(task["sha256"])
    what = "{}: {} is another text than before: sha256 {:.12}..., not {:.12}...; its runs are other runs"
    return [
        what.format(study.file, corpus, sha256, before[corpus][-1])
        for corpus, sha256 in now.items()
        if corpus in before and sha256 not in before[corpus]
    ]


def _is_of_text(spec: RunSpec) -> bool:
    return spec.task.name == "text"


def record(study: Study, descents: Iterable[Descent] = ()) -> StudyRecord:
    """A study as the store takes it. descents: of those of its runs that were refined from others."""
    from store.registry import RunRecord, StudyRecord

    runs = [
        RunRecord(
            run_id=run.spec.run_id,
            config_id=run.spec.config_id,
            shape=run.spec.shape,
            spec=run.spec.canonical(),
            label=run.label,
            total=run.spec.train.updates,
        )
        for run in study.runs
    ]
    return StudyRecord(study.name, study.about, study.source, runs, list(descents))


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

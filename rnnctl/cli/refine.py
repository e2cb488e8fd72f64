"""`refine`: the best configurations of a study, changed by a recipe, as a new study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllowCodeOption, JsonOption, SeedsOption, WorkspaceOption, a_path, opened, parsed_seeds
from rnnctl.cli.output import notes, out, out_json, say
from rnnctl.measures import MEASURES
from rnnctl.words import counted, number

if TYPE_CHECKING:
    from rnnctl.lab.refine.refinement import Refinement


def refine(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A registered study.")],
    best: Annotated[
        str | None,
        typer.Option(
            "--best",
            metavar="N%|N",
            help="Take this share or number of configurations, the best ones.",
            show_default=False,
        ),
    ] = None,
    below: Annotated[
        float | None,
        typer.Option(
            "--below", metavar="X", help="Take the configurations whose measure is below X.", show_default=False
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="MEASURE", help=f"The measure to judge by: {MEASURES.help()}.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            parser=a_path,
            metavar="FILE",
            help="YAML with a section `refine`, instead of that of the study.",
            show_default=False,
        ),
    ] = None,
    seeds: SeedsOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="The name of the new study. Default: STUDY-refined.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be made, and make nothing.")] = False,
    allow_code: AllowCodeOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a new study of a study's best configurations. Each is changed by the variants of a recipe.

    The recipe is the section `refine` of the study's file; options take precedence. Configurations are judged by the
    mean over their finished runs. The new study is registered, and written into the workspace as NAME.yaml. Runs that
    exist already are part of it and are not trained again.
    """
    from rnnctl.lab.refine.recipes import recipe_for
    from rnnctl.lab.refine.refinement import refine as make

    with opened(workspace, readonly=dry_run) as store:
        chosen = recipe_for(store, study, file=recipe, best=best, below=below, by=by, seeds=parsed_seeds(seeds))
        refinement = make(store, study, chosen, name=name, dry_run=dry_run)
    if as_json:
        out_json(refinement)
    else:
        _print(refinement)
    notes(refinement.notes)
    if dry_run:
        say("a dry run: nothing was written or registered")
        return
    say(f"study {refinement.refined}: {refinement.file}")
    if refinement.new or refinement.queued:
        say("next: rnnctl train --workers 2")


def _print(refinement: Refinement) -> None:
    cells = []
    for rank, chosen in enumerate(refinement.chosen, start=1):
        sd = "" if chosen.sd is None else f" ± {number(chosen.sd, 2)}"
        variants = ", ".join(chosen.variants) or "-"
        cells.append([rank, chosen.label, chosen.runs, f"{number(chosen.mean)}{sd}", variants])
    out(*table(["", "chosen", "runs", refinement.by, "becomes"], cells, drop=["runs"]), whole=True)
    out()
    for new in refinement.configurations:
        if len(new.origins) > 1:
            origins = " and ".join(f"{origin.variant} of {origin.label}" for origin in new.origins)
            out(f"merged: {new.label} is {origins}")
        if new.known:
            known = f"{len(new.known)} of {counted(len(new.runs), 'run')} of {new.label}"
            out(f"known: {known}, {new.done} done, as {new.known_as}")
    runs = counted(sum(len(new.runs) for new in refinement.configurations), "run")
    configurations = counted(len(refinement.configurations), "configuration")
    out(f"{refinement.refined}: {runs} of {configurations}, {refinement.new} new")

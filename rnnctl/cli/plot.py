"""`plot`: one kind of figure, or all, of a study or a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllOption, AllowCodeOption, WhereOption, WorkspaceOption, named, opened, path_text
from rnnctl.cli.output import UserError, notes, out
from rnnctl.words import cut

if TYPE_CHECKING:
    from rnnctl.lab.plot import Layout


def plot(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN|STUDY", help="Runs, or all runs of studies.", show_default=False),
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="A kind of figure, or all of them.", show_default=False)
    ] = None,
    list_kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds of figures.")] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="U,U,...", help="Show the checks nearest to these updates, such as 0,1000,end."),
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw all runs in one panel.")] = False,
    panels: Annotated[bool, typer.Option("--panels", help="Draw a panel for each run or configuration.")] = False,
    each: Annotated[
        bool, typer.Option("--each", help="Draw each run's own curve. Default: means over seeds above 8 runs.")
    ] = False,
    linear: Annotated[bool, typer.Option("--linear", help="Make the value axis of curves linear.")] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="best|last|UPDATE",
            help="The weights that answers of probes are about. Default: the best ones.",
            show_default=False,
        ),
    ] = None,
    where: WhereOption = None,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="Only the best N configurations of each task; 0 for all.")
    ] = 0,
    width: Annotated[
        float | None, typer.Option("--width", min=2, max=40, help="Width of the figure in inches.")
    ] = None,
    height: Annotated[
        float | None, typer.Option("--height", min=1, max=40, help="Height of the figure in inches.")
    ] = None,
    out_: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            callback=path_text,
            metavar="FILE|DIR",
            help="A .png, .svg or .pdf, or a folder. Default: the workspace's figures folder.",
            show_default=False,
        ),
    ] = None,
    hidden: AllOption = False,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Draw a figure of runs or of studies, and print its path. All runs that are named are drawn together.

    A colour stands for a configuration, or, where each run has a panel, for a check. Options that change a figure are
    part of its file's name. Kinds with the name of a probe show the answers that `rnnctl probe` has kept.
    """
    from rnnctl.lab import plot as lab

    if list_kinds:
        out(*table(["kind", "shows"], [[name, kind_.about] for name, kind_ in lab.kinds().items()]), whole=True)
        return
    if not what or kind is None:
        raise UserError("name a study or a run, and a kind of figure (rnnctl plot --kinds lists them)")
    if overlay and panels:
        raise UserError("--overlay and --panels exclude each other")
    updates = None if at is None else _updates(at)
    layout: Layout | None = "overlay" if overlay else "panels" if panels else None
    with opened(workspace, readonly=True) as store:
        runs = named(store, *what, where=where or [], hidden=hidden)
        plotted = lab.plot(
            store,
            runs,
            kind,
            at=updates,
            layout=layout,
            each=each,
            linear=linear,
            weights=weights,
            width=width,
            height=height,
            out=out_,
            top=top,
        )
    for path in plotted.files:
        out(str(path), whole=True)
    notes(plotted.notes)


def _updates(text: str) -> list[float]:
    if all(word.strip() == "end" or word.strip().isdecimal() for word in text.split(",")):
        # No run has so many updates that a float cannot hold them: more are as good as the end.
        return [math.inf if word.strip() == "end" else float(word) for word in text.split(",")]
    raise UserError(f"--at {cut(text)}: updates of 0 and more, or end, separated by commas, such as 0,1000,end")

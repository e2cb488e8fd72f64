"""`plot`: one kind of figure, or all, of a study or a run."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import WorkspaceOption, opened, runs_named
from rnnctl.cli.output import NOTHING, UserError, out, say, table
from rnnctl.lab.figures import safe_name, save

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from rnnctl.report.figures import Kind, Runs
    from store import Store
    from store.queries import RunRow

ALL = "all"
FORMATS = (".png", ".svg", ".pdf")


def plot(
    what: Annotated[
        str | None, typer.Argument(metavar="RUN|STUDY", help="A run, or all runs of a study.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="A kind of figure, or all of them.", show_default=False)
    ] = None,
    list_kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds of figures.")] = False,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="U,U,...", help="The checks nearest to these updates, or end, such as 0,1000,end."
        ),
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="All runs in one panel.")] = False,
    panels: Annotated[bool, typer.Option("--panels", help="A panel for each run or configuration.")] = False,
    width: Annotated[float | None, typer.Option("--width", min=2, max=40, help="In inches.")] = None,
    height: Annotated[float | None, typer.Option("--height", min=1, max=40, help="In inches.")] = None,
    out_: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|DIR",
            help="A .png, .svg or .pdf, or a folder. Default: the workspace's figures folder.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Draw a figure of a run, or of the runs of a study together; its path goes to stdout.

    Colours are configurations, which replicates share, or, where a run has a panel of its own, checks.
    """
    from rnnctl.report.figures import KINDS

    offered = {name: each for name, each in KINDS.items() if each.plotted}
    if list_kinds:
        out(table(["kind", "shows"], [[name, each.about] for name, each in offered.items()]))
        return
    if what is None or kind is None:
        raise UserError("name a study or a run, and a kind of figure (rnnctl plot --kinds lists them)")
    kinds = list(offered.values()) if kind == ALL else [_known(kind, offered)]
    if overlay and panels:
        raise UserError("--overlay and --panels exclude each other")
    layout = "overlay" if overlay else "panels" if panels else None
    updates = None if at is None else _updates(at)
    _refuse_without_effect(kinds, at, layout)
    folder, file = _destination(out_, kind)
    with opened(workspace, readonly=True) as store:
        runs = _runs(store, *runs_named(store, what), updates, layout)
        drawn = 0
        for each in kinds:
            figure = _drawn(runs, each, alone=kind != ALL)
            if figure is None:
                continue
            _resize(figure, each.name, width, height)
            name = f"{safe_name(what)}-{each.name}.png"
            path = file or (folder or store.workspace.figures) / name
            save(figure, path)
            out(str(path))
            drawn += 1
        for note in runs.notes:
            say(f"note: {note}")
        if not drawn:
            raise UserError(f"{runs.title}: there is nothing to draw", NOTHING)


def _known(name: str, offered: dict[str, Kind]) -> Kind:
    if name in offered:
        return offered[name]
    import difflib

    near = difflib.get_close_matches(name, [*offered, ALL], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"there is no kind of figure {name!r}; {hint}There are {', '.join(offered)}, and {ALL}")


def _updates(text: str) -> list[float]:
    try:
        updates = [math.inf if part.strip() == "end" else int(part) for part in text.split(",")]
    except ValueError:
        updates = [-1]
    if min(updates) < 0:
        raise UserError(f"--at {text}: updates of 0 and more, or end, separated by commas, such as 0,1000,end")
    return updates


def _refuse_without_effect(kinds: Sequence[Kind], at: str | None, layout: str | None) -> None:
    """UserError for an option that none of the kinds heeds."""
    if at is not None and not any(kind.at for kind in kinds):
        raise UserError(f"--at: {kinds[0].name} shows all checks; single ones are for {_with('at')}")
    if layout is not None and not any(kind.layouts for kind in kinds):
        raise UserError(f"--{layout}: {kinds[0].name} has one layout; there are two of {_with('layouts')}")


def _with(ability: str) -> str:
    from rnnctl.report.figures import KINDS

    return ", ".join(name for name, kind in KINDS.items() if getattr(kind, ability))


def _destination(out_: str | None, kind: str) -> tuple[Path | None, Path | None]:
    """A folder, or a file, or neither, from --out."""
    if out_ is None:
        return None, None
    path = Path(out_)
    if out_.endswith("/") or path.is_dir():
        return path, None
    if kind == ALL:
        raise UserError(f"--out {out_}: all figures need a folder; name one that exists, or end it with /")
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"--out {out_}: figures are {', '.join(FORMATS)}; a folder ends with /")
    return None, path


def _runs(store: Store, rows: Sequence[RunRow], whole: bool, at: list[float] | None, layout: str | None) -> Runs:
    from rnnctl.report.figures import Runs
    from rnnctl.report.results import Result
    from store import history

    title = rows[0].study if whole else f"{rows[0].study}/{rows[0].label}"
    runs = Runs(
        [Result.of(row) for row in rows],
        lambda run_ids, traces: history.read(store, run_ids, traces),
        title=title,
        at=at,
        layout=layout,
    )
    if not runs.checked:
        which = "no run of it has" if whole else "it has not"
        raise UserError(f"{title}: {which} been checked yet: there is nothing to draw", NOTHING)
    return runs


def _drawn(runs: Runs, kind: Kind, *, alone: bool) -> Figure | None:
    """The figure; where it does not apply, UserError if it was asked for alone, else a message and None."""
    from rnnctl.report.figures import NothingToDraw

    try:
        return kind.draw(runs)
    except NothingToDraw as reason:
        if alone:
            raise UserError(f"{runs.title}: no {kind.name}: {reason}", NOTHING) from None
        say(f"no {kind.name}: {reason}")
        return None


def _resize(figure: Figure, name: str, width: float | None, height: float | None) -> None:
    """Give a figure its size. Raises UserError where its panels have no room in it."""
    if width is None and height is None:
        return
    width, height = width or figure.get_figwidth(), height or figure.get_figheight()
    figure.set_size_inches(width, height)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        figure.canvas.draw()
    if any("collapsed to zero" in str(warning.message) for warning in found):
        raise UserError(f"{name} has no room for its panels in {width:g} by {height:g} inches")

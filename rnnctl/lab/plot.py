"""Draw figures of runs, one kind or all."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plots import page
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.figures import figures_folder, folder_of, safe_name, save, selection_name
from rnnctl.lab.workspaces import NamedRuns
from rnnctl.lab.written import configurations_of, keys_of
from rnnctl.report.figures import KINDS, Kind, NothingToDraw, Runs
from rnnctl.report.leaderboard import configurations, rank
from rnnctl.report.results import Result
from rnnctl.report.units import best_measure, by_task
from rnnctl.words import did_you_mean
from store import Store, history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"
FORMATS = (".png", ".svg", ".pdf")
Layout = Literal["overlay", "panels"]


@dataclass(frozen=True)
class Plotted:
    """The files that were written, and what could not be drawn."""

    files: list[Path]
    notes: list[str]


def kinds() -> dict[str, Kind]:
    """Return the kinds of figures that can be asked for, by name."""
    return {name: kind for name, kind in KINDS.items() if kind.plotted}


def plot(
    store: Store,
    named: NamedRuns,
    kind: str,
    *,
    at: Sequence[float] | None = None,
    layout: Layout | None = None,
    each: bool = False,
    linear: bool = False,
    width: float | None = None,
    height: float | None = None,
    out: str | None = None,
    top: int = 0,
) -> Plotted:
    """Draw one kind of figure, or `all` that apply, of some runs together, and write them.

    at: the checks nearest to these updates, inf for the last one, instead of a few from early to late. layout: all runs
    in one panel, or a panel for each. each: the curve of each run, even where means over seeds are clearer. linear:
    linear value axes of curves. width, height: in inches. out: a file, or a folder if it exists or ends with /;
    by default the workspace's folder for figures. top: only so many of the best configurations of each task, 0 for all.
    Raises LabError, and StoreError if a file cannot be written.
    """
    chosen = list(kinds().values()) if kind == ALL else [_kind(kind)]
    _check_options(chosen, at is not None, layout, {"each": each, "linear": linear})
    folder, file = _destination(out, kind)
    named = _best(named, top) if top else named
    studies = {row.study for row in named.runs}
    runs = Runs(
        [Result.of(row) for row in named.runs],
        lambda run_ids, traces: history.read(store, run_ids, traces),
        title=", ".join([named.title, *named.selection]),
        at=at,
        layout=layout,
        each=each,
        linear=linear,
        keys=keys_of(store, studies),
        configurations=configurations_of(store, studies),
    )
    if not runs.checked:
        which = "no run of it has" if named.whole else "it has not"
        raise LabError(f"{named.title}: {which} been checked yet: there is nothing to draw", Code.NOTHING)
    run = None if named.whole else named.runs[0].run_id
    # In the user's own folder, the figures of a selection lie beside those of all runs.
    stem = safe_name(named.title) + (f"-{selection_name(named.selection)}" if folder and named.selection else "")
    files, omitted = [], []
    for wanted in chosen:
        try:
            with page(width):
                figure = wanted.draw(runs)
        except NothingToDraw as reason:
            if kind != ALL:
                raise LabError(f"{named.title}: no {wanted.name}: {reason}", Code.NOTHING) from None
            omitted.append(f"no {wanted.name}: {reason}")
            continue
        _resize(figure, wanted.name, width, height)
        path = file or (folder or _default_folder(store, named)) / f"{stem}-{wanted.name}.png"
        save(figure, path, title=named.title, run=run, follow=file is not None or folder is not None)
        files.append(path)
    if not files:
        raise LabError(f"{named.title}: there is nothing to draw", Code.NOTHING)
    return Plotted(files, [*omitted, *runs.notes])


def _best(named: NamedRuns, top: int) -> NamedRuns:
    """Return the runs of the best configurations of each task, as `examine` ranks them."""
    results = [Result.of(row) for row in named.runs]
    by = best_measure(results)
    kept = {
        run.run
        for of_task in by_task(results, by).values()
        for configuration in rank(configurations(of_task), by)[:top]
        for run in configuration.runs
    }
    rows = [row for row in named.runs if row.run_id in kept]
    return replace(named, runs=rows, selection=(*named.selection, f"top={top}"))


def _kind(name: str) -> Kind:
    offered = kinds()
    if name not in offered:
        hint = did_you_mean(name, [*offered, ALL])
        allowed = ", ".join([*offered, ALL])
        raise LabError(f"there is no kind of figure {name!r}; allowed: {allowed}{hint}")
    return offered[name]


def _check_options(chosen: Sequence[Kind], at: bool, layout: Layout | None, of_curves: Mapping[str, bool]) -> None:
    """Raise LabError for an option that has no effect on any of the kinds."""
    first = chosen[0].name
    if at and not any(kind.at for kind in chosen):
        others = ", ".join(name for name, kind in KINDS.items() if kind.at)
        raise LabError(f"{first} shows all checks; single ones are for {others}", argument="at")
    if layout is not None and not any(kind.layouts for kind in chosen):
        others = ", ".join(name for name, kind in KINDS.items() if kind.layouts)
        raise LabError(f"{first} has one layout; there are two of {others}", argument=layout)
    for option in (name for name, given in of_curves.items() if given):
        if not any(kind.curves for kind in chosen):
            others = ", ".join(name for name, kind in KINDS.items() if kind.curves)
            raise LabError(f"{first} has no curves of runs over updates; these are {others}", argument=option)


def _default_folder(store: Store, named: NamedRuns) -> Path:
    """Return the folder for figures, or that of a selection, whose figures never replace those of the whole study."""
    if not named.selection:
        return figures_folder(store)
    return folder_of(store, "+".join(dict.fromkeys(row.study for row in named.runs)), named.selection)


def _destination(out: str | None, kind: str) -> tuple[Path | None, Path | None]:
    """Return the folder, or else the file, that `out` names."""
    if out is None:
        return None, None
    path = Path(out)
    if out.endswith("/") or path.is_dir():
        return path, None
    if kind == ALL:
        raise LabError("all figures need a folder; name one that exists, or end it with /", argument="out", value=out)
    if path.suffix.lower() not in FORMATS:
        raise LabError(f"figures are {', '.join(FORMATS)}; a folder ends with /", argument="out", value=out)
    return None, path


def _resize(figure: Figure, name: str, width: float | None, height: float | None) -> None:
    """Give a figure its size. Raises LabError if its panels have no room."""
    if width is None and height is None:
        return
    width, height = width or figure.get_figwidth(), height or figure.get_figheight()
    figure.set_size_inches(width, height)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.canvas.draw()
    if any("collapsed to zero" in str(warning.message) for warning in caught):
        raise LabError(f"{name} has no room for its panels in {width:g} by {height:g} inches")

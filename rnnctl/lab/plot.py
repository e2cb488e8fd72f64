"""Draw figures of runs, one kind or all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_args

from plots import page
from rnnctl.lab.errors import Code, LabError, NotYet
from rnnctl.lab.figures import figures_folder, folder_of, safe_name, save, selection_name
from rnnctl.lab.workspaces import NamedRuns
from rnnctl.lab.written import configurations_of, keys_of
from rnnctl.probes.catalogue import PROBES
from rnnctl.report.figures import KINDS, Kind, NothingToDraw, Runs
from rnnctl.report.figures.probed import answered, probe_kind, probe_kinds
from rnnctl.report.leaderboard import configurations, rank
from rnnctl.report.results import Result
from rnnctl.report.units import best_measure, by_task
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.names import is_users
from rnnctl.weights import BEST, weights_name
from rnnctl.words import did_you_mean, shown
from store import Store, answers, history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.figures.runs import Answers, Configurations, Histories
    from rnnctl.study.written import WrittenKeys

ALL = "all"
FORMATS = (".png", ".svg", ".pdf")
Layout = Literal["overlay", "panels"]
# The options of figures, with what they can be.
LOOKS = {
    "at": "a list of updates, each 0 or more, inf for the last",
    "layout": "overlay, panels",
    "each": "True, False",
    "linear": "True, False",
    "weights": "best, last, or the update of a snapshot such as 1000",
    "width": "a number from 2 to 40, in inches",
    "height": "a number from 1 to 40, in inches",
}


@dataclass(frozen=True)
class Plotted:
    """The files that were written, and what could not be drawn."""

    files: list[Path]
    notes: list[str]


@dataclass(frozen=True)
class _Variant:
    """How figures are drawn otherwise than usual: see `Looks`."""

    at: Sequence[float] | None = None
    layout: Layout | None = None
    each: bool = False
    linear: bool = False
    weights: str | int | None = None
    width: float | None = None
    height: float | None = None

    def name(self, kind: Kind) -> str:
        """Return a kind as part of a file's name. Its figures that are drawn otherwise never replace the usual one."""
        updates = [] if self.at is None else ["end" if update == math.inf else f"{update:.0f}" for update in self.at]
        words = [
            "_".join(["at", *updates]) if updates and kind.at else "",
            self.layout if self.layout and kind.layouts else "",
            "each" if self.each and kind.curves else "",
            "linear" if self.linear and kind.curves else "",
            str(self.weights) if self.weights not in (None, BEST) and kind.weights else "",
            "" if self.width is None else f"width={self.width:g}",
            "" if self.height is None else f"height={self.height:g}",
        ]
        return "-".join(safe_name(word) for word in [kind.name, *words] if word)


def kinds() -> dict[str, Kind]:
    """Return the kinds of figures that can be asked for, by name."""
    return {name: kind for name, kind in KINDS.items() if kind.plotted} | probe_kinds()


@dataclass(frozen=True)
class Drawing:
    """Figures of some runs, each with its kind, drawn when it is asked for.

    notes: what could not be drawn, or not all of it; complete once all figures are drawn.
    """

    named: NamedRuns  # the runs that are drawn
    figures: Iterator[tuple[str, Figure]]
    notes: list[str]


class Looks(TypedDict, total=False):
    """How figures look.

    at: the checks nearest to these updates, inf for the last one, instead of a few from early to late. layout: all runs
    in one panel, or a panel for each. each: the curve of each run, even where means over seeds are clearer. linear:
    linear value axes of curves. weights: those that answers of probes are about, the best by default. width, height:
    in inches.
    """

    at: Sequence[float] | None
    layout: Layout | None
    each: bool
    linear: bool
    weights: str | int | None
    width: float | None
    height: float | None


@dataclass(frozen=True)
class Drawn:
    """What figures are drawn of: runs, which need not be in a workspace.

    name: of the runs together, for messages. title: for figures. whole: whether they are more than one run by its name.
    read, keys, configurations, answers: as rnnctl.report.figures.Runs takes them.
    """

    results: Sequence[Result]
    read: Histories
    name: str
    title: str
    whole: bool = False
    keys: WrittenKeys | None = None
    configurations: Configurations | None = None
    answers: Answers | None = None


def draw(store: Store, named: NamedRuns, kind: str, *, top: int = 0, **looks: Unpack[Looks]) -> Drawing:
    """Draw one kind of figure, or `all` that apply, of some runs together.

    top: only so many of the best configurations of each task, 0 for all. Raises LabError, also while figures are drawn.
    """
    named = _best(named, top) if top else named
    studies = {row.study for row in named.runs}
    runs = Drawn(
        [Result.of(row) for row in named.runs],
        lambda run_ids, traces: history.read(store, run_ids, traces),
        named.title,
        ", ".join([named.title, *named.selection]),
        named.whole,
        keys_of(store, studies),
        configurations_of(store, studies),
        lambda run_ids, probe: answers.of_runs(store, run_ids, probe),
    )
    return Drawing(named, *draw_runs(runs, kind, **looks))


def draw_runs(drawn: Drawn, kind: str, **looks: Unpack[Looks]) -> tuple[Iterator[tuple[str, Figure]], list[str]]:
    """Return the figures of one kind, or of `all` that apply, and notes that are complete once all are drawn.

    Raises LabError, also while figures are drawn.
    """
    chosen = list(kinds().values()) if kind == ALL else [_kind(kind)]
    _check_looks(looks)
    at, layout, weights = looks.get("at"), looks.get("layout"), looks.get("weights")
    each, linear = looks.get("each", False), looks.get("linear", False)
    _check_options(chosen, at is not None, layout, weights is not None, {"each": each, "linear": linear})
    runs = Runs(
        drawn.results,
        drawn.read,
        title=drawn.title,
        at=at,
        layout=layout,
        each=each,
        linear=linear,
        keys=drawn.keys,
        configurations=drawn.configurations,
        answers=drawn.answers,
        weights=BEST if weights is None else weights_name(str(weights)),
    )
    if not runs.checked:
        which = "no run of it has" if drawn.whole else "it has not"
        raise NotYet(f"{drawn.name}: {which} been checked yet: there is nothing to draw")
    if kind == ALL:
        names = {each.name for each in chosen if each.weights}
        chosen = [each for each in chosen if each.name not in names - answered(runs, names)]
    notes: list[str] = []
    return _figures(runs, drawn.name, chosen, kind == ALL, looks.get("width"), looks.get("height"), notes), notes


def _figures(
    runs: Runs,
    title: str,
    chosen: Sequence[Kind],
    several: bool,
    width: float | None,
    height: float | None,
    notes: list[str],
) -> Iterator[tuple[str, Figure]]:
    """Yield each figure with its kind, and then fill in the notes. several: whether figures may not apply."""
    for wanted in chosen:
        try:
            with page(width):
                figure = wanted.draw(runs)
        except NothingToDraw as reason:
            if not several:
                raise LabError(f"{title}: no {wanted.name}: {reason}", Code.NOTHING) from None
            notes.append(f"no {wanted.name}: {reason}")
            continue
        _resize(figure, wanted.name, width, height)
        yield wanted.name, figure
    notes += runs.notes


def plot(
    store: Store, named: NamedRuns, kind: str, *, out: str | None = None, top: int = 0, **looks: Unpack[Looks]
) -> Plotted:
    """Draw figures of some runs, as `draw` does, and write them.

    out: a file, or a folder if it exists or ends with /; by default the workspace's folder for figures. Files in
    folders are named by what is drawn otherwise than usual, such as `STUDY-loss-linear.png`. Raises LabError, and
    StoreError if a file cannot be written.
    """
    folder, file = _destination(out, kind)
    drawing = draw(store, named, kind, top=top, **looks)
    named = drawing.named
    run = None if named.whole else named.runs[0].run_id
    # In the user's own folder, the figures of a selection lie beside those of all runs.
    stem = safe_name(named.title) + (f"-{selection_name(named.selection)}" if folder and named.selection else "")
    variant = _Variant(**looks)
    files = []
    for name, figure in drawing.figures:
        path = file or (folder or _default_folder(store, named)) / f"{stem}-{variant.name(_kind(name))}.png"
        save(figure, path, title=named.title, run=run, follow=file is not None or folder is not None)
        files.append(path)
    if not files:
        raise LabError(f"{named.title}: there is nothing to draw", Code.NOTHING)
    return Plotted(files, drawing.notes)


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


def _check_looks(looks: Mapping[str, Any]) -> None:
    """Raise LabError for an unknown option, and for a value that it cannot have."""
    for name, value in looks.items():
        if name not in LOOKS:
            hint = did_you_mean(name, LOOKS)
            raise LabError(f"there is no option {name!r} of figures; allowed: {', '.join(LOOKS)}{hint}")
        if value is not None and not _allowed(name, value):
            raise LabError(f"{shown(value)} is not allowed; allowed: {LOOKS[name]}", argument=name)


def _allowed(name: str, value: Any) -> bool:
    match name:
        case "at":
            is_list = isinstance(value, Iterable) and not isinstance(value, str)
            return is_list and all(_is_number(update) and update >= 0 for update in value)
        case "layout":
            return isinstance(value, str) and value in get_args(Layout)
        case "weights":
            return _names_weights(value)
        case "width":
            return _is_number(value) and 2 <= value <= 40
        case "height":
            return _is_number(value) and 1 <= value <= 40
        case _:
            return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _names_weights(value: Any) -> bool:
    try:
        return isinstance(value, str | int) and bool(weights_name(str(value)))
    except ValueError:
        return False


def _kind(name: str) -> Kind:
    """Return the kind of a name, also that of a probe that a user wrote. Raise LabError."""
    if is_users(name):
        return _users_kind(name)
    offered = kinds()
    if name not in offered:
        hint = did_you_mean(name, [*offered, ALL])
        allowed = ", ".join([*offered, ALL])
        raise LabError(f"there is no kind of figure {name!r}; allowed: {allowed}{hint}")
    return offered[name]


def _users_kind(name: str) -> Kind:
    try:
        probe = PROBES[name]
    except CodeError as error:
        raise LabError(str(error)) from None
    if probe.figure is None:
        raise LabError(f"{name} makes no figure; rnnctl probe prints its answers")
    return probe_kind(probe)


def _check_options(
    chosen: Sequence[Kind], at: bool, layout: Layout | None, weights: bool, of_curves: Mapping[str, bool]
) -> None:
    """Raise LabError for an option that has no effect on any of the kinds."""
    first = chosen[0].name
    if weights and not any(kind.weights for kind in chosen):
        others = ", ".join(name for name, kind in kinds().items() if kind.weights)
        raise LabError(f"{first} is not about weights of a name; these are {others}", argument="weights")
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

"""The kinds of figures: a function with one decorator line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.figures.runs import Runs


Topic = Literal["results", "hyper-parameters", "diagnostics"]


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for by name."""

    name: str
    about: str  # one line
    draw: Callable[[Runs], Figure]  # raises NothingToDraw if the figure does not apply
    examined: bool  # whether `examine` draws it
    plotted: bool  # whether `plot` draws it
    at: bool  # whether it shows single checks, which can be chosen
    layouts: bool  # whether runs can share a panel or have a panel each
    curves: bool  # whether it shows curves over updates, which can be means over seeds
    topic: Topic = "diagnostics"  # what it is about, by which reports order figures
    scalar: str = ""  # the scalar of the history whose curves alone it shows; empty for other figures
    weights: bool = False  # whether it shows answers about weights, which can be chosen by name


KINDS: dict[str, Kind] = {}


def kind(
    about: str,
    *,
    examined: bool = False,
    plotted: bool = True,
    at: bool = False,
    layouts: bool = False,
    curves: bool = False,
    topic: Topic = "diagnostics",
    scalar: str = "",
) -> Callable[[Callable[[Runs], Figure]], Callable[[Runs], Figure]]:
    """Return a decorator that enters a function from runs to a figure into KINDS, under the name of the function.

    Curves have layouts.
    """

    def enter(draw: Callable[[Runs], Figure]) -> Callable[[Runs], Figure]:
        name = draw.__name__
        assert name not in KINDS
        KINDS[name] = Kind(name, about, draw, examined, plotted, at, layouts or curves, curves, topic, scalar)
        return draw

    return enter

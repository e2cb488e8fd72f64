"""The figures of runs, by kind: which there are, and what of specs, results and histories goes into each.

runs.py       the runs, and the tidy records that figures are drawn from
kind.py       what a kind of figure is; KINDS
training.py   kinds with a line or a point a run: of these, up to MOST_CURVES runs are drawn
through_time.py   kinds made from traces, with a panel a run: up to MOST_PANELS, the first replicate of every
              configuration before the second of any
A figure that leaves runs out says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

# The order of the two is the order of the kinds, in lists as in an examination.
from rnnctl.report.figures import through_time, training  # noqa: F401, I001
from rnnctl.report.figures.kind import KINDS, Kind
from rnnctl.report.figures.runs import NothingToDraw, Runs, choose

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXAMINED", "KINDS", "Kind", "NothingToDraw", "Runs", "choose", "examination"]

EXAMINED = tuple(name for name, each in KINDS.items() if each.examined)


def examination(runs: Runs) -> Iterator[tuple[str, Figure]]:
    """Name and figure of the kinds that an examination draws and that apply to these runs, one after the other."""
    if not runs.checked:
        return
    for name in EXAMINED:
        with suppress(NothingToDraw):
            yield name, KINDS[name].draw(runs)

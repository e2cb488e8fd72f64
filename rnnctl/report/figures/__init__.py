"""The figures of runs, by kind.

kind.py          what a kind of figure is, and all of them: KINDS
runs.py          the runs of a figure, and which of them it shows
choice.py        which runs are shown where not all can be
records.py       from histories to the tidy records that figures are drawn from
training.py      kinds with a line or a point for each run, of up to MOST_CURVES runs
through_time.py  kinds made from traces, with a panel for each of up to MOST_PANELS runs
gates.py         kinds about the gates of cells
probed.py        kinds made from the answers of probes

The first replicate of every configuration is chosen before the second of any. A figure that leaves runs out says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

# The order of these modules is the order of the kinds, in lists and in an examination.
from rnnctl.report.figures import gates, through_time, training  # noqa: F401, I001
from rnnctl.report.figures.choice import choose
from rnnctl.report.figures.kind import KINDS, Kind
from rnnctl.report.figures.runs import NothingToDraw, Runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXAMINED", "KINDS", "Kind", "NothingToDraw", "Runs", "choose", "examination", "file_name"]

EXAMINED = tuple(name for name, each in KINDS.items() if each.examined)


def file_name(kind: str, *, by: str = "loss", below: float | None = None) -> str:
    """Return the name of a figure's file, without suffix.

    by: the measure of figures that show one: those by another than the loss are told apart. below: the threshold of
    figures of the runs below it.
    """
    words = [kind, *([f"{below:g}"] if kind == "hyperparameters_below" else [])]
    if by != "loss" and kind in ("effects", "hyperparameters", "hyperparameters_below"):
        words.append(by)
    return "_".join(words)


def examination(runs: Runs) -> Iterator[tuple[str, Figure]]:
    """Yield kind and figure of each kind that an examination draws and that applies to these runs."""
    if not runs.checked:
        return
    for name in EXAMINED:
        with suppress(NothingToDraw):
            yield name, KINDS[name].draw(runs)

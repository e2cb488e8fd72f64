"""Figures of the runs of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from rnnctl.api.border import opened, tell
from rnnctl.api.notebook import show_figures
from rnnctl.errors import InvalidArgument

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.lab.plot import Looks


def drawn(
    folder: Path,
    names: Sequence[str],
    kind: str,
    *,
    where: Sequence[str] = (),
    top: int = 0,
    hidden: bool = False,
    **looks: Unpack[Looks],
) -> Figure:
    """Return one figure of all runs that these names stand for; a notebook shows it."""
    from rnnctl.lab.plot import ALL, draw
    from rnnctl.lab.workspaces import runs_together

    if kind == ALL:
        raise InvalidArgument("a figure is of one kind; rnnctl.kinds() lists them, `rnnctl plot NAME all` writes all")
    with opened(folder) as store:
        drawing = draw(store, runs_together(store, names, where, hidden), kind, top=top, **looks)
        ((_, figure),) = drawing.figures
    tell(drawing.notes)
    show_figures()
    return figure

"""Answers of probes, as rows and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.api.border import named_errors, opened, tell
from rnnctl.api.notebook import show_figures
from rnnctl.api.rows import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.lab.probe import Probed


class Answers(Rows):
    """A row for each answer of each run: the run, the update of its weights, question and answer."""

    def __init__(self, probed: Probed) -> None:
        super().__init__(probed.records())
        self._probed = probed

    def figure(self) -> Figure | None:
        """Return the figure of the answers, None if the probe draws none."""
        from rnnctl.lab.probe import figure

        show_figures()
        return figure(self._probed)


def asked(folder: Path, name: str, probe: str, weights: str, settings: Mapping[str, Any]) -> Answers:
    """Put the question of a probe to the runs that a name stands for, and return their answers."""
    from rnnctl.lab.asked import probe_with
    from rnnctl.lab.probe import ask

    with named_errors():
        question = probe_with(probe, settings)
    with opened(folder, write=True) as store:
        probed = ask(store, name, question, weights=weights)
    tell(probed.notes)
    return Answers(probed)

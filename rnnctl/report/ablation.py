"""From ablations to the figure of loss against context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plots.context import ByContext, by_context
from rnnctl.probes.ablation import WAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.probes.ablation import Ablation
    from rnnctl.report.results import Result


def context_figure(asked: Sequence[tuple[Result, Ablation]], title: str) -> Figure:
    """Draw the ablations of these runs.

    Losses are in bits per byte where the runs' symbols are not the same, else in nats. Floors are drawn where all runs
    have them in common.
    """
    same_symbols = len({(found.late.targets, found.late.bytes) for _, found in asked}) == 1
    unit = "nats" if same_symbols else "bits_per_byte"

    def point(measured: Any) -> tuple[float, float]:
        return getattr(measured, unit), getattr(measured, f"{unit}_se")

    lines = []
    for run, found in asked:
        losses, errors = zip(*map(point, found.contexts.values()), strict=True)
        states = {name: point(getattr(found.late, way)) for way, name in WAYS.items()}
        lines.append(ByContext(run.label, run.group, list(found.contexts), losses, errors, states))
    levels = {
        tuple((getattr(getattr(found.late, gram), unit), gram) for gram in ("unigram", "bigram")) for _, found in asked
    }
    sizes = {(found.samples, len(found.steps), found.split) for _, found in asked}
    note = ""
    if len(sizes) == 1:
        samples, steps, split = sizes.pop()
        note = f"{samples * steps:,} targets in {samples:,} windows of the {split} split; bars: standard errors"
    return by_context(
        lines,
        floors=levels.pop() if len(levels) == 1 else (),
        unit=unit.replace("_", " "),
        title=title,
        note=note,
    )

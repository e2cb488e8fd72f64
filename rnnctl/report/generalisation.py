"""From evaluations to the figure of error against length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plots.generalisation import ByLength, generalisation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from store.evaluations import Evaluation


def by_length(
    results: Sequence[Mapping[str, Any]], found: Sequence[Evaluation], specs: Sequence[Mapping], title: str
) -> Figure:
    """results, specs: of the runs in question, run by run; found: their evaluations, of one number of samples."""
    lines = []
    for run in results:
        own = sorted((e for e in found if e.run_id == run["run"]), key=lambda e: e.length)
        if own:
            lines.append(ByLength(run["label"], run["group"], [e.length for e in own], [e.error for e in own]))
    chances = {round(e.chance_error, 3) for e in found}
    trained = {(task.get("min_length"), task.get("max_length")) for task in (spec["task"] for spec in specs)}
    low, high = trained.pop() if len(trained) == 1 else (None, None)
    return generalisation(
        lines,
        # Lengths of training end before the greatest, unless there is only one; a single one has no width to shade.
        trained=(low, high - 1) if low is not None and high - 1 > low else None,
        chance=found[0].chance_error if len(chances) == 1 else None,
        samples=found[0].samples,
        title=title,
    )

"""`diff`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import out, out_json
from rnnctl.measures import MEASURES
from rnnctl.words import duration, number

if TYPE_CHECKING:
    from rnnctl.lab.diff import Diff

RUN_HELP = "A run id or its beginning, a label, or STUDY/LABEL."
LABELS = {
    "best_at": "best loss at update",
    "broke_floor_at": "broke floor at update",
    "seconds": "wall time of its packs",
    "share_seconds": "its share of that",
    "exact": "same bits throughout",
}


def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
    second: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Compare two runs: the keys in which they differ, with defaults written out, and their results side by side."""
    from rnnctl.lab import diff as lab

    with opened(workspace, readonly=True) as store:
        compared = lab.diff(store, first, second)
    if as_json:
        out_json(compared)
    else:
        _print(compared)


def _print(compared: Diff) -> None:
    from rnnctl.report.units import measure_label

    heads = ["first", "second"]
    for head, run in zip(heads, compared.runs, strict=True):
        out(f"{head}: {run.study}/{run.label} ({run.run})")
    rows = [[key, *map(_value, pair)] for key, pair in compared.keys.items()]
    out("", *(table(["key", *heads], rows) if rows else ["no key differs"]), whole=True)
    labels = {key: measure_label(key, compared.both) + (" in %" if m.scale != 1 else "") for key, m in MEASURES.items()}
    for measure in MEASURES.values():
        labels.setdefault(measure.reference.field, measure.reference.heading)
    labels |= LABELS
    rows = [[labels.get(key, key), *_results(key, pair)] for key, pair in compared.results.items()]
    out("", *table(["result", *heads], rows), whole=True)


def _value(value: Any) -> str:
    """Return a value of a key as study files write it; a dash where a run has no such key."""
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _results(key: str, pair: list[Any]) -> list[str]:
    """Return both values of a result as tables show them."""
    scales = {measure.reference.field: measure.scale for measure in MEASURES.values()}
    scales |= {name: measure.scale for name, measure in MEASURES.items()}
    if key in scales:
        return [number(None if value is None else scales[key] * value) for value in pair]
    if key.endswith("seconds"):
        return [duration(value) for value in pair]
    if key == "exact":
        return ["yes" if value else "no" for value in pair]
    return ["-" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in pair]

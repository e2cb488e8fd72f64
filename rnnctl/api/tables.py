"""Tables of results, and how a notebook shows them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from rnnctl.api.rows import Rows
from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.lab.examine import Examination
    from rnnctl.report.results import Result

RESULTS = ("study", "label", "ended", "updates", "loss", "floor", "error", "chance_error", "broke_floor_at")


def reached(result: Result) -> dict[str, Any]:
    """Return the task and cell of a run, how it ended and what it reached, as a notebook names them."""
    return {
        "task": result.task.name,
        "cell": result.spec.model.name,
        "ended": result.ended,
        "updates": f"{result.updates:,} of {result.budget:,}",
        "best loss": result.loss,
        "floor": result.floor,
        "best error": result.error,
        "chance error": result.chance_error,
        "broke the floor at update": result.broke_floor_at,
    }


def leaderboard(examination: Examination) -> Rows:
    """Return a row for each configuration, best first. A notebook shows the measure that ranks, and the floor."""
    by, several = examination.by, len({each.study for each in examination.configurations}) > 1
    units = len({(each.task, each.loss_unit) for each in examination.configurations}) > 1
    reference = MEASURES[by].reference.field
    errors = [] if by == "error" else ["error"]
    shown = [
        *(["study"] if several else []),
        *(["task", "loss_unit"] if units else []),
        "label",
        "runs",
        by,
        f"{by}_sd",
        reference,
        *errors,
        "chance_error",
        "ended",
    ]
    return Rows([each.row() for each in examination.configurations], list(dict.fromkeys(shown)))


def study_html(name: str, about: str, table: Rows) -> str:
    """Return a study in HTML: what it is about, and its leaderboard."""
    return f"<p><b>{escape(name)}</b> {escape(about)}</p>{table._repr_html_()}"

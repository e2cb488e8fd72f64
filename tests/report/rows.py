"""Rows as the store gives them, and results, with as much of a run as a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from rnnctl.report.results import Result

FIELDS = tuple(each.name for each in fields(Result))


def row(
    label: str = "a seed=1",
    config: str = "c1",
    seed: int = 1,
    study: str = "s",
    loss: float | None = 1.0,
    spec: Mapping[str, Any] | None = None,
    **summary: Any,
) -> Any:
    """Return a row with what a finished run leaves in its summary; with nothing there if loss is None."""
    full = {
        "best_loss": loss,
        "best_error": 0.5,
        "floor": 1.386,
        "floor_se": 0.0,
        "chance_error": 0.75,
        "best_step": 10,
        "broke_floor_at": None,
        "seconds": 2.0,
        "last": {"valid_loss": loss, "valid_error": 0.5, "valid_samples": 100},
        **summary,
    }
    return SimpleNamespace(
        study=study,
        label=label,
        run_id=f"r1-{label}",
        config_id=config,
        spec={**(spec or {}), "seed": seed},
        outcome="budget",
        status="done",
        step=100,
        total=100,
        summary=full if loss is not None else {},
        exact=True,
        origin=None,
        tags=(),
        note="",
    )


def blank(cls: type[Result] = Result, **known: Any) -> Result:
    """Return a result of which only these fields are known."""
    return cls(**{**dict.fromkeys(FIELDS), "study": "s", "stored_spec": {}, "_read": {}, **known})

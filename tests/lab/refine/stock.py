"""Runs as the store gives them, without a store."""

from __future__ import annotations

from types import SimpleNamespace

from rnnctl.study.run import RunSpec


def spec(**sections) -> RunSpec:
    return RunSpec.model_validate({"task": "temporal_order", **sections})


def row(of: RunSpec, loss=None, label=None, status="done", last_loss=None, study="s"):
    """A run of a spec. loss: its best, None where it was never checked."""
    summary = {} if loss is None else {"best_loss": loss, "last": {"valid_loss": last_loss}}
    return SimpleNamespace(
        study=study,
        label=label or f"hidden={of.model.hidden} seed={of.seed}",
        run_id=of.run_id,
        config_id=of.config_id,
        spec=of.canonical(),
        outcome="budget" if status == "done" else None,
        status=status,
        step=100,
        total=100,
        summary=summary,
        exact=True,
        origin=None,
        tags=(),
        note="",
    )

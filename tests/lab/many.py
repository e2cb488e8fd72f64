"""Hundreds of finished runs of a study without training: histories with all that a check measures, drawn at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.lab.register import register
from rnnctl.report.specs import read_spec
from store import Store, checkpoints, commits, queries, queue, workers
from tests.checks import CheckRow

FLOOR, STEPS = 1.386, 20  # of each trace


def finished(folder: Path, study: str | Path, checks: int = 11) -> None:
    """Register a study in a new workspace, and finish all of its runs with this many checks each."""
    register(folder, [study])
    rng = np.random.default_rng(1)
    with Store.open(folder) as store:
        record = workers.WorkerRecord("w1", "host", "boot", 1, 0.5, "cpu")
        workers.start(store, record, {"bits": {"threads": 1, "torch": "2.10"}, "python": "3.11"}, 100.0)
        rows = {row.run_id: row for row in queries.runs_of(store)}
        while claims := queue.claim(store, "w1", 100.0, 60.0, lambda shape: 64, 64, 1):
            for claim in claims:
                _finish(store, claim, rows[claim.run_id].spec, rows[claim.run_id].total, checks, rng)


def _finish(
    store: Store, claim: queue.Claim, spec: dict[str, Any], total: int, checks: int, rng: np.random.Generator
) -> None:
    path = checkpoints.write(store.workspace, claim.run_id, claim.attempt, total, lambda file: file.write(b"weights"))
    model = read_spec(spec).model
    level = FLOOR * rng.uniform(0.2, 1.1)
    history = []
    for i in range(checks):
        loss = FLOOR + (level - FLOOR) * i / (checks - 1) + 0.01 * float(rng.normal())
        history.append(CheckRow(total * i // (checks - 1), _scalars(loss, i, model.gates, rng), _traces(rng)))
    best = min(row.scalars["valid_loss"] for row in history[1:])
    summary = {
        "step": total,
        "best_loss": best,
        "best_error": 0.5,
        "best_step": total,
        "floor": FLOOR,
        "floor_se": 0.0,
        "chance_error": 0.75,
        "broke_floor_at": total if best < 0.98 * FLOOR else None,
        "seconds": 20.0,
        "share_seconds": 2.0,
        "parameter_count": 1000 + int(rng.integers(9)),
        "last": history[-1].scalars,
    }
    commits.commit(store, claim, path, history, summary, 110.0, "budget")


def _scalars(loss: float, i: int, gates: tuple[str, ...], rng: np.random.Generator) -> dict[str, float]:
    draw = iter(rng.uniform(0.05, 0.95, 40).tolist())
    means = ("clip_share", "grad_norm", "grad_norm_clipped", "grad_norm_max", "train_error")
    names = (
        "grad_zero_share", "hidden_std", "reach", "rho", "saturated_steps", "saturated_units", "saturation",
        "sigma_max", "valid_error",
    )  # fmt: skip
    scalars = {name: next(draw) for name in (*names, *(means if i else ()))}
    scalars |= {"saturation_p10": 0.4 * scalars["saturation"], "saturation_p90": 0.5 + 0.5 * scalars["saturation"]}
    scalars |= {"valid_loss": loss, "valid_floor": FLOOR, "grad_decay": -next(draw), "valid_samples": 100.0}
    for gate in gates:
        ends = {"": 0.5, "_distance": 0.3, "_distance_p10": 0.1, "_distance_p90": 0.45}
        ends |= {"_saturated_units": 0.2, "_saturated_steps": 0.1}
        scalars |= {f"gate_{gate}{end}": value for end, value in ends.items()}
    return scalars | ({"train_loss": loss + 0.01, "rate": 0.01} if i else {})


def _traces(rng: np.random.Generator) -> dict[str, Any]:
    counts = np.zeros(len(LOG10_EDGES) - 1, np.uint32)
    counts[80:92] = rng.integers(0, 20, 12)
    return {
        "grad_time": 10.0 ** rng.uniform(-6, 0, STEPS),
        "grad_hist": counts,
        "saturation_time": rng.uniform(0, 1, STEPS).astype(np.float32),
        "saturation_hist": rng.integers(0, 50, 50).astype(np.uint32),
    }

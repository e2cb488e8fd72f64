"""The estimate of the memory of a run on a CPU, against what the run really takes: each cell, each task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.determinism import worker_environment
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS
from rnnctl.training.memory import ESTIMATED_LEAST, ESTIMATED_MOST, bytes_on_cpu

ROOT = Path(__file__).parents[2]


def run(task: dict[str, Any], model: dict[str, Any], **sizes: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": task,
        "model": {"hidden": 64, **model},
        "train": {"updates": 1, "batch": 600, "optimizer": "adam", **sizes.get("train", {})},
        "check": {"every": 1, "samples": 400, "chunk": 200, "diagnostic_batch": 50, **sizes.get("check", {})},
        "stop": {"solved": "never"},
    }


def of_length(name: str, length: int, data: Path | None = None) -> dict[str, Any]:
    """Return a task with sequences of so many steps. data: a file for a task that reads one."""
    keys = TASKS[name].model_fields
    if "file" in keys:
        return {"name": name, "file": str(data)}
    if "pairs" in keys:  # more blanks would be pages of zeros, which take no memory until they are written
        return {"name": name, "pairs": length // 4, "symbols": length // 2}
    if "vectors" in keys:
        return {"name": name, "vectors": min(length, 64)}  # which is the most
    lengths = [key for key in ("window", "min_length", "max_length") if key in keys]
    return {"name": name, **dict.fromkeys(lengths, length)}


def recording(folder: Path, sequences: int, length: int) -> Path:
    """Write sequences that each task that reads a file can read."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((sequences, length, 3)).astype(np.float32)
    targets = rng.integers(3, size=(sequences, length))
    path = folder / "recording.npz"
    np.savez(path, X=x, y=targets[:, -1], inputs=x, targets=targets, mask=targets > 0)
    return path


FEW = {"train": {"batch": 20}, "check": {"samples": 100, "chunk": 100, "diagnostic_batch": 20}}
MANY = {"train": {"batch": 20}, "check": {"samples": 30_000, "chunk": 1000, "diagnostic_batch": 20}}
DIAGNOSED = {"train": {"batch": 20}, "check": {"diagnostic_batch": 600}}
DOUBLE = {"train": {"batch": 20, "dtype": "float64"}, "check": FEW["check"]}


def runs(data: Path) -> dict[str, dict[str, Any]]:
    return {
        **{f"batch of {cell}": run(of_length("temporal_order", 150), {"name": cell}) for cell in CELLS.names},
        **{f"text with {cell}": run(of_length("text", 400), {"name": cell}, **FEW) for cell in CELLS.names},
        **{
            f"set of {task}": run(of_length(task, 100, data), {"name": "gru", "hidden": 16}, **MANY)
            for task in TASKS.names
        },
        "wide relational_memory": run(  # beyond what compiled loops are used for
            of_length("temporal_order", 60), {"name": "relational_memory", "hidden": 512}, train={"batch": 200}
        ),
        "diagnosis of gru": run(of_length("temporal_order", 150), {"name": "gru"}, **DIAGNOSED),
        "weights of lstm": run(of_length("temporal_order", 20), {"name": "lstm", "hidden": 900}, **FEW),
        "weights of rnn in float64": run(of_length("temporal_order", 20), {"name": "rnn", "hidden": 900}, **DOUBLE),
    }


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak of a run cannot be measured here")
def test_the_estimate_is_near_what_each_run_takes(tmp_path, figure):
    measured = runs(recording(tmp_path, 3000, 100))
    done = subprocess.run(
        [sys.executable, "-m", "tests.slow.peak_memory"],
        input="".join(f"{json.dumps(each)}\n" for each in measured.values()),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**worker_environment(), "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ratios = {}
    for (name, settings), peak in zip(measured.items(), map(int, done.stdout.split()), strict=True):
        estimate = bytes_on_cpu(RunSpec.model_validate(settings).identified())
        ratios[name] = estimate / peak
        figure(f"{name}:", f"{peak / 2**20:.0f} MiB, estimated {ratios[name]:.2f} of it")
    assert {name: ratio for name, ratio in ratios.items() if not ESTIMATED_LEAST <= ratio <= ESTIMATED_MOST} == {}

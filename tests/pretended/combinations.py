"""A pack of drawn runs for every cell, task and optimizer that go together, as the catalogues have them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS
from tests.language import drawn_companion, drawn_spec

TEXT = "".join(f"{n} bottles, {n * n} squares; " for n in range(60))
COMBINATIONS = [
    {"model": cell, "task": task, "train.optimizer": optimizer}
    for cell in CELLS.names
    for task in TASKS.names
    for optimizer in OPTIMIZERS.names
    if CELLS[cell].takes_reals or not TASKS[task].real_inputs
]
each_combination = pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: "-".join(names.values()))


def a_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write a small text into a folder, where what is derived from it is kept too, and return its place."""
    monkeypatch.setenv("RNNCTL_CACHE", str(folder / "cache"))
    (folder / "text").write_text(TEXT)
    return [str(folder / "text")]


def drawn_runs(names: Mapping[str, str], places: list[str], updates: int | None = None) -> dict[str, RunSpec]:
    """Draw two runs of one pack key. updates: how many they make, if that is not drawn; a check follows the last."""
    rng = random.Random("-".join(names.values()))
    spec = drawn_spec(rng, places, names)
    runs = {"a": spec, "b": drawn_companion(rng, spec, places)}
    return runs if updates is None else {run_id: _shorter(spec, updates) for run_id, spec in runs.items()}


def _shorter(spec: RunSpec, updates: int) -> RunSpec:
    data = spec.model_dump(mode="json")
    data["train"]["updates"] = data["check"]["every"] = updates
    data["check"]["diagnose_every"] = None
    return RunSpec.model_validate(data).identified()

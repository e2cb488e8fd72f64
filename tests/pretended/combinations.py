"""A pack of drawn runs for every cell and task that go together, with optimizers, as the catalogues have them."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS
from tests.language import drawn_companion, drawn_spec
from tests.places import small_data

PAIRS = [
    (cell, task)
    for cell in CELLS.names
    for task in TASKS.names
    if CELLS[cell].takes_reals or not TASKS[task].real_inputs
]
# Every cell and task with the optimizers that keep nothing and most; every cell with each of the others.
WITH_ALL = ("sgd", "adam")


def _combinations() -> Iterator[tuple[str, str, str]]:
    yield from ((cell, task, optimizer) for cell, task in PAIRS for optimizer in WITH_ALL)
    others = [name for name in OPTIMIZERS.names if name not in WITH_ALL]
    for cell in CELLS.names:
        tasks = [task for other, task in PAIRS if other == cell]
        yield from ((cell, tasks[i % len(tasks)], optimizer) for i, optimizer in enumerate(others))


COMBINATIONS = [
    {"model": cell, "task": task, "train.optimizer": optimizer} for cell, task, optimizer in _combinations()
]
_marked = partial(pytest.mark.parametrize, "names", ids=lambda names: "-".join(names.values()))
each_combination = _marked(COMBINATIONS)
one_of_each_cell = _marked([next(each for each in COMBINATIONS if each["model"] == cell) for cell in CELLS.names])


def each_combination_of(cells: Collection[str]) -> pytest.MarkDecorator:
    """Return the mark of a test that takes all combinations of some cells."""
    return _marked([each for each in COMBINATIONS if each["model"] in cells])


def a_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write small data into a folder, where what is derived from it is kept too. Return its places, a text first."""
    monkeypatch.setenv("RNNCTL_CACHE", str(folder / "cache"))
    return small_data(folder)


def drawn_runs(names: Mapping[str, str], places: list[str], updates: int | None = None) -> dict[str, RunSpec]:
    """Draw two runs of one pack key. updates: how many they make, if that is not drawn; a check follows the last, of
    samples that make two chunks at most.
    """
    rng = random.Random("-".join(names.values()))
    spec = drawn_spec(rng, places, names)
    runs = {"a": spec, "b": drawn_companion(rng, spec, places)}
    return runs if updates is None else {run_id: _shorter(spec, updates) for run_id, spec in runs.items()}


def _shorter(spec: RunSpec, updates: int) -> RunSpec:
    data, chunks = spec.model_dump(mode="json"), spec.check.samples // spec.check.chunk
    kept = min(chunks, 2)
    data["train"]["updates"] = data["check"]["every"] = updates
    data["check"] |= {"diagnose_every": None, "snapshots": None, "samples": kept * spec.check.chunk}
    if spec.check.screen is not None:
        data["check"]["screen"] = spec.check.screen // chunks * kept  # of each chunk as many as were drawn
    return RunSpec.model_validate(data).identified()

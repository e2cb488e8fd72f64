"""Held-out sequences for probes, and the states that a network has while it reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnnctl import seeds
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch, Task
from rnnctl.tasks.grammar import GrammarText

if TYPE_CHECKING:
    import torch

    from rnnctl.cells.base.cell import Cell, Weights
    from rnnctl.grammars.process import Process

ROOM = 4_000_000  # values of a buffer: 32 MB in float64


def any_length(spec: RunSpec) -> bool:
    """Return whether sequences of the run's task can be as long as a probe likes, as those of a text."""
    return spec.task.lengths is None


def process_of(task: Task) -> Process | None:
    """Return the process that makes the task's text, where it is known exactly, as that of a grammar is."""
    return task.process if isinstance(task, GrammarText) else None


def held_out(spec: RunSpec, length: int, samples: int, seed: int, split: str = "test") -> Batch:
    """Draw sequences of this many steps from a split, from zeros.

    They depend on task, length, number, seed and split alone. Raise ValueError if the split is shorter than that.
    """
    section = spec.task.at_length(length) if any_length(spec) else spec.task
    task = section.make().split(split)
    return task.draw(seeds.generator(seed, seeds.EVALUATION), samples, length=length)


def parts(samples: int, steps: int, units: int) -> Iterator[slice]:
    """Yield slices of sequences that go through time together, as many as have at most ROOM values; at least one."""
    size = max(1, ROOM // (steps * units))
    yield from (slice(start, min(start + size, samples)) for start in range(0, samples, size))


def states(cell: Cell, weights: Weights, batch: Batch, kept: np.ndarray | None = None) -> torch.Tensor:
    """Return h_1..h_T, (T, B, H); of a layered cell the states of all layers side by side.

    weights: of one run, (1, *shape) float64 by name. kept: the steps, counted from 0, to return; None for all.
    """
    import torch

    from rnnctl.training.validation import as_tensor

    length, samples = batch.inputs.shape[:2]
    kept = np.arange(length) if kept is None else kept
    h_SBH = torch.empty(len(kept), samples, cell.measured_units, dtype=torch.float64)
    for part in parts(samples, length, cell.state_size):
        inputs = as_tensor(batch.inputs[:, part], torch.float64, "cpu")
        tape = cell.torch_tape(cell, 1, length, inputs.shape[1], dtype=torch.float64, device="cpu")
        tape.forward(weights, [inputs])
        h_SBH[:, part] = tape.h(0)[1:][kept]
    return h_SBH


def states_after(cell: Cell, weights: Weights, inputs: torch.Tensor, steps: Collection[int]) -> dict[int, torch.Tensor]:
    """Return the state of each sequence after these numbers of steps, each 1 or more, from zeros: (B, C) by number.

    weights: of one run, (1, *shape) by name. inputs: as rnnctl.cells.base.tape.Tape.forward takes them.
    """
    tape = cell.torch_tape(cell, 1, 1, inputs.shape[1], dtype=weights["W_hy"].dtype, device="cpu")
    states = {}
    state: torch.Tensor | None = None
    for step in range(1, max(steps) + 1):
        tape.forward(weights, [inputs[step - 1 : step]], None if state is None else [state])
        state = tape.state(0)
        if step in steps:
            states[step] = state
    return states

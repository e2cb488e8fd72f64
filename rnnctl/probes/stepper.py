"""A trained network of symbols, one step at a time: whatever lies between two steps may be done to its state."""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.cells.base.heads import losses, read, wrong
from rnnctl.cells.base.passes import make_tape
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import network_of
from rnnctl.training.validation import as_tensor

ROOM = 1 << 24  # outputs that are judged at a time: a large vocabulary's of all sequences would not fit into memory


class Stepper:
    """The network of a spec with weights (N,), for `batch` sequences B side by side. Keeps no state of its own."""

    def __init__(self, spec: RunSpec, task: Task, weights_N: torch.Tensor, batch: int) -> None:
        model = network_of(spec.model, task)
        self.question = task.question
        self.weights = model.layout.views(weights_N.unsqueeze(0))
        self.to = {"dtype": getattr(torch, spec.train.dtype), "device": "cpu"}
        self.tape = make_tape(model, 1, 1, batch, **self.to)

    def step(self, symbols_B: np.ndarray, state_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Read a symbol in each sequence, from a state that an earlier step gave, or from zeros. Returns the state
        after it, (B, C).
        """
        self.tape.forward(
            self.weights, [as_tensor(symbols_B[None], **self.to)], None if state_BC is None else [state_BC]
        )
        return self.tape.state(0)

    def outputs(self) -> torch.Tensor:
        """y of the step just made, (B, O)."""
        return read(self.weights, self.tape.out(0))[0]

    def judged(self, targets_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss (nats) and wrongness (0 or 1) of each sequence's answer at the step just made, (B,) float64."""
        h_1BH, targets_1B = self.tape.out(0), as_tensor(targets_B[None], **self.to)
        rows = max(1, ROOM // self.tape.model.outputs)
        found = []
        for h_1NH, targets_1N in zip(h_1BH.split(rows, 1), targets_1B.split(rows, 1), strict=True):
            y_1NO = read(self.weights, h_1NH)
            found.append((losses(self.question, y_1NO, targets_1N)[0], wrong(self.question, y_1NO, targets_1N)))
        loss_B, wrong_B = (torch.cat(parts).double().numpy() for parts in zip(*found, strict=True))
        return loss_B, wrong_B

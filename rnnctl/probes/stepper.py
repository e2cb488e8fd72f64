"""A trained network of symbols, one step at a time, so that its state can be changed between two steps."""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.cells.base.heads import losses, read, wrong
from rnnctl.cells.base.passes import make_tape
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import network_of
from rnnctl.training.validation import as_tensor

ROOM = 1 << 24  # outputs that are judged at a time: those of a large vocabulary do not fit into memory all at once


class Stepper:
    """The network of a spec with weights (N,), for a batch of sequences. It keeps no state between steps."""

    def __init__(self, spec: RunSpec, task: Task, weights_N: torch.Tensor, batch: int) -> None:
        model = network_of(spec.model, task)
        self.question = task.question
        self.weights = model.layout.views(weights_N.unsqueeze(0))
        self.to = {"dtype": getattr(torch, spec.train.dtype), "device": "cpu"}
        self.tape = make_tape(model, 1, 1, batch, **self.to)

    def step(self, symbols_B: np.ndarray, state_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Read a symbol of each sequence and return the state after it, (B, C).

        state_BC: the state before it, as an earlier step returned it; None for zeros.
        """
        self.tape.forward(
            self.weights, [as_tensor(symbols_B[None], **self.to)], None if state_BC is None else [state_BC]
        )
        return self.tape.state(0)

    def outputs(self) -> torch.Tensor:
        """Return the outputs y of the last step, (B, O)."""
        return read(self.weights, self.tape.out(0))[0]

    def judged(self, targets_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return loss (nats) and error (0 or 1) of each sequence's answer at the last step, (B,) float64."""
        h_1BH, targets_1B = self.tape.out(0), as_tensor(targets_B[None], **self.to)
        rows = max(1, ROOM // self.tape.model.outputs)
        judged = []
        for h_1NH, targets_1N in zip(torch.split(h_1BH, rows, 1), torch.split(targets_1B, rows, 1), strict=True):
            y_1NO = read(self.weights, h_1NH)
            judged.append((losses(self.question, y_1NO, targets_1N)[0], wrong(self.question, y_1NO, targets_1N)))
        loss_B, wrong_B = (torch.cat(parts).double().numpy() for parts in zip(*judged, strict=True))
        return loss_B, wrong_B

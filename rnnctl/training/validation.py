"""What a network answers to sequences that it is not trained on: mean loss and wrong answers, chunk by chunk."""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.models.cell import Cell, Weights
from rnnctl.models.heads import losses, read, wrong
from rnnctl.tasks import Batch, Question
from rnnctl.training.tapes import HiddenStates


def as_tensor(array: np.ndarray, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Inputs or targets on a device: symbols and classes as int64, reals in the run's own precision."""
    return torch.from_numpy(array).to(device, dtype if array.dtype.kind == "f" else torch.int64)


class Validator:
    """Judges runs of one model on chunks of `chunk` sequences, of up to `steps` steps."""

    def __init__(
        self, question: Question, model: Cell, steps: int, chunk: int, *, dtype: torch.dtype, device: str
    ) -> None:
        self.question, self.to = question, {"dtype": dtype, "device": device}
        self.hidden_states = HiddenStates(model, steps, chunk, **self.to)

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's inputs and targets."""
        return as_tensor(batch.inputs, **self.to), as_tensor(batch.targets, **self.to)

    def judge(self, weights: Weights, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss, float64, and number of wrong answers of each run on one chunk, (R,) on the CPU."""
        every, runs = self.question.every_step, len(weights["W_hh"])
        means, errors = [], []
        # All steps of all runs at once would not fit into memory.
        for part in [slice(i, i + 1) for i in range(runs)] if every else [slice(runs)]:
            own = {name: w[part] for name, w in weights.items()}
            h_RSBH = self.hidden_states(own, inputs, every_step=every)
            y_RNO = read(own, h_RSBH.flatten(1, 2))
            loss_RN = losses(self.question, y_RNO, targets.reshape(-1).expand(len(y_RNO), -1))
            targets_SB = targets.reshape(h_RSBH.shape[1:3])
            for y_NO, loss_N in zip(y_RNO, loss_RN, strict=True):
                means.append(loss_N.double().mean())
                errors.append(wrong(self.question, y_NO.view(*targets_SB.shape, -1), targets_SB).sum())
        return torch.stack(means).cpu(), torch.stack(errors).cpu()

"""Mean loss and wrong answers of a network on sequences that it is not trained on, chunk by chunk."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from rnnctl.cells.base.cell import Cell, Weights
from rnnctl.cells.base.heads import losses, read, split_asked, wrong
from rnnctl.cells.base.passes import HiddenStates
from rnnctl.question import Question
from rnnctl.tasks.base import Batch
from rnnctl.training.networks import Networks


def as_tensor(array: np.ndarray, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Return inputs or targets on a device: symbols and classes as int64, reals in the dtype of the run."""
    return torch.from_numpy(array).to(device, dtype if array.dtype.kind == "f" else torch.int64)


class Validator:
    """Judges networks of one model on chunks of `chunk` sequences, of up to `steps` steps."""

    def __init__(
        self, question: Question, model: Cell, steps: int, chunk: int, *, dtype: torch.dtype, device: str
    ) -> None:
        self.question, self.layout, self.dtype, self.device = question, model.layout, dtype, device
        self.hidden_states = HiddenStates(model, steps, chunk, dtype=dtype, device=device)

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a batch's inputs and targets."""
        return as_tensor(batch.inputs, self.dtype, self.device), as_tensor(batch.targets, self.dtype, self.device)

    def judge(
        self, networks: Networks, inputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss and the number of wrong answers of each network on one chunk, (R,) float64 each.

        Both are on the validator's device.
        """
        weights = self.layout.views(networks.flat_RN)
        if not self.question.every_step:
            return self._judge(weights, inputs, targets)
        # All steps of all runs and sequences at once would not fit into memory.
        batch, runs = inputs.shape[1], len(weights["W_hy"])
        edges = np.linspace(0, batch, max(1, batch // self.hidden_states.slice) + 1).astype(int).tolist()
        means, errors = torch.zeros(2, runs, dtype=torch.float64, device=self.device)
        for i in range(runs):
            own = {name: w[i : i + 1] for name, w in weights.items()}
            for start, end in pairwise(edges):
                mean, wrongs = self._judge(own, inputs[:, start:end], targets[:, start:end])
                means[i] += mean[0] * (end - start) / batch
                errors[i] += wrongs[0]
        return means, errors

    def _judge(
        self, weights: Weights, inputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        h_RSBH = self.hidden_states(weights, inputs, every_step=self.question.every_step)
        y_RNO = read(weights, h_RSBH.flatten(1, 2))
        targets_SB = targets.reshape(*h_RSBH.shape[1:3], *targets.shape[1 + self.question.every_step :])
        targets_N = targets_SB.flatten(0, 1)
        loss_RN = losses(self.question, y_RNO, targets_N.expand(len(y_RNO), *targets_N.shape))
        errors = [wrong(self.question, y_NO.view(*targets_SB.shape[:2], -1), targets_SB).sum() for y_NO in y_RNO]
        if self.question.partial:
            # Each sequence counts as it does in `judge`, which weights slices by their sequences: also one not asked.
            asked_SB, _ = split_asked(self.question, targets_SB)
            share_N = (asked_SB.double() / asked_SB.sum(0).clamp(min=1)).flatten() / asked_SB.shape[1]
            return torch.stack([(loss_N.double() * share_N).sum() for loss_N in loss_RN]), torch.stack(errors)
        return torch.stack([loss_N.double().mean() for loss_N in loss_RN]), torch.stack(errors)

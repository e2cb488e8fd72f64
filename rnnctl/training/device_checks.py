"""Checks on a GPU: forward passes and heads of all runs at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_tape import Inputs, KernelTape
from rnnctl.kernels.gpu.launch import blocks
from rnnctl.question import Question
from rnnctl.study.pack_key import PackKey
from rnnctl.tasks.base import Task
from rnnctl.training.checks import Checker
from rnnctl.training.memory import numbers_of_sequence, slice_of
from rnnctl.training.validation import Validator

OF_ALL = 2**28  # numbers that the buffers of all runs that are validated together hold, at most


class KernelValidator(Validator):
    """A Validator whose passes are kernels, over up to `runs` runs at once."""

    def __init__(
        self,
        question: Question,
        model: Cell,
        steps: int,
        chunk: int,
        *,
        dtype: torch.dtype,
        device: str,
        runs: int,
        precision: str,
    ) -> None:
        self.question, self.model, self.dtype, self.device = question, model, dtype, device
        per_sequence = numbers_of_sequence(question, steps, model.hidden, model.outputs)
        self.slice = slice_of(chunk, per_sequence)
        self.runs = min(runs, max(1, OF_ALL // (self.slice * per_sequence)))
        self.steps, self.precision = steps, precision
        self.tapes: dict[int, KernelTape] = {}

    def _tape(self, batch: int) -> KernelTape:
        """Return the tape for slices of this number of sequences. A chunk is cut into slices of one size or two."""
        if batch not in self.tapes:
            make_tape = self.model.kernel_tape
            assert make_tape is not None
            self.tapes[batch] = make_tape(
                self.model, self.runs, self.steps, batch, dtype=self.dtype, device=self.device,
                every=self.question.every_step, train=False, precision=self.precision,
            )  # fmt: skip
        return self.tapes[batch]

    def judge(
        self, flat_RN: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        (length, batch), runs = inputs.shape[:2], len(flat_RN)
        edges = np.linspace(0, batch, blocks(batch, self.slice) + 1).astype(int).tolist()
        sums_R2 = torch.zeros(runs, 2, dtype=torch.float64, device=self.device)
        for start, end in pairwise(edges):
            tape = self._tape(end - start)
            part, aims = inputs[None, :, start:end].contiguous(), targets[..., start:end].reshape(1, -1).contiguous()
            for first in range(0, runs, self.runs):
                flat = flat_RN[first : first + self.runs].clone()  # so that it is aligned as all rows are
                shared = same_for_all(part, len(flat), length, self.device)
                tape.forward(flat, shared)
                tape.head(self.question, flat, shared, aims)
                sums_R2[first : first + self.runs] += tape.judge(self.question, shared, len(flat))
        means, errors = sums_R2.cpu().T
        return means / batch, errors


def same_for_all(inputs: torch.Tensor, runs: int, length: int, device: str) -> Inputs:
    """Return inputs that all runs have, (1, T, B) or (1, T, B, V), all of one length, from states of zeros."""
    lengths_R, goes_on_R = (torch.full((runs,), n, dtype=torch.int32, device=device) for n in (length, 0))
    return Inputs(inputs, lengths_R, goes_on_R, shared=True)


class DeviceChecker(Checker):
    """A Checker whose passes are kernels."""

    tape: KernelTape

    def _allocate(self, key: PackKey, task: Task, runs: int, chunk: int) -> None:
        dtype, question = getattr(torch, key.train.dtype), task.question
        self.validator = KernelValidator(
            question, self.model, task.max_steps, chunk,
            dtype=dtype, device=self.device, runs=runs, precision=key.train.precision,
        )  # fmt: skip
        make_tape = self.model.kernel_tape
        assert make_tape is not None
        self.tape = make_tape(
            self.model, runs, task.max_steps, key.check.diagnostic_batch,
            dtype=dtype, device=self.device, every=question.every_step, precision=key.train.precision,
        )  # fmt: skip

    def _pass(self, flat_RN: torch.Tensor) -> None:
        runs, length, tape = len(flat_RN), len(self.inputs), self.tape
        shared = same_for_all(self.inputs[None], runs, length, self.device)
        tape.lengths = [length] * runs
        tape.forward(flat_RN, shared)
        tape.head(self.question, flat_RN, shared, self.targets.reshape(1, -1))
        tape.backward(flat_RN, shared)

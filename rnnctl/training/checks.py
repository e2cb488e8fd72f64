"""A check: runs of a pack validated and diagnosed on fixed sets of sequences, which depend on nothing but the task and
the seed of the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rnnctl import seeds
from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.passes import backpropagate, make_tape
from rnnctl.cells.base.tape import Tape
from rnnctl.corpora.floors import bits_per_byte
from rnnctl.diagnostics.gradients import gradient_norms, reach, through_time
from rnnctl.diagnostics.saturation import ONE_RUN, gate_saturation, saturation
from rnnctl.diagnostics.spectrum import spectrum
from rnnctl.question import Question
from rnnctl.study.check import Check
from rnnctl.study.pack_key import PackKey
from rnnctl.tasks.base import Batch, Task
from rnnctl.training.networks import Networks
from rnnctl.training.validation import Validator

# Scalars and traces of a diagnosis, by name.
Diagnosis = tuple[dict[str, float], dict[str, np.ndarray]]


def validation_set(task: Task, check: Check) -> list[Batch]:
    """Return the sequences that runs are validated on: see rnnctl.tasks.base.Task.held_out."""
    rng = seeds.generator(check.seed, seeds.VALIDATION)
    return task.split("validation").held_out(rng, check.samples, check.chunk)


def diagnostic_set(task: Task, check: Check) -> Batch:
    """Draw check.diagnostic_batch sequences of the task's greatest length."""
    rng = seeds.generator(check.seed, seeds.DIAGNOSIS)
    return task.split("validation").draw(rng, check.diagnostic_batch, length=task.max_steps)


def _parts(batches: Sequence[Batch], check: Check, question: Question) -> tuple[list[Batch], list[Batch]]:
    """Return the sequences of a screen, and the others.

    A screen takes the first few sequences of every chunk: chunks differ in length, and the error at one length says
    little about another, or about the floor.
    """
    if check.screen is None or check.screen == check.samples:
        return list(batches), []
    few = check.screen * check.chunk // check.samples
    screen, others = ([batch.sequences(half, question) for batch in batches] for half in (slice(few), slice(few, None)))
    return screen, others


class Checker:
    """Validates and diagnoses up to `runs` runs of one pack key at once."""

    def __init__(self, key: PackKey, task: Task, model: Cell, runs: int, device: str) -> None:
        check = key.check
        self.model, self.check, self.question, self.device = model, check, task.question, device
        batches, held_out = validation_set(task, check), task.split("validation")
        screen, others = _parts(batches, check, task.question)
        # By the number of samples that a loss is the mean of.
        samples = sum(batch.inputs.shape[1] for batch in batches)
        self.baselines = {samples: held_out.baseline(batches)}
        if check.screen is not None and others:
            self.baselines[check.screen] = held_out.baseline(screen)
        parts = [*screen, *others]
        self._allocate(key, task, runs, min(part.inputs.shape[1] for part in parts))
        # A screen and what follows it: runs may end their validation in between.
        self.stages = [[self.validator.tensors(part) for part in stage] for stage in (screen, others) if stage]
        self.inputs, self.targets = self.validator.tensors(diagnostic_set(task, check))

    def _allocate(self, key: PackKey, task: Task, runs: int, chunk: int) -> None:
        """Make what passes need, for up to `runs` runs. chunk: the smallest number of sequences validated at a time."""
        to: dict[str, Any] = {"dtype": getattr(torch, key.train.dtype), "device": self.device}
        self.validator = Validator(task.question, self.model, task.max_steps, chunk, **to)
        self.tape: Tape = make_tape(self.model, runs, task.max_steps, self.check.diagnostic_batch, **to)

    def validate(self, networks: Networks, beyond: Sequence[int | None]) -> list[dict[str, float]]:
        """Return the scalars of each validation: valid_loss, valid_error (share in [0, 1]), valid_samples (the
        number of samples that both are means over), valid_floor (the floor of those samples), valid_perfect (the
        loss of a perfect predictor, where it is above 0), and of text the standard error of the floor and the loss in
        bits per byte.

        After check.screen samples, the validation of a run with more than beyond[r] wrong answers ends; None validates
        on all samples.
        """
        runs = len(networks)
        sums_R2 = torch.zeros(runs, 2, dtype=torch.float64)  # of losses and errors
        samples = torch.zeros(runs, dtype=torch.int64)
        rows = list(range(runs))
        for chunks in self.stages:
            some = networks if len(rows) == runs else networks[rows]
            sums_R2[rows] = self._add(sums_R2[rows], some, chunks)
            samples[rows] += sum(inputs.shape[1] for inputs, _ in chunks)
            rows = [r for r in rows if (most := beyond[r]) is None or sums_R2[r, 1] <= most]
            if not rows:
                break
        # Outputs that are not finite answer nothing, so an error beside a loss of NaN or infinity would mean nothing.
        return [
            self._scalars(float(n / s), float(w / s) if n.isfinite() else float("nan"), int(s))
            for (n, w), s in zip(sums_R2, samples, strict=True)
        ]

    def begin(self, networks: Networks, diagnosed: Sequence[int], bounds: Sequence[float]) -> None:
        """Start what validate() of these networks needs first, and diagnose() of some of them, and do not wait for it.

        diagnosed: which of them. bounds: for each of these, as in diagnose(). A CPU has nothing to start.
        """

    def _add(
        self, sums_R2: torch.Tensor, networks: Networks, chunks: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        """Return the sums plus the losses and errors of each run on these chunks, (R, 2) on the CPU."""
        return self._sums(sums_R2, networks, chunks).cpu()

    def _sums(
        self, sums_R2: torch.Tensor, networks: Networks, chunks: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        """Do `_add`, and leave the result on the device: a transfer would wait for all work that is queued there."""
        losses, errors = sums_R2.to(self.device).T
        for inputs, targets in chunks:
            means, wrongs = self.validator.judge(networks, inputs, targets)
            losses, errors = losses + means * inputs.shape[1], errors + wrongs
        return torch.stack((losses, errors), 1)

    def _scalars(self, loss: float, error: float, samples: int) -> dict[str, float]:
        baseline = self.baselines[samples]
        scalars = {"valid_loss": loss, "valid_error": error, "valid_samples": samples, "valid_floor": baseline.loss}
        if baseline.loss_se:
            scalars["valid_floor_se"] = baseline.loss_se
        if baseline.perfect:
            scalars["valid_perfect"] = baseline.perfect
        if baseline.bytes_per_answer is not None:
            scalars["valid_bits_per_byte"] = bits_per_byte(loss, baseline.bytes_per_answer)
        return scalars

    def diagnose(self, networks: Networks, bounds: Sequence[float]) -> list[Diagnosis]:
        """Return the scalars and traces of each network on the diagnostic batch: gradient through time, Omega,
        saturation of hidden units and gates, spectrum.

        bounds: for each network, the squared gradient norm that counts as having reached a step.
        """
        flat_RN, runs = networks.flat_RN, len(networks)
        weights = self.model.layout.views(flat_RN)
        self.tape.forward(weights, [self.inputs] * runs)
        unused = self.model.layout.views(torch.empty_like(flat_RN))  # gradients that nobody reads
        _, direct = backpropagate(self.question, weights, self.tape, [self.targets] * runs, unused)
        self.tape.backward(weights, direct, unused)
        w_RHH = self.model.candidate(weights)
        return [self._diagnose(i, w_RHH[i], bounds[i]) for i in range(runs)]

    def _diagnose(self, i: int, w_HH: torch.Tensor, bound: float) -> Diagnosis:
        d_TBH, h_TBH = self.tape.d(i), self.tape.h(i)[1:]
        gradient, gradient_traces = through_time(gradient_norms(d_TBH))
        hidden, hidden_traces = saturation(h_TBH, self.model.bounds, self.check.saturation, ONE_RUN)
        measured = {"reach": float(reach(d_TBH, bound))}
        omega = self.tape.omega(i, bound)
        if omega is not None:
            measured["omega"] = omega
        gates, gate_traces = gate_saturation(self.tape.gates(i), self.check.saturation, ONE_RUN)
        spectral = spectrum(w_HH.cpu().numpy())
        scalars = gradient | measured | hidden | gates | spectral
        return scalars, gradient_traces | hidden_traces | gate_traces

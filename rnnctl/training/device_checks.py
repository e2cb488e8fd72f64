"""Checks on a GPU: passes, heads and figures of all runs at once, and one transfer for all figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import groupby, pairwise

import numpy as np
import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kernel_tape import Inputs, KernelTape
from rnnctl.diagnostics.many_runs import MANY_RUNS, Figures, on_host, through_time
from rnnctl.diagnostics.saturation import gate_saturation, saturation
from rnnctl.diagnostics.spectrum import spectrum
from rnnctl.host import cores
from rnnctl.kernels.gpu.launch import blocks
from rnnctl.question import Question
from rnnctl.study.pack_key import PackKey
from rnnctl.tasks.base import Task
from rnnctl.training.checks import Checker, Diagnosis
from rnnctl.training.memory import cut_of, numbers_of_answer
from rnnctl.training.networks import Networks
from rnnctl.training.validation import Validator

OF_ALL = 2**28  # numbers that the buffers of all runs that are validated together hold, at most
# Hidden states that are measured at a time, at most, but at least those of one run. Sorting takes the most memory for
# each: under 64 bytes with its results, and so under half a GiB for all.
MEASURED = 2**23


# The figures of groups of networks on the device, and the spectra of all networks.
_Diagnosing = tuple[list[Figures], Iterator[dict[str, float]]]


class KernelValidator(Validator):
    """A Validator whose passes are kernels, over up to `runs` networks at once. model: the widest of them."""

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
        self.cut = cut_of(question, steps, chunk, model.hidden, model.outputs)
        answers = self.cut.sequences * (self.cut.steps if question.every_step else 1)
        self.runs = min(runs, max(1, OF_ALL // (answers * numbers_of_answer(model.hidden, model.outputs))))
        self.precision = precision
        self.tapes: dict[int, KernelTape] = {}

    def _tape(self, batch: int) -> KernelTape:
        """Return the tape for slices of this number of sequences. A chunk is cut into slices of one size or two."""
        if batch not in self.tapes:
            make_tape = self.model.kernel_tape
            assert make_tape is not None
            self.tapes[batch] = make_tape(
                self.model, self.runs, self.cut.steps, batch, dtype=self.dtype, device=self.device,
                every=self.question.every_step, train=False, precision=self.precision,
            )  # fmt: skip
        return self.tapes[batch]

    def judge(
        self, networks: Networks, inputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        batch, runs = inputs.shape[1], len(networks)
        edges = np.linspace(0, batch, blocks(batch, self.cut.sequences) + 1).astype(int).tolist()
        sums_R2 = torch.zeros(runs, 2, dtype=torch.float64, device=self.device)
        for start, end in pairwise(edges):
            for first in range(0, runs, self.runs):
                some = networks[first : first + self.runs]
                sums_R2[first : first + self.runs] += self._judge_some(
                    some, inputs[:, start:end], targets[..., start:end]
                )
        means, errors = sums_R2.T
        return means / batch, errors

    def _judge_some(self, networks: Networks, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sums over sequences of the mean loss and of the error of each network, (R, 2) float64."""
        tape, length, runs = self._tape(inputs.shape[1]), len(inputs), len(networks)
        flat_RN = networks.flat_RN.clone()  # so that it is aligned as all rows are
        tape.kinds.arrange(networks.cells)
        sums_R2 = torch.zeros(runs, 2, dtype=torch.float64, device=self.device)
        pieces = length > self.cut.steps
        for start in range(0, length, self.cut.steps):
            part = inputs[None, start : start + self.cut.steps].contiguous()
            aims = targets[start : start + self.cut.steps] if pieces else targets
            shared = same_for_all(part, runs, part.shape[1], self.device, goes_on=start > 0)
            tape.forward(flat_RN, shared, carry=pieces)
            tape.head(self.question, flat_RN, shared, aims.reshape(1, -1).contiguous())
            share = part.shape[1] / length if pieces else 1.0
            sums_R2 += share * tape.judge(self.question, shared, runs)
        return sums_R2


def same_for_all(inputs: torch.Tensor, runs: int, length: int, device: str, *, goes_on: bool = False) -> Inputs:
    """Return inputs that all runs have, (1, T, B) or (1, T, B, V), all of one length.

    goes_on: whether they start from the states that they carry, instead of zeros.
    """
    lengths_R, goes_on_R = (torch.full((runs,), int(n), dtype=torch.int32, device=device) for n in (length, goes_on))
    return Inputs(inputs, lengths_R, goes_on_R, shared=True)


def _equal(networks: Networks, others: Networks) -> bool:
    """Return whether networks have the same weights. Weights that are not finite equal nothing."""
    return list(networks.cells) == list(others.cells) and torch.equal(networks.flat_RN, others.flat_RN)


def _alike(values: Sequence[object], most: int) -> Iterator[slice]:
    """Yield slices of equal values that follow one another, of up to `most`."""
    for _, group in groupby(range(len(values)), values.__getitem__):
        first, *others = group
        end = first + 1 + len(others)
        yield from (slice(start, min(start + most, end)) for start in range(first, end, most))


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads that compute spectra, for all packs of this process.

    LAPACK lets other threads of Python work. Each thread calls it for one matrix after the other, and LAPACK itself
    uses one thread, so bits are those of a matrix alone.
    """
    return ThreadPoolExecutor(cores(), "spectrum")


class DeviceChecker(Checker):
    """A Checker whose passes are kernels, and whose figures are computed on the device, the spectrum excepted."""

    def _allocate(self, key: PackKey, task: Task, runs: int, chunk: int) -> None:
        dtype, question = getattr(torch, key.train.dtype), task.question
        self.validator = KernelValidator(
            question, self.model, task.max_steps, chunk,
            dtype=dtype, device=self.device, runs=runs, precision=key.train.precision_of_checks,
        )  # fmt: skip
        make_tape = self.model.kernel_tape
        assert make_tape is not None
        self.passes: KernelTape = make_tape(
            self.model, runs, task.max_steps, key.check.diagnostic_batch,
            dtype=dtype, device=self.device, every=question.every_step, precision=key.train.precision_of_checks,
        )  # fmt: skip
        # What begin() has started: the sums of a validation's first stage, and a diagnosis with its rows and bounds.
        self.validation: torch.Tensor | None = None
        self.diagnosis: tuple[Networks, Sequence[float], _Diagnosing] | None = None

    def begin(self, networks: Networks, diagnosed: Sequence[int], bounds: Sequence[float]) -> None:
        if diagnosed:
            some = networks[diagnosed]
            self.diagnosis = some, bounds, self._begin_diagnosis(some, bounds)
        self.validation = self._sums(torch.zeros(len(networks), 2, dtype=torch.float64), networks, self.stages[0])

    def _add(
        self, sums_R2: torch.Tensor, networks: Networks, chunks: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        begun, self.validation = self.validation, None
        return (self._sums(sums_R2, networks, chunks) if begun is None else begun).cpu()

    def diagnose(self, networks: Networks, bounds: Sequence[float]) -> list[Diagnosis]:
        begun, self.diagnosis = self.diagnosis, None
        groups, spectra = (
            begun[2]
            if begun is not None and list(bounds) == list(begun[1]) and _equal(networks, begun[0])
            else self._begin_diagnosis(networks, bounds)
        )
        return [
            (scalars | spectral, traces) for (scalars, traces), spectral in zip(on_host(groups), spectra, strict=True)
        ]

    def _begin_diagnosis(self, networks: Networks, bounds: Sequence[float]) -> _Diagnosing:
        """Start a diagnosis. Return the figures of groups of networks on the device, and the spectra of all."""
        # Before the device has other work: the host computes spectra meanwhile.
        spectra = _threads().map(spectrum, self._candidates(networks).cpu().numpy())
        bounds_R = torch.tensor(bounds, dtype=networks.flat_RN.dtype).to(self.device)
        omegas = self._pass(networks, bounds_R)
        size = max(1, MEASURED // self.passes.h(0)[1:].numel())
        slices = _alike([self.passes.gates_of(cell) for cell in networks.cells], size)
        return [self._measure(rows, bounds_R, omegas) for rows in slices], spectra

    def _candidates(self, networks: Networks) -> torch.Tensor:
        """Return each network's recurrent matrix of new content, (R, H, H)."""
        matrices = []
        for rows in _alike(networks.cells, len(networks)):
            cell = networks.cells[rows.start]
            own_RN = networks.flat_RN[rows, -cell.layout.size :]
            matrices.append(cell.candidate(cell.layout.views(own_RN)))
        return torch.cat(matrices)

    def _pass(self, networks: Networks, bounds_R: torch.Tensor) -> Figures:
        """Take the diagnostic batch through time and back. Return Omega, for a cell that it is defined for."""
        runs, length, passes, flat_RN = len(networks), len(self.inputs), self.passes, networks.flat_RN
        shared = same_for_all(self.inputs[None], runs, length, self.device)
        passes.lengths = [length] * runs
        passes.kinds.arrange(networks.cells)
        passes.forward(flat_RN, shared)
        passes.head(self.question, flat_RN, shared, self.targets.reshape(1, -1))
        passes.backward(flat_RN, shared)
        if not passes.takes_regularisers:
            return {}
        # Omega does not depend on its weight alpha, which only has to be positive.
        passes.regularise(torch.stack((torch.ones_like(bounds_R), bounds_R), 1))
        return {"omega": passes.buffers["omegas"][:runs]}

    def _measure(self, rows: slice, bounds_R: torch.Tensor, omegas: Figures) -> Figures:
        """Return the figures of some networks, which have the same gates, on the device."""
        passes, threshold = self.passes, self.check.saturation
        hidden = saturation(passes.h(rows)[:, 1:], self.model.bounds, threshold, MANY_RUNS)
        gates = gate_saturation(passes.gates(rows), threshold, MANY_RUNS)
        gradient = through_time(passes.d(rows)[:, 1:], bounds_R[rows])
        omega = {name: values_R[rows] for name, values_R in omegas.items()}
        figures: Figures = gradient | omega
        for scalars, traces in (hidden, gates):
            figures |= scalars | traces
        return figures

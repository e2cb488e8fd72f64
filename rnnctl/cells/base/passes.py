"""Which code goes through time: fused kernels on a CPU where they are faster, torch everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rnnctl.cells.base import heads
from rnnctl.cells.base.cell import Cell, Weights, recurrence
from rnnctl.cells.base.layout import block
from rnnctl.cells.base.tape import Regularisers, Tape
from rnnctl.cells.gated.equations import Gated
from rnnctl.cells.gated.passes import GatedTape
from rnnctl.cells.gru.equations import GATES, Gru, GruTape
from rnnctl.cells.lstm.equations import BRANCHES, Lstm, LstmTape
from rnnctl.cells.rnn.equations import Rnn, RnnTape
from rnnctl.determinism import kernel_compiler
from rnnctl.question import Question

# batch * hidden^2 of one run up to which the fused loops are known to beat BLAS products: the largest that was tried,
# see kernels/LOG.md.
FUSED_STEP_WORK = 50_000_000

# Sequences of a validation batch that go through time together in the fused loops.
SLICE = 50


def make_tape(model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> Tape:
    """Buffers and passes for up to `runs` runs of a model. The choice depends on nothing that a pack shares."""
    return _kind(model, batch, device)(model, runs, steps, batch, dtype=dtype, device=device)


def _kind(model: Cell, batch: int, device: str) -> type[Tape]:
    plain, fused = TAPES[type(model)]
    small = batch * model.hidden**2 <= FUSED_STEP_WORK
    return fused if device == "cpu" and small and kernel_compiler() else plain


def backpropagate(
    question: Question, weights: Weights, tape: Tape, targets: Sequence[torch.Tensor], grads: Weights
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """rnnctl.cells.base.heads.backpropagate, in fused loops where a tape is, and a softmax reads every step."""
    if not (isinstance(tape, _FusedTape) and question.every_step and question.loss == "cross_entropy"):
        return heads.backpropagate(question, weights, tape, targets, grads)
    from rnnctl.kernels.heads import softmax_head

    losses, direct = [], []
    for i, target in enumerate(targets):
        h_TBH = tape.out(i)
        d_TBH = torch.empty_like(h_TBH)
        flat_h, flat_d = (x.view(-1, x.shape[2]).numpy() for x in (h_TBH, d_TBH))
        own, into = ([each[name][i].numpy() for name in ("W_hy", "b_hy")] for each in (weights, grads))
        loss = softmax_head(flat_h, *own, target.view(-1).numpy(), flat_d, *into)
        losses.append(torch.tensor(loss, dtype=h_TBH.dtype))
        direct.append(d_TBH)
    return losses, direct


class HiddenStates:
    """The hidden states that a head reads of one shared batch, for validation: by torch a step at a time, or by the
    fused loops in slices whose states stay in the cache from one step to the next.
    """

    def __init__(self, model: Cell, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.slice = model, min(SLICE, batch)
        kind = _kind(model, self.slice, device)
        fused = issubclass(kind, _FusedTape)
        self.tape = kind(model, 1, steps, self.slice, dtype=dtype, device=device) if fused else None

    def __call__(self, weights: Weights, inputs: torch.Tensor, *, every_step: bool) -> torch.Tensor:
        """h_T, (R, 1, B, H), or every h_t, (R, T, B, H)."""
        runs, (length, batch) = len(weights["W_hy"]), inputs.shape[:2]
        kept = length if every_step else 1
        h_RSBH = weights["W_hy"].new_empty(runs, kept, batch, self.model.hidden)
        if self.tape is None:
            for t, h_RBH in enumerate(self.model.steps(weights, inputs), start=kept - length):
                if t >= 0:
                    h_RSBH[:, t] = h_RBH
            return h_RSBH
        each = [{name: w[i : i + 1] for name, w in weights.items()} for i in range(runs)]
        for start in range(0, batch, self.slice):
            # The last slice overlaps the one before it rather than being shorter.
            part = slice(first := min(start, batch - self.slice), first + self.slice)
            own = inputs[:, part].contiguous()
            for i, weights_1 in enumerate(each):
                self.tape.forward(weights_1, [own])
                h_RSBH[i, :, part] = self.tape.out(0)[-kept:]
        return h_RSBH


class _FusedTape(Tape):
    """A Tape whose loops over time run in rnnctl.kernels, one run after the other: so d is run-major as well."""

    def _allocate_d(self, runs: int, steps: int, options: dict) -> None:
        self.d_RTBH = torch.zeros(runs, steps + 1, self.batch, self.model.hidden, **options)

    def d(self, i: int) -> torch.Tensor:
        return self.d_RTBH[i, : self.lengths[i] + 1]


def _transposed(matrices_RXY: torch.Tensor):
    return matrices_RXY.transpose(1, 2).contiguous().numpy()


class FusedRnnTape(_FusedTape):
    """The vanilla RNN in fused loops; after backward(), carried(i) is c_t for t = 1..T_i."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.cells.rnn import loops as rnn
        from rnnctl.kernels import elementwise

        self.kernels, self.activation = rnn, elementwise.ACTIVATIONS.index(self.model.activation)

    def carried(self, i: int) -> torch.Tensor:
        """(T_i, B, H)"""
        return self.carried_TBH[i]

    def _forward(self, weights: Weights) -> None:
        w, h = weights["W_hh"].numpy(), self.h_RTBH.numpy()
        self.sums = self._sums(weights)
        for i, (sums, places) in enumerate(self.sums):
            self.kernels.forward(sums.numpy(), places.numpy(), w, i, h, self.activation)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w, h, d, w_grad = (x.numpy() for x in (weights["W_hh"], self.h_RTBH, self.d_RTBH, grads["W_hh"]))
        # As scalars of the run's own precision: a Python float would turn the loops' arithmetic into float64.
        kind = w.dtype.type
        values, self.carried_TBH = [], []
        for i, (alpha, bound) in enumerate(self._each(regularisers)):
            (_, places), direct = self.sums[i], self.direct[i]
            by_place = self._room(i, self.model.branches, grads)
            carried = self.d_RTBH[i, : self.lengths[i]]
            if len(direct) > 1:
                carried = torch.empty_like(carried)
            self.carried_TBH.append(carried)
            values.append(
                self.kernels.backward(
                    places.numpy(), w, i, h, direct.numpy(), d, carried.numpy(),
                    self.activation, kind(alpha), kind(bound), by_place.numpy(), w_grad,
                )
            )  # fmt: skip
            self._input_gradients(i, by_place, self.model.branches, grads)
        return values


class FusedGruTape(_FusedTape, GruTape):
    """The GRU in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.cells.gru import loops as gru

        self.kernels = gru
        super()._allocate(runs, steps, options)

    def _forward(self, weights: Weights) -> None:
        self.sums = list(zip(self._sums(weights, GATES), self._sums(weights), strict=True))
        w_gates, w_hh = recurrence(weights, GATES).numpy(), weights["W_hh"].contiguous().numpy()
        for i, ((to_gates, places), (to_content, _)) in enumerate(self.sums):
            buffers = (self.gates_RTBG, self.n_RTBH, self.reset_RTBH)
            kept = [buffer[i, : self.lengths[i]].numpy() for buffer in buffers]
            sums = to_gates.numpy(), to_content.numpy()
            self.kernels.forward(*sums, w_gates[i], w_hh[i], places.numpy(), self.h(i).numpy(), *kept)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w_gates, w_hh = _transposed(recurrence(weights, GATES)), _transposed(weights["W_hh"])
        for i, ((_, places), _) in enumerate(self.sums):
            gates, n, deltas, delta = (
                buffer[i, : self.lengths[i]].numpy()
                for buffer in (self.gates_RTBG, self.n_RTBH, self.delta_RTBG, self.delta_RTBH)
            )
            kinds = GATES, ("h",)
            by_place = [self._room(i, branches, grads) for branches in kinds]
            self.kernels.backward(
                w_gates[i], w_hh[i], places.numpy(), self.h(i).numpy(), gates, n,
                self.direct[i].numpy(), self.d(i).numpy(),
                deltas, delta, self.product_RBH[0].numpy(), *(rows.numpy() for rows in by_place),
            )  # fmt: skip
            for rows, branches in zip(by_place, kinds, strict=True):
                self._input_gradients(i, rows, branches, grads)
        return self._recurrent_gradients(grads, regularisers)


class FusedLstmTape(_FusedTape, LstmTape):
    """The LSTM in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.cells.lstm import loops as lstm

        self.kernels = lstm
        super()._allocate(runs, steps, options)

    def _forward(self, weights: Weights) -> None:
        self.sums, w = self._sums(weights, BRANCHES), recurrence(weights, BRANCHES)
        gates = 3 * self.model.hidden
        w[..., :gates].mul_(0.5)  # as the kernel wants them; exact
        for i, (rows, places) in enumerate(self.sums):
            rows[:, :gates].mul_(0.5)
            units, squashed = self.units_RTBG[i, : len(places)].numpy(), self.squashed_RTBH[i, : len(places)].numpy()
            h, c = self.h(i).numpy(), self.c(i).numpy()
            self.kernels.forward(rows.numpy(), w[i].numpy(), places.numpy(), h, c, units, squashed)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        w = _transposed(recurrence(weights, BRANCHES))
        for i, (_, places) in enumerate(self.sums):
            units, squashed, delta = (
                buffer[i, : len(places)].numpy() for buffer in (self.units_RTBG, self.squashed_RTBH, self.delta_RTBG)
            )
            by_place, c, e = self._room(i, BRANCHES, grads), self.c(i).numpy(), self.e_RBH[0].numpy()
            self.kernels.backward(
                w[i], places.numpy(), c, units, squashed,
                self.direct[i].numpy(), self.d(i).numpy(), delta, e, by_place.numpy(),
            )  # fmt: skip
            self._input_gradients(i, by_place, BRANCHES, grads)
        return self._recurrent_gradients(grads, regularisers)


class FusedGatedTape(GatedTape, _FusedTape):
    """The layered cell of optional gates in fused loops."""

    def _allocate(self, runs: int, steps: int, options: dict) -> None:
        from rnnctl.cells.gated import loops as gated

        self.kernels, model = gated, self.model
        maps, shape = model.maps, (model.layers, runs, steps, self.batch, model.hidden)
        self.x_LRTBH = torch.zeros(model.layers + 1, *shape[1:], **options)
        found = {name: torch.zeros(shape, **options) for name in ("m", "o", "g", "s", *model.gates)}
        # What a missing map would change is what it was.
        found["x'"] = torch.zeros(shape, **options) if "A" in maps else self.x_LRTBH
        found["s'"] = torch.zeros(shape, **options) if "B" in maps else found["s"]
        found["p"] = torch.zeros(shape, **options) if "D" in maps else found["m"]
        found["n"] = torch.zeros(shape, **options) if "E" in maps else found["p"]
        self.values = found
        # A missing gate is never read.
        self.arrays = tuple(found.get(name, found["m"]).numpy() for name in gated.VALUES)
        self.rows, self.height = np.full((len("ABCDEFG"), 2), -1), 0
        for letter, parts in maps.items():
            bias = self.height + parts * model.hidden
            self.rows["ABCDEFG".index(letter)] = self.height, bias
            self.height = bias + 1
        read = model.read("n", "s", "x")
        self.parts = np.array([read.index(part) if part in read else -1 for part in "nsx"])
        names = [name for name, _ in model.layout.shapes if name[2] in maps]
        self.ends = names[0], names[-1]

    def _maps(self, weights: Weights):
        """All maps of every run, (R, L, P, H), as they lie in the runs' rows."""
        return block(weights, *self.ends).view(-1, self.model.layers, self.height, self.model.hidden).numpy()

    def _forward(self, weights: Weights) -> None:
        self.sums = self._sums(weights, self.model.branches)
        self._select(self.sums, [self.x_LRTBH[0, i, :length] for i, length in enumerate(self.lengths)])
        w, x, h = self._maps(weights), self.x_LRTBH.numpy(), self.h_RTBH.numpy()
        for i, length in enumerate(self.lengths):
            self.kernels.forward(w[i], self.rows, self.parts, x, h, self.arrays, i, length)

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        assert not regularisers, "Omega is the vanilla RNN's"
        w, into, x, d = self._maps(weights), self._maps(grads), self.x_LRTBH.numpy(), self.d_RTBH.numpy()
        for i, (_, places) in enumerate(self.sums):
            by_place = self._room(i, self.model.branches, grads)
            self.kernels.backward(
                w[i], self.rows, self.parts, places.numpy(), x, self.arrays,
                self.direct[i].numpy(), d, i, by_place.numpy(), into[i],
            )  # fmt: skip
            self._input_gradients(i, by_place, self.model.branches, grads)
        return [0.0] * len(self.lengths)


TAPES: dict[type[Cell], tuple[type[Tape], type[Tape]]] = {
    Rnn: (RnnTape, FusedRnnTape),
    Gru: (GruTape, FusedGruTape),
    Lstm: (LstmTape, FusedLstmTape),
    Gated: (GatedTape, FusedGatedTape),
}

"""A cell from outside the package: leaky units, h_t = (1 - a) h_{t-1} + a tanh(h_{t-1} W_hh + W_uh[u_t] + b_hh).

Backward, with d_t = dL/dh_t and x_t what the head sends into h_t:

    delta_t = a d_t (1 - n_t^2), n_t the tanh        d_{t-1} = (1 - a) d_t + delta_t W_hh^T + x_{t-1}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from rnnctl.cells.base.activations import ACTIVATIONS, BOUNDED_BY_ONE, Bounds
from rnnctl.cells.base.cell import Cell, Weights, projection
from rnnctl.cells.base.inits import OrthogonalInit, XavierInit
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.base.tape import Regularisers, Tape, TorchTape
from rnnctl.section import PER_RUN, default_name

TANH = ACTIVATIONS["tanh"]
LeakyInit = Annotated[OrthogonalInit | XavierInit, Field(discriminator="name")]


class LeakySection(CellSection):
    """Leaky units: each keeps a share of what it was."""

    name: Literal["leaky"] = "leaky"
    hidden: int = Field(20, ge=1, description="number of hidden units")
    init: Annotated[LeakyInit, default_name("orthogonal"), PER_RUN] = Field(
        OrthogonalInit(), description="how initial weights are drawn"
    )
    leak: float = Field(0.5, gt=0, le=1, description="share of new content in the state")

    has_omega: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = True

    def network(self, inputs: int, outputs: int) -> Leaky:
        return Leaky(inputs, self.hidden, outputs, self.leak)

    @property
    def gates(self) -> tuple[str, ...]:
        return ()

    @property
    def products(self) -> int:
        return 1

    @property
    def kept_per_step(self) -> int:
        return 4


@dataclass(frozen=True)
class Leaky(Cell):
    """The network."""

    leak: float

    branches: ClassVar = ("h",)

    @property
    def bounds(self) -> Bounds:
        return BOUNDED_BY_ONE

    @property
    def torch_tape(self) -> type[Tape]:
        return LeakyTape

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        added, w_RHH = projection(weights), weights["W_hh"]
        h_RBH = w_RHH.new_zeros(len(w_RHH), inputs.shape[1], self.hidden)
        for u in inputs:
            n_RBH = TANH.phi_(added(u).add_(torch.bmm(h_RBH, w_RHH)))
            h_RBH = n_RBH.sub_(h_RBH).mul_(self.leak).add_(h_RBH)
            yield h_RBH


class LeakyTape(TorchTape):
    """The passes through time."""

    model: Leaky

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        shape = (runs, steps, self.batch, self.model.hidden)
        self.n_RTBH, self.delta_RTBH = (torch.zeros(shape, **options) for _ in range(2))

    def _forward(self, weights: Weights) -> None:
        rows = list(enumerate(self.lengths))
        self._select(self._sums(weights), [self.n_RTBH[i, :length] for i, length in rows])
        for t, k in enumerate(self._alive()):
            before = self.h_RTBH[:k, t]
            n = TANH.phi_(self.n_RTBH[:k, t].add_(torch.bmm(before, weights["W_hh"][:k])))
            torch.sub(n, before, out=self.h_RTBH[:k, t + 1]).mul_(self.model.leak).add_(before)

    def _loop_back(self, weights: Weights) -> None:
        w_RHH, alive = weights["W_hh"].transpose(1, 2), self._alive()
        for t in range(len(alive), 0, -1):
            k = alive[t - 1]
            d, n, delta = self.d_TRBH[t, :k], self.n_RTBH[:k, t - 1], self.delta_RTBH[:k, t - 1]
            TANH.slope(n, delta).mul_(d).mul_(self.model.leak)
            torch.bmm(delta, w_RHH[:k], out=self.d_TRBH[t - 1, :k])
            self.d_TRBH[t - 1, :k] += d * (1 - self.model.leak)
            self._join(t - 1, k)

    def _cell_input_gradients(self, i: int, grads: Weights) -> None:
        delta = self.delta_RTBH[i, : self.lengths[i]]
        self._input_gradients(i, self._by_place(i, delta, ("h",), grads), ("h",), grads)

    def _recurrent_gradients(self, grads: Weights, regularisers: Regularisers) -> list[float]:
        for i, length in enumerate(self.lengths):
            states, delta = self.h(i)[:-1].flatten(0, 1), self.delta_RTBH[i, :length].flatten(0, 1)
            torch.mm(states.t(), delta, out=grads["W_hh"][i])
        return [0.0] * len(self.lengths)

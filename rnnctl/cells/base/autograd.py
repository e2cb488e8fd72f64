"""A network whose cell is given by its step alone (rnnctl.cells.base.stepped): autograd goes through time.

The runs of a pack are taken one after the other, each with its own copies of its weights: so every operation is the
same alone and in any pack, and so are its bits. The gradient by each state that a step has returned is asked for along
with those by the weights: it is dL/dh_t by every path, as the tapes of other cells compute it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.nn.functional import one_hot

from rnnctl.cells.base.activations import ACTIVATIONS, Bounds
from rnnctl.cells.base.cell import Cell, Weights
from rnnctl.cells.base.layout import Layout
from rnnctl.cells.base.names import HEAD
from rnnctl.cells.base.tape import Regularisers, Tape
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.modules import told

if TYPE_CHECKING:
    from rnnctl.cells.base.stepped import StepSection


@dataclass(frozen=True)
class StepCell(Cell):
    """The network of a cell that has a step. section: without the keys that runs of a pack do not have in common."""

    section: StepSection

    branches: ClassVar[tuple[str, ...]] = ()

    @property
    def state_size(self) -> int:
        return self.section.checked_state_size()

    @property
    def measured_units(self) -> int:
        return self.hidden

    @property
    def layout(self) -> Layout:
        shapes = self.section.checked_shapes(self.inputs)
        return Layout((*shapes.items(), ("W_hy", (self.hidden, self.outputs)), ("b_hy", (self.outputs,))))

    @property
    def recurrent(self) -> tuple[str, ...]:
        square = (self.hidden, self.hidden)
        return tuple(name for name, shape in self.layout.shapes if shape == square and name not in HEAD)

    def candidate(self, weights: Weights) -> torch.Tensor:
        """Return the first recurrent matrix; NaN, which has no spectrum, for a cell without one."""
        if self.recurrent:
            return weights[self.recurrent[0]]
        head = weights["W_hy"]
        return head.new_full((len(head), self.hidden, self.hidden), torch.nan)

    @property
    def torch_tape(self) -> type[Tape]:
        return AutogradTape

    @property
    def bounds(self) -> Bounds:
        alike = {1.0: "tanh", 0.5: "sigmoid", None: "identity"}
        if self.section.furthest not in alike:
            raise CodeError(f"{self.section.name}: furthest is 1.0, 0.5 or None, not {self.section.furthest!r}")
        return ACTIVATIONS[alike[self.section.furthest]]

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        runs, batch = len(weights["W_hy"]), inputs.shape[1]
        states = [weights["W_hy"].new_zeros(batch, self.state_size) for _ in range(runs)]
        own = [self.own_weights(weights, i) for i in range(runs)]
        for u in inputs:
            x = self.as_numbers(u, weights["W_hy"])
            states = [self.step(own[i], x, states[i]) for i in range(runs)]
            yield torch.stack([state[:, : self.hidden] for state in states])

    def own_weights(self, weights: Weights, i: int) -> dict[str, torch.Tensor]:
        """Return copies of the weights of run i, without those of the head."""
        return {name: weight[i].detach().clone() for name, weight in weights.items() if name not in HEAD}

    def as_numbers(self, u: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Return the inputs of a step, (B,) symbols or (B, I) real numbers, as numbers in the dtype of a tensor."""
        return u.to(like) if u.is_floating_point() else one_hot(u.long(), self.inputs).to(like)

    def step(self, weights: Mapping[str, torch.Tensor], x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return the state after a step. Raise CodeError if the cell fails, or returns what is no state."""
        try:
            after = self.section.step(weights, x, state)
        except Exception as error:
            raise CodeError(f"the step of {self.section.name} failed: {told(error)}") from error
        if not isinstance(after, torch.Tensor):
            raise CodeError(f"the step of {self.section.name} returned {type(after).__name__}, and not a tensor")
        if after.shape != state.shape or after.dtype != state.dtype:
            raise CodeError(
                f"the step of {self.section.name} returned {_form(after)}; the state before it is {_form(state)}"
            )
        return after


def _form(tensor: torch.Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


class AutogradTape(Tape):
    """Passes through time by autograd, one run after the other."""

    model: StepCell

    def _allocate(self, runs: int, steps: int, options: dict[str, Any]) -> None:
        self._graphs: list[_Graph] = []
        self._is_checked = False

    def h(self, i: int) -> torch.Tensor:
        return self.h_RTBH[i, : self.lengths[i] + 1, :, : self.model.hidden]

    def state(self, i: int) -> torch.Tensor:
        return self.h_RTBH[i, self.lengths[i]].clone()

    def _forward(self, weights: Weights) -> None:
        self._graphs = []
        for i, (length, inputs) in enumerate(zip(self.lengths, self.inputs, strict=True)):
            graph = _Graph(self.model, self.model.own_weights(weights, i), inputs, self.h_RTBH[i, 0])
            for t in range(length):
                self.h_RTBH[i, t + 1] = graph.states[t + 1].detach()
            self._graphs.append(graph)
        if not self._is_checked:
            self._graphs[0].check()
            self._is_checked = True

    def _backward(self, weights: Weights, grads: Weights, regularisers: Regularisers) -> list[float]:
        for i, (graph, direct_SBH) in enumerate(zip(self._graphs, self.direct, strict=True)):
            by_states, by_weights = graph.gradients(direct_SBH)
            for t, by_state in enumerate(by_states):
                self.d_TRBH[t, i] = 0 if by_state is None else by_state[:, : self.model.hidden]
            for name, by_weight in by_weights.items():
                grads[name][i] = 0 if by_weight is None else by_weight
        self._graphs = []
        return [0.0] * len(self.lengths)


class _Graph:
    """One run's way through time, as autograd has recorded it. states: before the first step and after each one."""

    def __init__(
        self, model: StepCell, weights: dict[str, torch.Tensor], inputs: torch.Tensor, state_BS: torch.Tensor
    ) -> None:
        self.model, self.weights = model, weights
        with torch.enable_grad():
            for weight in weights.values():
                weight.requires_grad_()
            self.states = [state_BS.detach().clone().requires_grad_()]
            for u in inputs:
                self.states.append(model.step(weights, model.as_numbers(u, state_BS), self.states[-1]))

    def gradients(
        self, direct_SBH: torch.Tensor
    ) -> tuple[Sequence[torch.Tensor | None], dict[str, torch.Tensor | None]]:
        """Return the gradients by all states and by all weights; None for what the loss does not depend on.

        direct_SBH: what the head sends into the last S states.
        """
        with torch.enable_grad():
            read = [state[:, : self.model.hidden] for state in self.states[-len(direct_SBH) :]]
        found = self._by([*self.states, *self.weights.values()], read, list(direct_SBH))
        return found[: len(self.states)], dict(zip(self.weights, found[len(self.states) :], strict=True))

    def check(self) -> None:
        """Raise CodeError if the first step has lost its way back to the state before it, or to a weight."""
        before, after = self.states[:2]
        by_state, *by_weights = self._by([before, *self.weights.values()], [after], [torch.ones_like(after)], keep=True)
        lost = [name for name, by_weight in zip(self.weights, by_weights, strict=True) if by_weight is None]
        if by_state is None:
            lost.append("the state before it")
        if lost:
            raise CodeError(
                f"the step of {self.model.section.name} breaks the graph of autograd: its result does not depend on "
                f"{', '.join(lost)} (is something detached, or computed outside of torch?)"
            )

    def _by(
        self, of: list[torch.Tensor], results: list[torch.Tensor], directs: list[torch.Tensor], keep: bool = False
    ) -> tuple[torch.Tensor | None, ...]:
        if not any(result.requires_grad for result in results):
            return (None,) * len(of)
        try:
            return torch.autograd.grad(results, of, directs, allow_unused=True, retain_graph=keep)
        except RuntimeError as error:
            raise CodeError(f"autograd cannot go back through {self.model.section.name}: {told(error)}") from error

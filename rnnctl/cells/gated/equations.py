"""A layered cell of optional gates: seven flags, each of which keeps or drops a part of the layer.

From a project that explores such layers on text, one symbol an update ("Systematic RNN Dynamics Exploration"). An input
map, L equal layers one on top of the other, and the head. Each capital is a linear map with a bias, x a layer's input,
s its state before the step, [ ; ] side by side, * elementwise and sig the logistic function:

    x_1 = W_ux[u_t] + b_x                        input of the first layer; x_{l+1} is the output of layer l
    a = sig(A [x ; s]),  b = sig(B [x ; s])      input_gate;    x' = a * x, s' = b * s, else x' = x, s' = s
    m = tanh(C [x' ; s'])
    p = z * m + (1 - z) * s                      state_gate;    z = sig(D [x' ; s' ; m]), else p = m
    n = f * p                                    forget_gate;   f = sig(E [x' ; s' ; p]), else n = p
    q = [n ; s' ; x]                             new_state: n is in it; old_state: s' is; residual: x is
    o = F q
    output = g * o                               output_gate:   g = sig(G [o ; q]), else g = sig(o)
    next state = n

The head reads the last layer's output. A layer of neither new_state nor old_state would read no state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import torch

from rnnctl.cells.base.activations import ACTIVATIONS, BOUNDED_BY_ONE, Bounds
from rnnctl.cells.base.cell import Cell, Weights, projection
from rnnctl.cells.base.layout import Layout
from rnnctl.cells.base.products import run_by_run
from rnnctl.cells.gated.section import GATES, maps_of

if TYPE_CHECKING:
    from rnnctl.cells.base.kernel_tape import KernelTape
    from rnnctl.cells.base.tape import Tape

Part = TypeVar("Part")

# The maps that a state passes on its way to the next one.
RECURRENT = ("A", "B", "C", "D", "E")

SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]


@dataclass(frozen=True)
class Gated(Cell):
    """Layers of one size, H. flags: the names of those that are on. Raise ValueError if no state would be read."""

    layers: int
    flags: frozenset[str]

    branches: ClassVar = ("x",)

    def __post_init__(self) -> None:
        if not self.flags & {"new_state", "old_state"}:
            raise ValueError("a gated layer needs new_state, old_state or both: else its output reads no state")

    @property
    def state_size(self) -> int:
        """All layers' states side by side, the first layer's first."""
        return self.layers * self.hidden

    @property
    def maps(self) -> dict[str, int]:
        """The linear maps of a layer by their letters, with the number of parts of H entries that their inputs have."""
        return maps_of(self.flags)

    @property
    def gates(self) -> tuple[str, ...]:
        """The letters of the gates that the flags turn on."""
        return tuple(gate for gate, flag in GATES.items() if flag in self.flags)

    @property
    def layout(self) -> Layout:
        v, h, o = self.inputs, self.hidden, self.outputs
        shapes: list[tuple[str, tuple[int, ...]]] = [("W_ux", (v, h)), ("b_x", (h,))]
        for layer in range(1, self.layers + 1):
            for letter, parts in self.maps.items():
                shapes += [(f"W_{letter}{layer}", (parts * h, h)), (f"b_{letter}{layer}", (h,))]
        return Layout((*shapes, ("W_hy", (h, o)), ("b_hy", (o,))))

    @property
    def recurrent(self) -> tuple[str, ...]:
        letters = [letter for letter in RECURRENT if letter in self.maps]
        return tuple(f"W_{letter}{layer}" for layer in range(1, self.layers + 1) for letter in letters)

    def candidate(self, weights: Weights) -> torch.Tensor:
        """Return the part of the last layer's C that multiplies the state, (R, H, H)."""
        return weights[f"W_C{self.layers}"][:, self.hidden :]

    @property
    def bounds(self) -> Bounds:
        return BOUNDED_BY_ONE

    @property
    def torch_tape(self) -> type[Tape]:
        from rnnctl.cells.gated.passes import GatedTape

        return GatedTape

    @property
    def fused_tape(self) -> type[Tape]:
        from rnnctl.cells.gated.fused import FusedGatedTape

        return FusedGatedTape

    @property
    def kernel_tape(self) -> type[KernelTape]:
        from rnnctl.cells.gated.gpu import KernelGatedTape

        return KernelGatedTape

    def layer(self, weights: Weights, layer: int, x: torch.Tensor, s: torch.Tensor) -> dict[str, torch.Tensor]:
        """Make one step of layer 1, 2, ... of the first K runs, from x and s.

        Return the values of the equations by their letters, as far as the flags have them, and `output`; all (K, B, H).
        """
        flags = self.flags
        values: dict[str, torch.Tensor] = {}

        def linear(letter: str, *parts: torch.Tensor) -> torch.Tensor:
            w, b = (weights[f"{kind}_{letter}{layer}"][: len(x)] for kind in "Wb")
            return run_by_run(torch.cat(parts, 2), w).add_(b.unsqueeze(1))

        if "input_gate" in flags:
            values["a"], values["b"] = (SIGMOID.phi_(linear(letter, x, s)) for letter in "AB")
        kept = gated(values, x, s)
        m = values["m"] = TANH.phi_(linear("C", *kept))
        if "state_gate" in flags:
            values["z"] = SIGMOID.phi_(linear("D", *kept, m))
        p = n = mixed(values, s)
        if "forget_gate" in flags:
            values["f"] = SIGMOID.phi_(linear("E", *kept, p))
            n = values["f"] * p
        values["n"] = n
        q = self.read(n, kept[1], x)
        o = values["o"] = linear("F", *q)
        values["g"] = SIGMOID.phi_(linear("G", o, *q) if "output_gate" in flags else o.clone())
        values["output"] = values["g"] * o
        return values

    def read(self, n: Part, s: Part, x: Part) -> list[Part]:
        """Return the parts of q, from n, s' and x."""
        parts = {"new_state": n, "old_state": s, "residual": x}
        return [part for flag, part in parts.items() if flag in self.flags]

    def steps(self, weights: Weights, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the last layer's output of every run, (R, B, H), for t = 1..T, from states of zeros."""
        added = projection(weights, self.branches)
        states = [weights["W_ux"].new_zeros(len(weights["W_ux"]), inputs.shape[1], self.hidden)] * self.layers
        for u in inputs:
            x_RBH = added(u)
            for i, s_RBH in enumerate(states):
                values = self.layer(weights, i + 1, x_RBH, s_RBH)
                x_RBH, states[i] = values["output"], values["n"]
            yield x_RBH


def gated(values: dict[str, torch.Tensor], x: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x' and s'."""
    return (values["a"] * x, values["b"] * s) if "a" in values else (x, s)


def mixed(values: dict[str, torch.Tensor], s: torch.Tensor) -> torch.Tensor:
    """Return p."""
    m = values["m"]
    return (m - s).mul_(values["z"]).add_(s) if "z" in values else m

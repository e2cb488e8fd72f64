"""Drawn packs that kernels, interpreted, take through time, and the comparison with the passes in torch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rnnctl.cells.base.kernel_tape import Inputs, KernelTape

# Relative to the greatest number of a tensor.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}


@dataclass
class Pack:
    """A drawn pack: a network, weights and inputs of each run, and what the head would send back.

    regularisers: alpha and bound of each run; None for a cell that Omega is not defined for.
    """

    model: Any
    batch: int
    lengths: list[int]  # in any order
    flat_RN: torch.Tensor
    inputs: list[torch.Tensor]
    direct: list[torch.Tensor]
    states: list[torch.Tensor] | None
    every: bool
    regularisers: list[tuple[float, float]] | None

    @property
    def steps(self) -> int:
        return max(self.lengths) + 1  # one more than any run has

    def on_device(self) -> Inputs:
        """The inputs as kernels read them."""
        first = self.inputs[0]
        kind = first.dtype if first.is_floating_point() else torch.uint8
        values = torch.zeros(len(self.lengths), self.steps, *first.shape[1:], dtype=kind)
        for row, (length, inputs) in enumerate(zip(self.lengths, self.inputs, strict=True)):
            values[row, :length] = inputs
        lengths = torch.tensor(self.lengths, dtype=torch.int32)
        return Inputs(values, lengths, torch.full_like(lengths, int(self.states is not None)))

    def tape(self, **options: Any) -> KernelTape:
        """A tape of kernels."""
        runs, dtype = len(self.lengths), self.flat_RN.dtype
        shape = (self.model, runs, self.steps, self.batch)
        tape: KernelTape = self.model.kernel_tape(*shape, dtype=dtype, device="cpu", every=self.every, **options)
        tape.lengths = self.lengths
        for row, state in enumerate(self.states or []):
            tape.carry_RBC[row] = state
        return tape


def drawn(
    seed: int, network: Callable[[int, int], Any], dtype: torch.dtype, batch: int, *, reals: bool, every: bool
) -> Pack:
    """Draw a pack of one to three runs. network: from the numbers of inputs and outputs."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    model = network(rng.randint(2, 5), rng.randint(1, 4))
    lengths = [rng.randint(1, 6) for _ in range(rng.randint(1, 3))]
    runs, carried = len(lengths), rng.random() < 0.5
    tape = model.kernel_tape(model, 1, 1, batch, dtype=dtype, device="cpu", every=every)

    def inputs(length: int) -> torch.Tensor:
        shape = (length, batch)
        return torch.randn(*shape, model.inputs, dtype=dtype) if reals else torch.randint(model.inputs, shape)

    return Pack(
        model=model,
        batch=batch,
        lengths=lengths,
        flat_RN=torch.randn(runs, model.layout.size, dtype=dtype) / model.hidden**0.5,
        inputs=[inputs(length) for length in lengths],
        direct=[torch.randn(length if every else 1, batch, model.hidden, dtype=dtype) for length in lengths],
        states=[torch.rand(batch, tape.carry_RBC.shape[2], dtype=dtype) for _ in lengths] if carried else None,
        every=every,
        # The first counts nearly all squared norms of gradients, the second those that are hardly less than the head's.
        regularisers=[(2.0, 0.01), (0.5, 0.7 * model.hidden), (0.0, 0.0)][:runs] if tape.takes_regularisers else None,
    )


def assert_close(actual: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    assert actual.shape == expected.shape, what
    off = float((actual - expected).abs().max()) / max(float(expected.abs().max()), 1e-3)
    assert off <= TOLERANCES[expected.dtype], (what, off)


def check(pack: Pack) -> None:
    """States, gates, Omega, gradients by the states and by all weights agree; so does what goes on to the next
    batch.
    """
    model, runs = pack.model, len(pack.lengths)
    # The passes in torch need falling lengths.
    order = sorted(range(runs), key=lambda row: -pack.lengths[row])

    def ordered(of_rows: Sequence[Any] | None) -> Any:
        return None if of_rows is None else [of_rows[row] for row in order]

    flat_RN = pack.flat_RN[order]
    weights, grads_RN = model.layout.views(flat_RN), torch.zeros_like(flat_RN)
    sizes: dict[str, Any] = {"dtype": flat_RN.dtype, "device": "cpu"}
    expected = model.torch_tape(model, runs, pack.steps, pack.batch, **sizes)
    expected.forward(weights, ordered(pack.inputs), ordered(pack.states))
    views = model.layout.views(grads_RN)
    omegas = expected.backward(weights, ordered(pack.direct), views, ordered(pack.regularisers))

    inputs, tape = pack.on_device(), pack.tape()
    # Whatever is read must have been written before.
    for name, buffer in tape.buffers.items():
        if name not in {"dy", "direct"}:
            buffer.fill_(float("nan"))
    for row, direct in enumerate(pack.direct):
        tape.buffers["direct"][row].view(-1, pack.batch, model.hidden)[: len(direct)] = direct
    actual_RN = torch.zeros_like(grads_RN)
    tape.forward(pack.flat_RN, inputs, carry=True)
    tape.backward(pack.flat_RN, inputs)
    if pack.regularisers is not None:
        assert max(omegas) > 0
        tape.regularise(torch.tensor(pack.regularisers, dtype=flat_RN.dtype))
        assert_close(tape.buffers["omegas"][order], torch.tensor(omegas, dtype=flat_RN.dtype), "Omega")
    tape.gradients(pack.flat_RN, inputs, actual_RN, tape.flags([()] * runs))
    for i, row in enumerate(order):
        assert_close(tape.h(row), expected.h(i), "h")
        assert_close(tape.d(row), expected.d(i), "d")
        gates = expected.gates(i)
        assert tape.gates(row).keys() == gates.keys()
        for name, gate in gates.items():
            assert_close(tape.gates(row)[name], gate, name)
        assert_close(tape.carry_RBC[row], expected.state(i), "carry")
    for name, gradient in model.layout.views(actual_RN[order]).items():
        assert_close(gradient, views[name], name)

    forward_only = pack.tape(train=False)
    forward_only.forward(pack.flat_RN, inputs, carry=True)
    for i, row in enumerate(order):
        last = forward_only.h(row)[-1] if pack.every else forward_only.buffers["last"][row]
        assert_close(last, expected.h(i)[-1], "last")
        assert_close(forward_only.carry_RBC[row], expected.state(i), "carry")

"""The GPU kernels of the GRU and the LSTM, interpreted, against the passes in torch: drawn shapes, ragged packs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from rnnctl.cells.base.kernel_pairs import PairedTape
from rnnctl.cells.base.kernel_tape import Inputs
from rnnctl.cells.catalogue import CELLS

CELLS_OF_PAIRS = ("gru", "lstm")
# Relative to the greatest number of a tensor.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}


@dataclass
class Pack:
    """A drawn pack: a network, weights and inputs of each run, and what the head would send back."""

    model: Any
    batch: int
    lengths: list[int]  # falling, as the passes in torch need them
    flat_RN: torch.Tensor
    inputs: list[torch.Tensor]
    direct: list[torch.Tensor]
    states: list[torch.Tensor] | None
    every: bool

    @property
    def steps(self) -> int:
        return self.lengths[0] + 1  # one more than any run has

    def on_device(self) -> Inputs:
        """The inputs as kernels read them."""
        first = self.inputs[0]
        kind = first.dtype if first.is_floating_point() else torch.uint8
        values = torch.zeros(len(self.lengths), self.steps, *first.shape[1:], dtype=kind)
        for row, (length, inputs) in enumerate(zip(self.lengths, self.inputs, strict=True)):
            values[row, :length] = inputs
        lengths = torch.tensor(self.lengths, dtype=torch.int32)
        return Inputs(values, lengths, torch.full_like(lengths, int(self.states is not None)))

    def tape(self, **options: Any) -> PairedTape:
        """A tape of kernels."""
        runs, dtype = len(self.lengths), self.flat_RN.dtype
        shape = (self.model, runs, self.steps, self.batch)
        tape = self.model.kernel_tape(*shape, dtype=dtype, device="cpu", every=self.every, **options)
        tape.lengths = self.lengths
        for row, state in enumerate(self.states or []):
            tape.carry_RBC[row] = state
        return tape


def drawn(seed: int, cell: str, dtype: torch.dtype, hidden: int, batch: int, *, reals: bool, every: bool) -> Pack:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    model = CELLS[cell](hidden=hidden).network(rng.randint(2, 5), rng.randint(1, 4))
    lengths = sorted((rng.randint(1, 6) for _ in range(rng.randint(1, 3))), reverse=True)
    parts = {"gru": 1, "lstm": 2}[cell]
    carried = rng.random() < 0.5

    def inputs(length: int) -> torch.Tensor:
        shape = (length, batch)
        return torch.randn(*shape, model.inputs, dtype=dtype) if reals else torch.randint(model.inputs, shape)

    return Pack(
        model=model,
        batch=batch,
        lengths=lengths,
        flat_RN=torch.randn(len(lengths), model.layout.size, dtype=dtype) / hidden**0.5,
        inputs=[inputs(length) for length in lengths],
        direct=[torch.randn(length if every else 1, batch, hidden, dtype=dtype) for length in lengths],
        states=[torch.rand(batch, parts * hidden, dtype=dtype) for _ in lengths] if carried else None,
        every=every,
    )


def assert_close(actual: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    assert actual.shape == expected.shape, what
    off = float((actual - expected).abs().max()) / max(float(expected.abs().max()), 1e-3)
    assert off <= TOLERANCES[expected.dtype], (what, off)


def check(pack: Pack) -> None:
    """States, gates, gradients by the states and by all weights agree; so does what goes on to the next batch."""
    model, runs = pack.model, len(pack.lengths)
    weights, grads_RN = model.layout.views(pack.flat_RN), torch.zeros_like(pack.flat_RN)
    sizes: dict[str, Any] = {"dtype": pack.flat_RN.dtype, "device": "cpu"}
    expected = model.torch_tape(model, runs, pack.steps, pack.batch, **sizes)
    expected.forward(weights, pack.inputs, pack.states)
    expected.backward(weights, pack.direct, model.layout.views(grads_RN))

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
    tape.gradients(pack.flat_RN, inputs, actual_RN, tape.flags([()] * runs))
    for row in range(runs):
        assert_close(tape.h(row), expected.h(row), "h")
        assert_close(tape.d(row), expected.d(row), "d")
        gates = expected.gates(row)
        assert tape.gates(row).keys() == gates.keys()
        for name, gate in gates.items():
            assert_close(tape.gates(row)[name], gate, name)
        assert_close(tape.carry_RBC[row], expected.state(row), "carry")
    views = model.layout.views(grads_RN)
    for name, gradient in model.layout.views(actual_RN).items():
        assert_close(gradient, views[name], name)

    forward_only = pack.tape(train=False)
    forward_only.forward(pack.flat_RN, inputs, carry=True)
    for row in range(runs):
        last = forward_only.h(row)[-1] if pack.every else forward_only.buffers["last"][row]
        assert_close(last, expected.h(row)[-1], "last")
        assert_close(forward_only.carry_RBC[row], expected.state(row), "carry")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("kernels", ["registers", "tiles"])
@pytest.mark.parametrize("cell", CELLS_OF_PAIRS)
def test_small_cells(cell, kernels, dtype, reals, every, seed, monkeypatch):
    rng = random.Random(seed)
    if kernels == "tiles":
        monkeypatch.setattr(CELLS[cell], "units_in_registers", 0)
    check(drawn(seed, cell, dtype, rng.randint(1, 20), rng.randint(1, 4), reals=reals, every=every))


@pytest.mark.parametrize("every", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("cell", CELLS_OF_PAIRS)
def test_several_tiles_and_blocks(cell, dtype, every):
    check(drawn(7, cell, dtype, 70, 19, reals=False, every=every))

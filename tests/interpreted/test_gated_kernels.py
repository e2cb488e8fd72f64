"""The kernels of the layered cell, interpreted, against its passes in torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rnnctl.cells.base.kernel_tape import Inputs
from rnnctl.cells.gated.equations import Gated
from rnnctl.cells.gated.gpu import KernelGatedTape, sizes
from rnnctl.cells.gated.plan import Plan
from rnnctl.cells.gated.section import LARGE_BATCH
from rnnctl.kernels.gpu.launch import TILE
from tests.cells.gated_passes import ALL, CHOICES, O, V, draw, pass_through, question, tape_for

LENGTHS = [1, 2]
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
DRAWN = [*random.Random(17).sample(CHOICES, 14), ALL]  # of 96 choices of flags


def padded_symbols(symbols: Sequence[torch.Tensor], steps: int) -> torch.Tensor:
    """Return the symbols of all runs, (R, T, B), zeros beyond a run's length."""
    rows = torch.zeros(len(symbols), steps, symbols[0].shape[1], dtype=torch.uint8)
    for row, u in zip(rows, symbols, strict=True):
        row[: len(u)] = u
    return rows


def kernel_pass(
    model: Gated, flat: torch.Tensor, symbols: Sequence[torch.Tensor], state: torch.Tensor, direct: Any, every: bool
) -> tuple[KernelGatedTape, dict[str, torch.Tensor]]:
    """Take all runs forward and back by kernels, from the given states. Return the tape, and gradients by name."""
    lengths, batch = [len(u) for u in symbols], symbols[0].shape[1]
    steps = max(lengths) + 1  # some room is never used
    tape = KernelGatedTape(model, len(flat), steps, batch, dtype=flat.dtype, device="cpu", every=every)
    tape.lengths = lengths
    tape.carry_RBC.copy_(state)
    for row, sent in zip(tape.buffers["direct"], direct, strict=True):
        row[: sent.shape[0] * batch] = sent.flatten(0, 1)
    of_runs = torch.tensor(lengths, dtype=torch.int32), torch.ones(len(lengths), dtype=torch.int32)
    inputs = Inputs(padded_symbols(symbols, steps), *of_runs)
    grads = torch.full_like(flat, float("nan"))
    tape.forward(flat, inputs, carry=True)
    tape.backward(flat, inputs)
    tape.gradients(flat, inputs, grads, tape.flags([()] * len(flat)))
    return tape, model.layout.views(grads)


def assert_passes_agree(
    model: Gated, seed: int, lengths: Sequence[int], batch: int, dtype: torch.dtype, every: bool
) -> None:
    """States, gates, outputs, gradients by states and by weights are those of the passes in torch."""
    flat = draw(model, seed, runs=len(lengths), dtype=dtype, scale=2.0)
    symbols, state, direct = question(model, seed, lengths, batch, None if every else [1] * len(lengths), dtype=dtype)
    tape, actual = kernel_pass(model, flat, symbols, state, direct, every)
    order = sorted(range(len(lengths)), key=lambda r: -lengths[r])
    symbols, direct = ([values[r] for r in order] for values in (symbols, direct))
    torch_tape = tape_for(model, symbols, dtype=dtype)
    grads = pass_through(torch_tape, flat[order], symbols, state[order], direct)
    close = {"rtol": TOLERANCES[dtype], "atol": TOLERANCES[dtype]}
    outputs = tape.buffers["values"][..., -model.hidden :]
    for i, r in enumerate(order):
        torch.testing.assert_close(tape.h(r), torch_tape.h(i), **close)
        torch.testing.assert_close(tape.carry_RBC[r], torch_tape.state(i), **close)
        torch.testing.assert_close(tape.d(r), torch_tape.d(i), **close)
        torch.testing.assert_close(outputs[r, : lengths[r]], torch_tape.out(i), **close)
        assert tape.gates(r).keys() == torch_tape.gates(i).keys()
        for name, gate in torch_tape.gates(i).items():
            torch.testing.assert_close(tape.gates(r)[name], gate, **close)
        for name, gradient in grads.items():
            if name not in ("W_hy", "b_hy"):
                torch.testing.assert_close(actual[name][r], gradient[i], **close, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("number", range(len(DRAWN)), ids=lambda number: "-".join(sorted(DRAWN[number])))
def test_drawn_flags_follow_the_passes_in_torch(number):
    """Whether the head reads every step or the last alone: of every number of layers, some choices have either."""
    model = Gated(V, 3 + number % 4, O, 1 + number % 3, DRAWN[number])
    assert_passes_agree(model, number, LENGTHS, 2, torch.float64, every=number % 2 == 0)


@pytest.mark.parametrize(("dtype", "hidden", "layers"), [(torch.float32, 66, 1), (torch.float64, 34, 2)], ids=str)
def test_several_blocks_and_tiles_follow_the_passes_in_torch(dtype, hidden, layers):
    batch, of = 17, sizes(hidden, 17, dtype, "ieee")
    assert hidden > of["BLOCK"] > of["DEPTH"]
    assert batch > of["TILE"]
    assert_passes_agree(Gated(V, hidden, O, layers, ALL), layers, [1], batch, dtype, True)


@pytest.mark.parametrize(("hidden", "lengths", "every"), [(5, LENGTHS, True), (130, [1], False)], ids=str)
def test_the_tiles_of_large_batches_follow_the_passes_in_torch(hidden, lengths, every):
    """A program takes more sequences of them, and more units at a time of wide layers."""
    batch = LARGE_BATCH + 1  # the last tile is not full
    of, smaller = (sizes(hidden, b, torch.float32, "ieee") for b in (batch, LARGE_BATCH - 1))
    assert of["TILE"] > smaller["TILE"] == TILE
    assert (of["BLOCK"] > smaller["BLOCK"]) == (hidden > of["BLOCK"])
    assert_passes_agree(Gated(V, hidden, O, 1, ALL), 5, lengths, batch, torch.float32, every)


@pytest.mark.parametrize("every", [True, False], ids=["every", "last"])
def test_a_tape_that_only_goes_forward_has_the_outputs_that_the_head_reads(every):
    model, (runs, steps, batch) = Gated(V, 3, O, 2, ALL - {"output_gate"}), (2, 3, 2)
    flat = draw(model, 3, runs=runs)
    symbols, _, _ = question(model, 3, [steps] * runs, batch)
    tape = KernelGatedTape(model, runs, steps, batch, dtype=flat.dtype, device="cpu", every=every, train=False)
    inputs = Inputs(padded_symbols(symbols, steps), *(torch.tensor([n] * runs, dtype=torch.int32) for n in (steps, 0)))
    tape.carry_RBC.fill_(float("nan"))  # no run goes on from it
    tape.forward(flat, inputs)
    reference = tape_for(model, symbols)
    reference.forward(model.layout.views(flat), symbols)
    for i in range(runs):
        actual, expected = (
            (tape.buffers["out"][i], reference.out(i)) if every else (tape.buffers["last"][i], reference.out(i)[-1])
        )
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_a_run_has_the_same_bits_alone_and_in_a_pack():
    model = Gated(V, 5, O, 2, ALL)
    flat = draw(model, 1, runs=2, dtype=torch.float32)
    symbols, state, direct = question(model, 1, LENGTHS, 2, dtype=torch.float32)
    _, together = kernel_pass(model, flat, symbols, state, direct, True)
    for r in range(2):
        only = slice(r, r + 1)
        _, alone = kernel_pass(model, flat[only], symbols[only], state[only], direct[only], True)
        for name in alone:
            if name not in ("W_hy", "b_hy"):
                assert torch.equal(alone[name][0], together[name][r]), name


def test_plans_of_all_flags_have_one_length():
    """So runs of different flags could share a launch; and no sum has more products than a plan has room for."""
    assert len({len(Plan(Gated(V, 4, O, 1, flags), Gated(V, 4, O, 1, ALL)).numbers()) for flags in CHOICES}) == 1

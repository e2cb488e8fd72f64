"""Fused loops against the torch equations that they stand for: whole passes of ragged packs, in both precisions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnctl.models.cell import readout_gradients
from rnnctl.models.gru import Gru
from rnnctl.models.lstm import Lstm
from rnnctl.models.rnn import Rnn
from rnnctl.training.tapes import TAPES

CELLS = ["tanh", "sigmoid", "relu", "identity", "gru", "lstm"]


def cell(name, hidden):
    if name in ("gru", "lstm"):
        return {"gru": Gru, "lstm": Lstm}[name](6, hidden, 4, 0.3)
    return Rnn(6, hidden, 4, name)


def passes(kind, model, flat, symbols, targets):
    """Everything that a tape leaves, by name."""
    tape = kind(model, len(symbols), len(symbols[0]), symbols[0].shape[1], dtype=flat.dtype, device="cpu")
    weights, grads_flat = model.layout.views(flat), torch.zeros_like(flat)
    grads = model.layout.views(grads_flat)
    h = tape.forward(weights, symbols)
    y = torch.bmm(h, weights["W_hy"]) + weights["b_hy"].unsqueeze(1)
    tape.backward(weights, readout_gradients(weights, h, y, targets, grads), grads)
    found = {}
    for i in range(len(symbols)):
        found |= {f"h {i}": tape.h(i), f"d {i}": tape.d(i)}
        found |= {f"gate {name} {i}": gate for name, gate in tape.gates(i).items()}
        found |= {f"{name} {i}": gradient[i] for name, gradient in grads.items()}
    return found


def kind_of(key):
    """`gradient 2` for every weight of row 2, otherwise the key itself."""
    what, row = key.rsplit(maxsplit=1)
    return f"gradient {row}" if what[0] in "Wb" else key


def assert_close(name, hidden, batch, lengths, seed, dtype, tolerance):
    """All figures of both passes agree to a share of the largest figure of their kind: states, signals, gradients.

    A single matrix's gradient can be a sum that all but cancels; beside the others of its row it has nothing to say.
    """
    rng = np.random.default_rng(seed)
    model = cell(name, hidden)
    # A gain just below one: above it, what two ways of rounding differ by grows from step to step.
    scale = 0.9 / np.sqrt(hidden)
    flat = torch.from_numpy(scale * rng.standard_normal((len(lengths), model.layout.size))).to(dtype)
    symbols = [torch.from_numpy(rng.integers(6, size=(n, batch))) for n in sorted(lengths, reverse=True)]
    targets = torch.from_numpy(rng.integers(4, size=(len(lengths), batch)))
    plain, fused = (passes(kind, model, flat, symbols, targets) for kind in TAPES[type(model)])
    assert plain.keys() == fused.keys()
    sizes = {key: float(value.abs().max()) for key, value in plain.items()}
    for key, expected in plain.items():
        kin = [size for other, size in sizes.items() if kind_of(other) == kind_of(key)]
        error = float((fused[key] - expected).abs().max())
        assert error <= tolerance * max(kin), (key, error, max(kin))


SHAPES = {
    "hidden": st.integers(1, 40),
    "batch": st.integers(1, 21),
    "lengths": st.lists(st.integers(1, 20), min_size=1, max_size=3),
    "seed": st.integers(0, 2**32 - 1),
}


@pytest.mark.parametrize("name", CELLS)
@given(**SHAPES)
@settings(max_examples=25, deadline=None)
def test_kernels_follow_the_equations_in_float64(name, hidden, batch, lengths, seed):
    assert_close(name, hidden, batch, lengths, seed, torch.float64, 1e-12)


@pytest.mark.parametrize("name", CELLS)
@given(**SHAPES)
@settings(max_examples=25, deadline=None)
def test_kernels_follow_the_equations_in_float32(name, hidden, batch, lengths, seed):
    assert_close(name, hidden, batch, lengths, seed, torch.float32, 1e-5)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("hidden", "batch"), [(50, 20), (33, 3)])
def test_kernels_follow_the_equations_through_three_hundred_steps(name, dtype, tolerance, hidden, batch):
    assert_close(name, hidden, batch, [300, 171, 2], 5, dtype, tolerance)

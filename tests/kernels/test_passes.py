"""Fused loops against the torch equations: whole passes of packs with different lengths, in both precisions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.base.passes import backpropagate
from rnnctl.cells.gru.equations import Gru
from rnnctl.cells.lstm.equations import Lstm
from rnnctl.cells.rnn.equations import Rnn
from rnnctl.question import Question
from tests.examples import examples

CELLS = ["tanh", "sigmoid", "relu", "identity", "gru", "lstm"]


# Whether inputs are reals (else symbols), and the question.
QUESTIONS = {
    "last class": (False, Question()),
    "every class": (False, Question(every_step=True)),
    "last value of reals": (True, Question("squared_error")),
    "every class of reals": (True, Question(every_step=True)),
}


def cell(name, inputs, hidden, outputs):
    if name in ("gru", "lstm"):
        return {"gru": Gru, "lstm": Lstm}[name](inputs, hidden, outputs)
    return Rnn(inputs, hidden, outputs, name)


def passes(kind, model, flat, question, inputs, targets):
    """All results of a tape, by name."""
    tape = kind(model, len(inputs), len(inputs[0]), inputs[0].shape[1], dtype=flat.dtype, device="cpu")
    weights, grads_flat = model.layout.views(flat), torch.full_like(flat, float("nan"))
    grads = model.layout.views(grads_flat)
    tape.forward(weights, inputs)
    losses, direct = backpropagate(question, weights, tape, targets, grads)
    # Omega consists of ratios, in which rounding differences can grow without bound: float64 only.
    omega = isinstance(model, Rnn) and flat.dtype == torch.float64
    regularisers = [(0.5, 1e-20)] * len(inputs) if omega else None
    omegas = tape.backward(weights, direct, grads, regularisers)
    results = {}
    for i in range(len(inputs)):
        results |= {
            f"h {i}": tape.h(i),
            f"d {i}": tape.d(i),
            f"loss {i}": losses[i],
            f"omega {i}": torch.tensor(omegas[i]),
        }
        results |= {f"gate {name} {i}": gate for name, gate in tape.gates(i).items()}
        results |= {f"{name} {i}": gradient[i] for name, gradient in grads.items()}
    return results


def kind_of(key):
    """`gradient 2` for every weight of row 2, otherwise the key itself."""
    what, row = key.rsplit(maxsplit=1)
    return f"gradient {row}" if what[0] in "Wb" else key


def assert_close(name, asked, hidden, batch, lengths, seed, dtype, tolerance):
    """All results of both passes agree relative to the largest value of their kind: states, signals, gradients.

    The gradient of a single matrix can nearly cancel, so its rounding error is compared with all gradients of its row.
    """
    rng = np.random.default_rng(seed)
    reals, question = QUESTIONS[asked]
    outputs = 1 if question.loss == "squared_error" else 4
    model = cell(name, 3 if reals else 6, hidden, outputs)
    # A gain just below 1: above 1, rounding differences grow from step to step.
    scale = 0.9 / np.sqrt(hidden)
    flat = torch.from_numpy(scale * rng.standard_normal((len(lengths), model.layout.size))).to(dtype)
    lengths = sorted(lengths, reverse=True)
    if reals:
        inputs = [torch.from_numpy(rng.standard_normal((n, batch, 3))).to(dtype) for n in lengths]
    else:
        inputs = [torch.from_numpy(rng.integers(6, size=(n, batch))) for n in lengths]
    shapes = [(n, batch) if question.every_step else (batch,) for n in lengths]
    targets = [torch.from_numpy(rng.integers(4, size=shape)) for shape in shapes]
    if question.loss == "squared_error":
        targets = [target.to(dtype) for target in targets]
    kinds = model.torch_tape, model.fused_tape
    plain, fused = (passes(kind, model, flat, question, inputs, targets) for kind in kinds)
    assert plain.keys() == fused.keys()
    # The head's gradient is a difference of probabilities times W_hy, and can be much smaller than these.
    w_hy = model.layout.views(flat)["W_hy"]
    sent = {f"d {i}": float(w_hy[i].abs().max()) / target.numel() for i, target in enumerate(targets)}
    sizes = {key: float(value.abs().max()) for key, value in plain.items()}
    for key, expected in plain.items():
        kin = [size for other, size in sizes.items() if kind_of(other) == kind_of(key)]
        error = float((fused[key] - expected).abs().max())
        assert error <= tolerance * max(*kin, sent.get(key, 0.0)), (key, error, max(kin))


SHAPES = {
    "asked": st.sampled_from(sorted(QUESTIONS)),
    "hidden": st.integers(1, 40),
    "batch": st.integers(1, 21),
    "lengths": st.lists(st.integers(1, 20), min_size=1, max_size=3),
    "seed": st.integers(0, 2**32 - 1),
}


# In float32 rounding errors grow with every step, so that no tolerance would fit all of these lengths.
LONG = SHAPES | {"lengths": st.lists(st.integers(1, 20) | st.integers(1, 300), min_size=1, max_size=3)}


@pytest.mark.parametrize("name", CELLS)
@given(**LONG)
@examples(25)
def test_kernels_follow_the_equations_in_float64(name, asked, hidden, batch, lengths, seed):
    assert_close(name, asked, hidden, batch, lengths, seed, torch.float64, 1e-12)


@pytest.mark.parametrize("name", CELLS)
@given(**SHAPES)
@examples(25)
def test_kernels_follow_the_equations_in_float32(name, asked, hidden, batch, lengths, seed):
    assert_close(name, asked, hidden, batch, lengths, seed, torch.float32, 1e-5)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("hidden", "batch"), [(50, 20), (33, 3)])
def test_kernels_follow_the_equations_through_three_hundred_steps(name, dtype, tolerance, hidden, batch):
    assert_close(name, "last class", hidden, batch, [300, 171, 2], 5, dtype, tolerance)

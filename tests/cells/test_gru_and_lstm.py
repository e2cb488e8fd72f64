"""GRU and LSTM against autograd on per-step tensors, finite differences and torch.nn; in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.base.heads import backpropagate
from rnnctl.cells.gru.equations import Gru, GruTape
from rnnctl.cells.gru.fused import FusedGruTape
from rnnctl.cells.lstm.equations import Lstm, LstmTape
from rnnctl.cells.lstm.fused import FusedLstmTape
from rnnctl.question import Question
from tests.examples import examples
from tests.oracles import gru_loss, lstm_loss

KINDS = [(Gru, GruTape), (Gru, FusedGruTape), (Lstm, LstmTape), (Lstm, FusedLstmTape)]
LOSSES = {Gru: gru_loss, Lstm: lstm_loss}
every_tape = pytest.mark.parametrize(("cell", "kind"), KINDS, ids=[kind.__name__ for _, kind in KINDS])


def problem(rng, cell, lengths, *, hidden=7, batch=3, scale=0.7, reals=False):
    model = cell(6, hidden, 4)
    flat = torch.from_numpy(scale * rng.standard_normal((len(lengths), model.layout.size)))
    drawn = [rng.standard_normal((n, batch, 6)) if reals else rng.integers(6, size=(n, batch)) for n in lengths]
    symbols = [torch.from_numpy(u) for u in drawn]
    targets = torch.from_numpy(rng.integers(4, size=(len(lengths), batch)))
    return model, flat, symbols, targets


def tape_for(kind, model, symbols):
    batch = symbols[0].shape[1]
    return kind(model, len(symbols), max(map(len, symbols)), batch, dtype=torch.float64, device="cpu")


def through(tape, flat, symbols, targets):
    """Losses and gradients of a pack, the way the trainer makes them."""
    views, grads_flat = tape.model.layout.views, torch.full_like(flat, float("nan"))
    weights, grads = views(flat), views(grads_flat)
    tape.forward(weights, symbols)
    losses, direct = backpropagate(Question(), weights, tape, targets, grads)
    tape.backward(weights, direct, grads)
    return losses, grads_flat


def named(model, flat_N):
    return {name: w[0] for name, w in model.layout.views(flat_N.unsqueeze(0)).items()}


@every_tape
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    hidden=st.integers(1, 11),
    batch=st.integers(1, 5),
    reals=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@examples(25)
def test_every_gradient_equals_autograd_on_per_step_tensors(cell, kind, lengths, hidden, batch, reals, seed):
    lengths, rng = sorted(lengths, reverse=True), np.random.default_rng(seed)
    model, flat, symbols, targets = problem(rng, cell, lengths, hidden=hidden, batch=batch, reals=reals)
    tape = tape_for(kind, model, symbols)
    losses, grads_flat = through(tape, flat, symbols, targets)
    for i, length in enumerate(lengths):
        leaf = flat[i].clone().requires_grad_()
        loss, states, gates = LOSSES[cell](named(model, leaf), symbols[i], targets[i])
        loss.backward()
        torch.testing.assert_close(losses[i], loss.detach(), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(grads_flat[i], leaf.grad, rtol=1e-10, atol=1e-12)
        for t, h in enumerate(states):
            torch.testing.assert_close(tape.h(i)[t], h.detach(), rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(tape.d(i)[t], h.grad, rtol=1e-10, atol=1e-13)
        assert len(tape.h(i)) == len(tape.d(i)) == length + 1
        assert tape.gates(i).keys() == gates.keys()
        for name, steps in gates.items():
            torch.testing.assert_close(tape.gates(i)[name], torch.stack(steps).detach(), rtol=1e-12, atol=1e-12)


@every_tape
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
def test_weight_gradients_equal_finite_differences(cell, kind, reals):
    model, flat, symbols, targets = problem(np.random.default_rng(4), cell, [6, 4], hidden=3, reals=reals)
    tape = tape_for(kind, model, symbols)
    _, grads = through(tape, flat, symbols, targets)
    for entry in range(model.layout.size):
        bump = torch.zeros_like(flat)
        bump[:, entry] = 1e-6
        up, _ = through(tape, flat + bump, symbols, targets)
        down, _ = through(tape, flat - bump, symbols, targets)
        torch.testing.assert_close(grads[:, entry], (up - down) / 2e-6, rtol=1e-6, atol=1e-9)


@every_tape
def test_gradient_through_time_equals_finite_differences(cell, kind):
    """The loss when the recurrence goes on from a bumped h_t, and in the LSTM from c_t as it was."""
    model, flat, symbols, targets = problem(np.random.default_rng(5), cell, [9])
    tape = tape_for(kind, model, symbols)
    through(tape, flat, symbols, targets)
    weights = named(model, flat[0])

    def sums(branch, h, u):
        bias = weights["b_hh" if branch == "h" else f"b_{branch}"]
        return h @ weights[f"W_h{branch}"] + weights[f"W_u{branch}"][u] + bias

    def loss_from(h, t):
        c = tape.c(0)[t] if cell is Lstm else None
        for u in symbols[0][t:]:
            if cell is Gru:
                z, r = torch.sigmoid(sums("z", h, u)), torch.sigmoid(sums("r", h, u))
                h = (1 - z) * h + z * torch.tanh(sums("h", r * h, u))
            else:
                i, f, o = (torch.sigmoid(sums(name, h, u)) for name in "ifo")
                c = f * c + i * torch.tanh(sums("h", h, u))
                h = o * torch.tanh(c)
        return torch.nn.functional.cross_entropy(h @ weights["W_hy"] + weights["b_hy"], targets[0])

    for t in range(10):
        h, eps = tape.h(0)[t], 1e-5
        assert tape.d(0)[t].abs().max() > 1e-6  # far above what differences can resolve
        for b, j in [(0, 0), (1, 3), (2, 6)]:
            bump = torch.zeros_like(h)
            bump[b, j] = eps
            measured = (loss_from(h + bump, t) - loss_from(h - bump, t)) / (2 * eps)
            assert measured.item() == pytest.approx(tape.d(0)[t, b, j].item(), rel=1e-5, abs=1e-9)


def set_rows(matrix, bias, sources, parts):
    """Fill the rows of a torch.nn parameter, its gates one under the other, from our column convention."""
    with torch.no_grad():
        matrix.copy_(torch.cat([sources[name].T for name in parts]))
        bias.zero_()


@pytest.mark.parametrize("kind", [LstmTape, FusedLstmTape])
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
def test_lstm_equals_torch_nn_lstm(kind, reals):
    model, flat, symbols, targets = problem(np.random.default_rng(6), Lstm, [11], hidden=8, batch=5, reals=reals)
    weights, theirs = named(model, flat[0]), torch.nn.LSTM(6, 8).double()
    order = "ifho"  # torch stacks i, f, g, o
    set_rows(theirs.weight_ih_l0, theirs.bias_ih_l0, weights, [f"W_u{name}" for name in order])
    set_rows(theirs.weight_hh_l0, theirs.bias_hh_l0, weights, [f"W_h{name}" for name in order])
    with torch.no_grad():
        theirs.bias_ih_l0.copy_(torch.cat([weights["b_hh" if name == "h" else f"b_{name}"] for name in order]))
    expected, (_, c) = theirs(symbols[0] if reals else torch.nn.functional.one_hot(symbols[0], 6).double())
    tape = tape_for(kind, model, symbols)
    _, grads = through(tape, flat, symbols, targets)
    torch.testing.assert_close(tape.h(0)[1:], expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(tape.c(0)[-1], c[0].detach(), rtol=1e-12, atol=1e-12)
    y = expected[-1] @ weights["W_hy"] + weights["b_hy"]
    torch.nn.functional.cross_entropy(y, targets[0]).backward()
    ours = named(model, grads[0])
    for parameter, branch in ((theirs.weight_ih_l0, "W_u"), (theirs.weight_hh_l0, "W_h")):
        rows = torch.cat([ours[f"{branch}{name}"].T for name in order])
        torch.testing.assert_close(rows, parameter.grad, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", [GruTape, FusedGruTape])
def test_gru_with_open_reset_gates_equals_torch_nn_gru(kind):
    """torch.nn.GRU resets after the product, n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), and its z is our 1 - z.

    With r saturated at 1 both are one; in general the oracle of the other tests is the plain transcription.
    """
    model, flat, symbols, _ = problem(np.random.default_rng(7), Gru, [11], hidden=8, batch=5)
    weights, theirs = named(model, flat[0]), torch.nn.GRU(6, 8).double()
    weights["W_ur"].zero_()
    weights["W_hr"].zero_()
    weights["b_r"].fill_(60.0)
    mirrored = {**weights, **{name: -weights[name] for name in ("W_uz", "W_hz", "b_z")}}  # s(-x) = 1 - s(x)
    set_rows(theirs.weight_ih_l0, theirs.bias_ih_l0, mirrored, ["W_ur", "W_uz", "W_uh"])
    set_rows(theirs.weight_hh_l0, theirs.bias_hh_l0, mirrored, ["W_hr", "W_hz", "W_hh"])
    with torch.no_grad():
        theirs.bias_ih_l0.copy_(torch.cat([mirrored["b_r"], mirrored["b_z"], mirrored["b_hh"]]))
        expected, _ = theirs(torch.nn.functional.one_hot(symbols[0], 6).double())
    tape = tape_for(kind, model, symbols)
    tape.forward(model.layout.views(flat), symbols)
    assert (tape.gates(0)["r"] == 1).all()
    torch.testing.assert_close(tape.h(0)[1:], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("cell", "kind"), [(Gru, GruTape), (Lstm, LstmTape)])
def test_the_forward_pass_of_validation_goes_through_the_same_hidden_states(cell, kind):
    model, flat, symbols, _ = problem(np.random.default_rng(8), cell, [9, 9, 9])
    weights = model.layout.views(flat)
    tape = tape_for(kind, model, [symbols[0]] * 3)
    tape.forward(weights, [symbols[0]] * 3)
    for t, h in enumerate(model.steps(weights, symbols[0]), start=1):
        torch.testing.assert_close(h, tape.h_RTBH[:, t], rtol=0, atol=0)


@every_tape
def test_a_rows_gradients_do_not_depend_on_stale_buffers(cell, kind):
    model, flat, symbols, targets = problem(np.random.default_rng(9), cell, [10, 3])
    fresh, stale = tape_for(kind, model, symbols), tape_for(kind, model, symbols)
    for name, buffer in vars(stale).items():
        if isinstance(buffer, torch.Tensor):
            (buffer[:, 1:] if name in ("h_RTBH", "c_RTBH") else buffer).fill_(float("nan"))
    _, expected = through(fresh, flat, symbols, targets)
    _, actual = through(stale, flat, symbols, targets)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_layouts_name_every_branch():
    names = " ".join(name for name, _ in Gru(6, 5, 4).layout.shapes)
    assert names == "W_uz W_hz b_z W_ur W_hr b_r W_uh W_hh b_hh W_hy b_hy"
    assert Lstm(6, 5, 4).recurrent == ("W_hi", "W_hf", "W_ho", "W_hh")

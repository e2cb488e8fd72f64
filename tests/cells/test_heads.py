"""Whole networks under every question against autograd in float64: any inputs, one step or all of them read."""

import numpy as np
import pytest
import torch

from rnnctl.cells.base.heads import losses, read, wrong
from rnnctl.cells.base.passes import backpropagate
from rnnctl.cells.gru.equations import Gru
from rnnctl.cells.lstm.equations import Lstm
from rnnctl.cells.rnn.equations import Rnn
from rnnctl.question import Question
from tests import oracles

QUESTIONS = [Question(), Question(every_step=True), Question("squared_error")]
CELLS = {
    "rnn": (lambda *sizes: Rnn(*sizes, "tanh"), lambda *args: oracles.rnn_loss(*args[:3], "tanh", args[3])),
    "gru": (Gru, lambda *args: oracles.gru_loss(*args)[:2]),
    "lstm": (Lstm, lambda *args: oracles.lstm_loss(*args)[:2]),
}


def problem(rng, cell, question, *, reals, lengths, batch=4, hidden=7):
    outputs = 1 if question.loss == "squared_error" else 5
    model = CELLS[cell][0](3, hidden, outputs)
    flat = torch.from_numpy(0.4 * rng.standard_normal((len(lengths), model.layout.size)))
    inputs = [rng.standard_normal((n, batch, 3)) if reals else rng.integers(3, size=(n, batch)) for n in lengths]
    shapes = [(n, batch) if question.every_step else (batch,) for n in lengths]
    targets = [rng.standard_normal(s) if outputs == 1 else rng.integers(outputs, size=s) for s in shapes]
    return model, flat, [torch.from_numpy(u) for u in inputs], [torch.from_numpy(t) for t in targets]


@pytest.mark.parametrize("kind", [0, 1], ids=["torch", "kernels"])
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
@pytest.mark.parametrize("question", QUESTIONS, ids=["last class", "every class", "last value"])
@pytest.mark.parametrize("cell", CELLS)
def test_losses_gradients_and_signals_equal_autograds(cell, question, reals, kind):
    rng = np.random.default_rng(3)
    model, flat, inputs, targets = problem(rng, cell, question, reals=reals, lengths=[9, 6, 1])
    tape = (model.torch_tape, model.fused_tape)[kind](model, 3, 9, 4, dtype=torch.float64, device="cpu")
    grads_flat = torch.full_like(flat, float("nan"))
    weights, grads = model.layout.views(flat), model.layout.views(grads_flat)
    tape.forward(weights, inputs)
    actual, direct = backpropagate(question, weights, tape, targets, grads)
    tape.backward(weights, direct, grads)
    for i in range(3):
        leaf = flat[i : i + 1].clone().requires_grad_()
        own = {name: w[0] for name, w in model.layout.views(leaf).items()}
        loss, states = CELLS[cell][1](own, inputs[i], targets[i], question)
        loss.backward()
        close = {"rtol": 1e-10, "atol": 1e-13}
        torch.testing.assert_close(actual[i], loss.detach(), **close)
        torch.testing.assert_close(grads_flat[i], leaf.grad[0], **close)
        for t, h in enumerate(states):
            torch.testing.assert_close(tape.d(i)[t], h.grad, **close)


@pytest.mark.parametrize("kind", [0, 1], ids=["torch", "kernels"])
def test_omega_of_a_head_that_reads_every_step_takes_what_was_carried_not_what_joined(kind):
    question = Question(every_step=True)
    rng = np.random.default_rng(4)
    model, flat, inputs, targets = problem(rng, "rnn", question, reals=False, lengths=[9, 5])
    tape = (model.torch_tape, model.fused_tape)[kind](model, 2, 9, 4, dtype=torch.float64, device="cpu")
    plain_flat, regularised_flat = torch.zeros_like(flat), torch.zeros_like(flat)
    weights = model.layout.views(flat)
    for into, regularisers in ((plain_flat, None), (regularised_flat, [(0.7, 1e-20)] * 2)):
        grads = model.layout.views(into)
        tape.forward(weights, inputs)
        _, direct = backpropagate(question, weights, tape, targets, grads)
        omegas = tape.backward(weights, direct, grads, regularisers)
    for i in range(2):
        own = {name: w[0] for name, w in model.layout.views(flat[i : i + 1].clone().requires_grad_()).items()}
        loss, states = oracles.rnn_loss(own, inputs[i], targets[i], "tanh", question)
        loss.backward()
        w_hh = own["W_hh"].detach().clone().requires_grad_()
        expected, _ = oracles.omega_value(w_hh, states, [h.grad for h in states], "tanh", 1e-20)
        expected.backward()
        assert omegas[i] == pytest.approx(expected.item(), rel=1e-10)
        plain, regularised = (model.layout.views(each)["W_hh"][i] for each in (plain_flat, regularised_flat))
        torch.testing.assert_close(regularised, plain + 0.7 * w_hh.grad, rtol=1e-9, atol=1e-12)


def test_losses_of_single_answers_have_the_closed_forms():
    y = torch.tensor([[[1.0, 2.0, -1.0]]], dtype=torch.float64)
    expected = np.log(np.exp([1.0, 2.0, -1.0]).sum()) - 2.0
    assert losses(Question(), y, torch.tensor([[1]])).item() == pytest.approx(expected)
    value = torch.tensor([[[0.7]]], dtype=torch.float64)
    assert losses(Question("squared_error"), value, torch.tensor([[0.4]])).item() == pytest.approx(0.09)


def test_what_is_certain_costs_nothing_and_not_minus_nothing():
    certain, none = torch.tensor([[[0.0], [3.0]], [[-1.0], [0.0]]]), torch.zeros(2, 2, dtype=torch.int64)
    actual = losses(Question(every_step=True, judged="each"), certain, none)
    assert actual.tolist() == [[0, 0], [0, 0]]
    assert not actual.signbit().any()


def test_outputs_are_affine_in_the_hidden_state():
    weights = {"W_hy": torch.tensor([[[2.0], [3.0]]]), "b_hy": torch.tensor([[0.5]])}
    assert read(weights, torch.tensor([[[1.0, 10.0]]])).item() == 32.5


def test_a_sequence_is_wrong_at_its_last_step_or_at_any():
    y = torch.zeros(3, 2, 2)  # three steps, two sequences, two classes
    y[0, 0, 1] = y[2, 1, 1] = 1.0  # class 1 at step 0 of the first, at step 2 of the second
    targets = torch.zeros(3, 2, dtype=torch.int64)
    assert wrong(Question(every_step=True, judged="last"), y, targets).tolist() == [False, True]
    assert wrong(Question(every_step=True, judged="any"), y, targets).tolist() == [True, True]


def test_a_value_is_wrong_beyond_the_tolerance_and_when_it_is_no_number():
    y = torch.tensor([[[0.5], [0.75], [float("nan")]]])
    question = Question("squared_error", tolerance=0.25)
    assert wrong(question, y, torch.tensor([[0.25, 0.25, 0.25]])).tolist() == [False, True, True]


def test_an_answer_among_outputs_that_are_no_numbers_is_wrong():
    y = torch.full((1, 2, 3), float("nan"))
    y[0, 1] = torch.tensor([1.0, 0.0, 0.0])
    assert wrong(Question(), y, torch.zeros(1, 2, dtype=torch.int64)).tolist() == [True, False]

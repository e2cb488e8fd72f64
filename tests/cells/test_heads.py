"""Whole networks under every question against autograd in float64: any inputs, one step or all of them read."""

from dataclasses import replace

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

QUESTIONS = {
    "last class": Question(),
    "every class": Question(every_step=True),
    "last value": Question("squared_error"),
    "every value": Question("squared_error", every_step=True),
    "last values": Question("squared_error", values=3),
    "every values": Question("squared_error", every_step=True, values=3),
}
CELLS = {
    "rnn": (lambda *sizes: Rnn(*sizes, "tanh"), lambda *args: oracles.rnn_loss(*args[:3], "tanh", args[3])),
    "gru": (Gru, lambda *args: oracles.gru_loss(*args)[:2]),
    "lstm": (Lstm, lambda *args: oracles.lstm_loss(*args)[:2]),
}


def problem(rng, cell, question, *, reals, lengths, batch=4, hidden=7):
    real = question.loss == "squared_error"
    outputs = question.values if real else 5
    model = CELLS[cell][0](3, hidden, outputs)
    flat = torch.from_numpy(0.4 * rng.standard_normal((len(lengths), model.layout.size)))
    inputs = [rng.standard_normal((n, batch, 3)) if reals else rng.integers(3, size=(n, batch)) for n in lengths]
    shapes = [(n, batch) if question.every_step else (batch,) for n in lengths]
    shapes = [(*shape, outputs) if question.values > 1 else shape for shape in shapes]
    targets = [rng.standard_normal(s) if real else rng.integers(outputs, size=s) for s in shapes]
    return model, flat, [torch.from_numpy(u) for u in inputs], [torch.from_numpy(t) for t in targets]


@pytest.mark.parametrize("kind", [0, 1], ids=["torch", "kernels"])
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
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


@pytest.mark.parametrize("question", [each for each in QUESTIONS.values() if each.every_step] + [Question()])
def test_answers_that_are_not_asked_count_for_nothing(question):
    """The mean over sequences of the mean over their asked steps, against autograd; some are asked nothing."""
    rng, batch = np.random.default_rng(4), 5
    model, flat, inputs, targets = problem(rng, "rnn", question, reals=False, lengths=[8, 3], batch=batch)
    partial = replace(question, partial=True, judged="each")
    asked = [torch.from_numpy(rng.random(target.shape[: 1 + question.every_step]) < 0.5) for target in targets]
    for one in asked:
        one[..., 0], one[..., 1] = False, True
    nothing = -1 if question.loss == "cross_entropy" else float("nan")
    given = [target.clone() for target in targets]
    for target, one in zip(given, asked, strict=True):
        target[~one] = nothing
    tape = model.fused_tape(model, 2, 8, batch, dtype=torch.float64, device="cpu")
    grads_flat, errors_R = torch.full_like(flat, float("nan")), flat.new_empty(2)
    weights, grads = model.layout.views(flat), model.layout.views(grads_flat)
    tape.forward(weights, inputs)
    actual, direct = backpropagate(partial, weights, tape, given, grads, errors_R)
    tape.backward(weights, direct, grads)
    for i, one in enumerate(asked):
        leaf = flat[i : i + 1].clone().requires_grad_()
        own = {name: w[0] for name, w in model.layout.views(leaf).items()}
        _, states = CELLS["rnn"][1](own, inputs[i], targets[i], question)
        steps = range(len(states) - 1) if question.every_step else [len(states) - 2]
        of_sequences, wrongs = [], []
        for b in range(batch):
            seen = [t for t in steps if (one[t, b] if question.every_step else one[b])]
            if not seen:
                continue
            outputs = [states[t + 1][b] @ own["W_hy"] + own["b_hy"] for t in seen]
            wanted = [targets[i][t, b] if question.every_step else targets[i][b] for t in seen]
            pairs = list(zip(outputs, wanted, strict=True))
            of_sequences.append(torch.stack([oracles.answer_loss(question, y[None], x[None]) for y, x in pairs]).mean())
            if question.loss == "cross_entropy":
                wrongs.append(np.mean([int(y.argmax()) != int(x) for y, x in pairs]))
            else:
                wrongs.append(np.mean([bool(((y - x).abs() > question.tolerance).any()) for y, x in pairs]))
        loss = torch.stack(of_sequences).mean()
        loss.backward()
        torch.testing.assert_close(actual[i], loss.detach(), rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(grads_flat[i], leaf.grad[0], rtol=1e-10, atol=1e-13)
        assert errors_R[i].item() == pytest.approx(sum(wrongs))


def test_several_values_are_wrong_together_if_one_of_them_is():
    y = torch.tensor([[[0.5, 0.5], [0.75, 0.25], [0.5, float("nan")]]])
    question = Question("squared_error", tolerance=0.25, values=2)
    targets = torch.tensor([[[0.25, 0.75], [0.25, 0.25], [0.5, 0.5]]])
    assert wrong(question, y, targets).tolist() == [False, True, True]
    assert losses(question, y[:, :2], targets[:, :2]).tolist() == [[0.0625, 0.125]]


def test_an_answer_among_outputs_that_are_no_numbers_is_wrong():
    y = torch.full((1, 2, 3), float("nan"))
    y[0, 1] = torch.tensor([1.0, 0.0, 0.0])
    assert wrong(Question(), y, torch.zeros(1, 2, dtype=torch.int64)).tolist() == [True, False]

"""Internals: states, probabilities, gradients and Jacobians are those of autograd and of closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.grammars.alphabet import encode
from rnnctl.probes.base import Asked, QuestionError
from rnnctl.probes.internals import Internals, passed, product_eigenvalues
from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from tests.probes.texts import answer_of, by_hand, layout_of, random_weights, spec
from tests.training.equations import step as cell_step

IDS = np.array([3, 0, 2, 5, 5, 1, 0])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join(f"{n} is {n * n}, " for n in range(300)))
    return path


def sentences(**model):
    """A run of the grammar."""
    task = {"name": "grammar", "window": 10, "sentences": 300}
    return RunSpec.model_validate(
        {"task": task, "model": {"hidden": 6, "init": "xavier", **model}, "train": {"dtype": "float64"}}
    )


def parts_of(one, flat):
    return network_of(one.model, one.task.make()), layout_of(one).views(flat[None])


def through(one, flat, ids):
    """Outputs (n, V) and states h_t, (H,) each, that keep their gradients."""
    w = {name: x[0] for name, x in layout_of(one).views(flat[None]).items()}
    size, inputs = one.model.hidden, torch.eye(one.task.make().n_inputs, dtype=torch.float64)[ids]
    state = torch.zeros(1, size * (1 + (one.model.name == "lstm")), dtype=torch.float64)
    outputs, states = [], []
    for u in inputs:
        h, state = cell_step(one.model.name, w, u[None], state)
        h = h.clone().requires_grad_()
        h.retain_grad()
        state = torch.cat([h, state[:, size:]], 1)
        states.append(h)
        outputs.append(h @ w["W_hy"] + w["b_hy"])
    return torch.cat(outputs), states


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_states_probabilities_and_gradients_are_those_of_autograd(path, cell):
    one = spec(path, cell)
    flat = random_weights(one)
    h_TH, probabilities_TV, norms = passed(*parts_of(one, flat), IDS)
    outputs, states = through(one, flat, IDS)
    torch.nn.functional.cross_entropy(outputs[-2:-1], torch.tensor(IDS[-1:])).backward()
    np.testing.assert_allclose(h_TH, torch.cat(states).detach(), rtol=1e-12)
    np.testing.assert_allclose(probabilities_TV, outputs.softmax(1).detach(), rtol=1e-12)
    np.testing.assert_allclose(norms, [float(h.grad.norm()) for h in states[:-1]], rtol=1e-10)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_product_of_jacobians_is_that_of_autograd(path, cell):
    one = spec(path, cell)
    flat = random_weights(one)
    _, states = through(one, flat, IDS)
    rows = [torch.autograd.grad(unit, states[0], retain_graph=True)[0][0] for unit in states[-1][0]]
    expected = np.linalg.eigvals(torch.stack(rows).numpy())
    actual = product_eigenvalues(*parts_of(one, flat), IDS)
    np.testing.assert_allclose(sorted(np.abs(actual)), sorted(np.abs(expected)), rtol=1e-7, atol=1e-14)
    if cell == "rnn":
        w_hh, product = parts_of(one, flat)[1]["W_hh"][0].numpy(), np.eye(5)
        for h in states[1:]:
            product = product @ w_hh @ np.diag(1 - h[0].detach().numpy() ** 2)
        np.testing.assert_allclose(
            sorted(np.abs(actual)), sorted(np.abs(np.linalg.eigvals(product))), rtol=1e-6, atol=1e-14
        )


def test_of_a_linear_network_the_product_is_a_power_of_its_matrix(path):
    one = spec(path, activation="identity", hidden=6)
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    answer = answer_of(one, by_hand(one, W_hh=0.8 * q, W_hy=np.ones((6, 1))), Internals(text="12 is 144"))
    assert answer["rho"] == pytest.approx(0.8)
    assert answer["product_rho"] == pytest.approx(0.8)
    assert [abs(complex(*pair)) for pair in answer["product"]] == pytest.approx([0.8**7] * 6)


def test_a_layered_cell_has_no_product_and_the_gradient_by_its_states(path):
    one = spec(path, "gated")
    answer = answer_of(one, random_weights(one), Internals(text="12 is"))
    assert (answer["product"], answer["product_rho"]) == (None, None)
    assert np.shape(answer["h"]) == (5, 8)
    assert len(answer["gradient"]) == 4


def test_a_text_is_read_character_by_character(path):
    one = spec(path)
    answer = answer_of(one, random_weights(one), Internals(text="12 is 144"))
    assert answer["characters"] == ["1", "2", "␣", "i", "s", "␣", "1", "4", "4"]
    assert np.sum(answer["network"], 1) == pytest.approx(np.ones(9))
    places = [answer["symbols"].index(character) for character in answer["characters"][1:]]
    told = [-np.log(row[place]) for row, place in zip(answer["network"], places, strict=False)]
    assert answer["surprise"][0] is None
    assert answer["surprise"][1:] == pytest.approx(told)
    assert answer["loss"] == pytest.approx(np.mean(told))
    assert (answer["truth"], answer["true_loss"], answer["divergence"]) == (None, None, None)
    assert len(answer_of(one, random_weights(one), Internals())["characters"]) == 60


def test_the_grammar_stands_beside_the_network():
    one = sentences()
    task, answer = one.task.make(), answer_of(one, random_weights(one), Internals())
    sentence = task.known.sentences["test"][0].text
    assert "".join(answer["characters"]) == f"␣{sentence}".replace(" ", "␣")
    reader, rows = task.process.reader(), []
    rows.append(reader.distribution())  # after the space, a sentence begins
    for symbol in encode(sentence).tolist():
        reader.feed(symbol)
        rows.append(reader.distribution())
    np.testing.assert_allclose(answer["truth"], rows)
    p, q = np.array(rows)[:-1], np.array(answer["network"])[:-1]
    expected = np.mean(
        [sum(a * np.log(a / b) for a, b in zip(*each, strict=True) if a) for each in zip(p, q, strict=True)]
    )
    assert answer["divergence"] == pytest.approx(expected)
    assert answer["true_loss"] == pytest.approx(task.process.surprisals(encode(sentence)).mean())


def test_an_unknown_word_of_the_alphabet_can_be_read_and_its_impossible_characters_cost_infinity():
    one = sentences()
    answer = answer_of(one, random_weights(one), Internals(text="the zog"))
    assert answer["true_loss"] == np.inf
    assert np.isfinite(answer["loss"])
    np.testing.assert_allclose(np.sum(answer["truth"], 1), 1)


def test_the_table_has_a_row_for_each_character():
    one = sentences()
    probe = Internals(text="the boy")
    answers = [(question, answer_of(one, random_weights(one), probe)) for question in probe.questions(one)]
    by_step, numbers = probe.tabulate([Asked("s", "run", "run", "id", one, 10, answers)])
    assert [row[1] for row in by_step.rows] == ["t", "h", "e", "␣", "b", "o", "y"]
    assert by_step.rows[0][4] == "h 100 %"
    assert [by_step.rows[0][2], by_step.rows[-1][-1]] == ["-", "-"]
    assert len(numbers.rows) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the zög", "character 6, 'ö', is not in the alphabet: a to z and the space"),
        ("The boy", "character 1, 'T', is not in the alphabet"),
        ("a", "texts have 2 to 200 symbols, not 1"),
        ("", "texts have 2 to 200 symbols, not 0"),
        ("a" * 201, "texts have 2 to 200 symbols, not 201"),
    ],
)
def test_texts_that_cannot_be_read_are_told(text, message):
    one = sentences()
    with pytest.raises(QuestionError, match=message):
        answer_of(one, random_weights(one), Internals(text=text))


def test_outputs_that_are_not_finite_and_other_tasks_are_told(path):
    one = spec(path, activation="identity")
    with pytest.raises(FloatingPointError, match="not finite"):
        answer_of(one, by_hand(one, b_hy=np.inf), Internals())
    order = RunSpec.model_validate({"task": {"name": "temporal_order"}})
    assert Internals().applies(order) == "task temporal_order is not text"

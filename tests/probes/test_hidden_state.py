"""Hidden states: their numbers are those of states computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.probes import hidden_state
from rnnctl.probes.base import QuestionError
from rnnctl.probes.hidden_state import HiddenState, growth
from rnnctl.probes.sequences import held_out
from rnnctl.study.run import RunSpec
from tests.probes.texts import answer_of, by_hand, layout_of, random_weights, spec

PROBE = HiddenState(samples=7, seed=3)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join(f"{n} is {n * n}, " for n in range(300)))
    return path


def states_by_hand(one, flat, phi):
    w = {name: x[0].numpy() for name, x in layout_of(one).views(flat[None]).items()}
    batch = held_out(one, 12, 7, seed=3)
    h, states = np.zeros((7, one.model.hidden)), []
    for u in batch.inputs:
        h = phi(h @ w["W_hh"] + w["W_uh"][u] + w["b_hh"])
        states.append(h)
    return np.stack(states)


@pytest.mark.parametrize(
    ("activation", "phi", "slope", "distance"),
    [
        ("tanh", np.tanh, lambda h: 1 - h**2, lambda h: 1 - np.abs(h)),
        ("sigmoid", lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h), lambda h: np.minimum(h, 1 - h)),
        ("relu", lambda a: np.maximum(a, 0), lambda h: (h > 0) * 1.0, None),
        ("identity", lambda a: a, np.ones_like, None),
    ],
)
def test_numbers_are_those_of_the_states(path, activation, phi, slope, distance):
    one = spec(path, activation=activation)
    flat = random_weights(one)
    h, actual = states_by_hand(one, flat, phi), answer_of(one, flat, PROBE)
    expected = {"mean": h.mean(), "std": h.std(), "min": h.min(), "max": h.max(), "slope": slope(h).mean()}
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, rel=1e-6), name
    saturated = None if distance is None else pytest.approx((distance(h) < 0.05).mean())
    assert actual["saturated"] == saturated
    assert actual["percentiles"] == pytest.approx(np.quantile(h, np.linspace(0, 1, 101)).tolist(), rel=1e-9)
    assert actual["rms"] == pytest.approx(np.sqrt((h**2).mean((1, 2))).tolist(), rel=1e-9)
    w_hh = layout_of(one).views(flat[None])["W_hh"][0].numpy()
    assert actual["rho"] == pytest.approx(np.abs(np.linalg.eigvals(w_hh)).max())
    assert (actual["dead"] is None) == (activation != "relu")
    assert (actual["growth"] is None) == (distance is not None)
    if activation == "relu":
        assert actual["inactive"] == pytest.approx((h == 0).mean())


def test_a_unit_is_dead_if_it_is_off_at_every_step(path):
    one = spec(path, activation="relu")
    bias = np.array([-9.0, 1.0, -9.0, 1.0, 1.0])
    flat = by_hand(one, W_uh=np.random.default_rng(1).normal(size=(one.task.make().n_inputs, 5)), b_hh=bias)
    actual = answer_of(one, flat, PROBE)
    assert actual["dead"] == pytest.approx(0.4)
    assert 0.4 < actual["inactive"] < 1


def test_a_linear_state_without_inputs_grows_by_the_scale_of_its_matrix(path):
    rng, scale = np.random.default_rng(1), 1.07
    q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    states = [rng.normal(size=(4, 6))]
    for _ in range(30):
        states.append(states[-1] @ (scale * q))
    assert growth(torch.from_numpy(np.stack(states))) == pytest.approx(scale)
    assert growth(torch.ones(1, 2, 3)) is None
    assert growth(torch.zeros(4, 2, 3)) is None
    # And as a network: a constant that is added at every step is small beside the state after a while.
    one = spec(path, activation="identity", hidden=6, window=400)
    flat = by_hand(one, W_hh=1.3 * q, b_hh=np.ones(6))
    assert answer_of(one, flat, HiddenState(length=100, samples=3))["growth"] == pytest.approx(1.3, rel=1e-3)


@pytest.mark.parametrize("cell", ["gru", "lstm", "gated"])
def test_gated_cells_answer_for_states_between_limits_of_one(path, cell):
    one = spec(path, cell)
    actual = answer_of(one, random_weights(one), PROBE)
    assert (actual["slope"], actual["dead"], actual["growth"]) == (None, None, None)
    assert 0 <= actual["saturated"] <= 1
    assert -1 <= actual["min"] < actual["max"] <= 1


def test_states_that_are_not_finite_are_told(path):
    one = spec(path, activation="identity")
    with pytest.raises(FloatingPointError, match="hidden states are not finite"):
        answer_of(one, by_hand(one, W_hh=1e300 * np.eye(5), b_hh=np.ones(5)), PROBE)


def test_more_values_than_fit_into_memory_are_refused(path, monkeypatch):
    monkeypatch.setattr(hidden_state, "MOST_VALUES", 400)
    one = spec(path)
    with pytest.raises(QuestionError, match="420 values of hidden units are more than 400: take fewer"):
        answer_of(one, random_weights(one), PROBE)


def test_the_length_follows_the_task(path):
    order = RunSpec.model_validate({"task": {"name": "temporal_order", "min_length": 20, "max_length": 30}})
    carried = spec(path).model_copy(update={"task": spec(path).task.model_copy(update={"state": "carried"})})
    rest = {"samples": 7, "seed": 3, "saturation": 0.05}
    assert PROBE.questions(order) == [{"length": 30, **rest}]
    assert PROBE.questions(spec(path)) == [{"length": 12, **rest}]
    assert PROBE.questions(carried) == [{"length": 200, **rest}]
    assert HiddenState(length=40, samples=7, seed=3).questions(carried) == [{"length": 40, **rest}]
    with pytest.raises(QuestionError, match="sequences of temporal_order have 30 steps here"):
        HiddenState(length=40).questions(order)

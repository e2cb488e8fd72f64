"""What training makes of GRU and LSTM: initial weights, updates, the guard, and what a check says of them."""

import math

import numpy as np
import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from tests.oracles import gru_loss, lstm_loss
from tests.training.memory import train
from tests.training.runs import gru_or_lstm
from tests.training.updates import as_float64, one_update

BOTH = pytest.mark.parametrize("cell", ["gru", "lstm"])


def initial(cell, **model):
    data = gru_or_lstm(1, cell, hidden=60).canonical()
    spec = RunSpec.model_validate({**data, "model": {"name": cell, "hidden": 60, **model}})
    task = spec.task.make()
    built = network_of(spec.model, task)
    _, flat = begin("a", spec, task, built)
    return {name: w[0].double().numpy() for name, w in built.layout.views(flat.unsqueeze(0)).items()}


def test_the_course_init_of_a_gru():
    weights = initial("gru")
    for name, std in {
        "W_uz": 0.01,
        "W_ur": 0.01,
        "W_uh": 0.01,
        "W_hy": 0.01,
        "W_hh": 0.01,
        "W_hz": 0.005,
        "W_hr": 0.005,
    }.items():
        assert weights[name].std() == pytest.approx(std, abs=std * 5 / np.sqrt(2 * weights[name].size))
    assert (weights["b_z"] == -2).all()
    for name in ("b_r", "b_hh", "b_hy"):
        assert not weights[name].any()


@BOTH
def test_an_orthogonal_init_has_orthogonal_recurrent_matrices_each_its_own(cell):
    weights = initial(cell, init={"name": "orthogonal", "gain": 0.5})
    recurrent = [w for name, w in weights.items() if name.startswith("W_h") and name != "W_hy"]
    assert len(recurrent) == {"gru": 3, "lstm": 4}[cell]
    for n, w in enumerate(recurrent):
        np.testing.assert_allclose(w @ w.T, 0.25 * np.eye(60), atol=1e-6)
        assert not any(np.array_equal(w, other) for other in recurrent[:n])
    assert weights["W_hy"].std() == pytest.approx(math.sqrt(2 / 64), rel=0.2)


@pytest.mark.parametrize(
    ("cell", "option", "bias", "default"), [("gru", "update_bias", "b_z", -2.0), ("lstm", "forget_bias", "b_f", 1.0)]
)
def test_one_bias_starts_where_the_spec_says_under_every_init(cell, option, bias, default):
    for init in ("orthogonal", "xavier"):
        for value, extra in ((default, {}), (0.25, {option: 0.25}), (0.0, {option: 0})):
            weights = initial(cell, init=init, **extra)
            assert (weights[bias] == value).all()
            assert not any(w.any() for name, w in weights.items() if name.startswith("b_") and name != bias)


@BOTH
@pytest.mark.parametrize("clip", ["none", 1e-3])
def test_an_update_is_sgd_on_the_clipped_gradient(cell, clip):
    before, after, batch, member, _ = one_update(as_float64(gru_or_lstm(3, cell, clip=clip)))
    leaves = {name: w.clone().requires_grad_() for name, w in before.items()}
    oracle = {"gru": gru_loss, "lstm": lstm_loss}[cell]
    loss, *_ = oracle(leaves, torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets))
    loss.backward()
    norm = math.sqrt(sum(float((leaf.grad**2).sum()) for leaf in leaves.values()))
    scale = min(1.0, clip / norm) if clip != "none" else 1.0
    for name, leaf in leaves.items():
        torch.testing.assert_close(after[name], before[name] - 0.1 * scale * leaf.grad, rtol=1e-9, atol=1e-13)
    assert member.window.grad_norm == pytest.approx(norm)
    assert member.window.loss == pytest.approx(loss.item())


@BOTH
def test_the_guard_shrinks_every_recurrent_matrix_and_nothing_else(cell, monkeypatch):
    monkeypatch.setattr("rnnctl.training.pack.GUARD_NORM", 0.0)
    before, after, _, member, diverged = one_update(gru_or_lstm(2, cell))
    assert (member.window.guarded, diverged) == (1, [])
    for name, w in before.items():
        if name.startswith("W_h") and name != "W_hy":
            torch.testing.assert_close(after[name], w * (1 - 0.1 * 0.02))
        else:
            assert torch.equal(after[name], w)


@BOTH
def test_a_check_says_of_a_gru_or_lstm_what_is_true_of_it(cell):
    """Saturation as of tanh, the spectrum of W_hh; no Omega and no slope, which only the vanilla RNN has."""
    memory = train({"a": gru_or_lstm(1, cell)})
    row = memory.history["a"][-1]
    assert {"saturation", "saturated_units", "rho", "sigma_max", "reach", "grad_decay"} <= row.scalars.keys()
    assert not {"omega", "train_omega"} & row.scalars.keys()
    assert "slope_time" not in row.traces
    assert {"grad_time", "saturation_time"} <= row.traces.keys()
    assert all(np.isfinite(value) for value in row.scalars.values())


@BOTH
def test_a_gru_and_an_lstm_solve_short_temporal_order(cell):
    spec = RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
            "model": {"name": cell, "hidden": 30, "init": "orthogonal"},
            "train": {"updates": 3000, "batch": 50, "lr": 1.0},
            "check": {"every": 50, "samples": 400, "chunk": 200},
        }
    )
    memory = train({"a": spec})
    assert memory.outcomes == {"a": "solved"}

"""The arrays of a run in an npz file, from rows and histories made by hand."""

import math

import numpy as np
import pytest
import torch

from rnnctl.report.export.npz import final_state
from rnnctl.training.member import begin, network_of
from rnnctl.training.trained import Trained
from store.history import History
from tests.report.export.runs import STEPS, TASK, row, spec

nan = np.nan


def state_of(of, step=0, best_step=0):
    """A checkpoint whose weights are 1, 2, 3, ... and whose best weights are their negatives."""
    task = of.task.make()
    member, flat_N = begin(of.run_id, of, task, network_of(of.model, task))
    weights = torch.arange(1.0, len(flat_N) + 1)
    member.step, member.best.step, member.best_weights = step, best_step, -weights
    member.best.loss = 1.25
    return member.state(weights)


def trained(of, **steps):
    """The network of `state_of`."""
    return Trained.from_state(state_of(of, **steps), of.run_id, of)


GATED = History(
    steps=np.array([50, 100, 150]),
    scalars={
        "valid_loss": np.array([1.4, 1.2, nan]),
        "valid_error": np.array([0.75, 0.5, 0.125]),
        "train_loss": np.array([1.5, 1.3, 1.1]),
        "grad_norm": np.array([3.0, 2.0, 1.0]),
        "rho": np.array([nan, 0.9, 1.1]),
        "reach": np.array([nan, 1.0, 0.5]),
    },
    traces={
        "grad_time": [None, np.geomspace(1e-60, 1, STEPS), np.zeros(STEPS)],
        "saturation_time": [None, np.full(STEPS, 0.5, np.float32), np.full(STEPS, 0.25, np.float32)],
        "gate_z_time": [None, np.full(STEPS, 0.125, np.float32), np.full(STEPS - 2, 0.25, np.float32)],
        "gate_r_time": [None, np.full(STEPS, 0.375, np.float32), None],
    },
)


def test_a_grus_arrays_have_the_conventions_names_units_and_shapes():
    of = spec()
    actual = final_state(row(of=of), GATED, trained(of, step=150))
    assert actual["updates"].tolist() == [50, 100, 150]
    assert actual["valid_error"].tolist() == [75, 50, 12.5]
    assert actual["diag_err"].tolist() == [0.75, 0.5, 0.125]
    assert actual["train_nll"].tolist() == [1.5, 1.3, 1.1]
    assert actual["gradient_norm"].tolist() == [3, 2, 1]
    np.testing.assert_array_equal(actual["diag_loss"], [1.4, 1.2, nan])
    np.testing.assert_array_equal(actual["rho_Whh"], [nan, 0.9, 1.1])
    np.testing.assert_array_equal(actual["steps_in_past"], [nan, 1, 0.5])
    assert np.isnan(actual["Omega"]).all()
    traces = ("grad_time", "act_time", "sat_time", "gate_z_sat_time", "gate_r_sat_time")
    assert {actual[name].shape for name in traces} == {(3, STEPS)}
    assert actual["grad_time"][1, 0] == 1e-60, "float32 would have lost it"
    assert np.isnan(actual["act_time"]).all(), "no one slope in a gated cell"
    words = {name: str(actual[name]) for name in ("act_name", "classif_type", "model_type", "init", "label", "run_id")}
    assert words == {"act_name": "tanh", "classif_type": "lastSoftmax", "model_type": "gru", "init": "course",
                     "label": "a seed=1", "run_id": of.run_id}  # fmt: skip
    assert [int(actual[name]) for name in ("diag_len", "diag_bs", "checkFreq")] == [STEPS, 20, 50]


def test_a_check_without_a_diagnosis_is_a_row_of_nans_and_a_short_trace_is_padded_at_its_end():
    actual = final_state(row(), GATED, trained(spec()))
    for name in ("grad_time", "sat_time", "gate_z_sat_time", "gate_r_sat_time"):
        assert np.isnan(actual[name][0]).all()
    assert actual["gate_z_sat_time"][2].tolist()[:-2] == [0.25] * (STEPS - 2)
    assert np.isnan(actual["gate_z_sat_time"][2, -2:]).all()
    assert np.isnan(actual["gate_r_sat_time"][2]).all()
    assert actual["gate_r_sat_time"][1].tolist() == [0.375] * STEPS


@pytest.mark.parametrize(
    ("cell", "biases", "gates"),
    [
        ("rnn", {"b_hh", "b_hy"}, {"z", "r"}),
        ("gru", {"b_z", "b_r", "b_h", "b_y"}, {"z", "r"}),
        ("lstm", {"b_i", "b_f", "b_o", "b_hh", "b_hy"}, {"z", "r", "i", "f", "o"}),
    ],
)
def test_weights_have_their_names_and_every_number_of_the_checkpoint_is_there_once(cell, biases, gates):
    of = spec(model={"name": cell, "hidden": 4, "init": "orthogonal"})
    network = trained(of, step=150, best_step=100)
    actual = final_state(row(of=of), GATED, network)
    weights = {name: value for name, value in actual.items() if name.startswith(("W_", "b_"))}
    assert {name for name in weights if name.startswith("b_")} == biases
    assert weights["W_uh"].shape == (6, 4)
    assert weights["W_hh"].shape == (4, 4)
    assert weights["W_hy"].shape == (4, 4)
    together = np.concatenate([value.ravel() for value in weights.values()])
    assert sorted(together.tolist()) == network.weights["last"].flat_N.tolist()
    assert {name[5:-9] for name in actual if name.startswith("gate_")} == gates
    assert actual["weights_at"] == 150
    best = final_state(row(of=of), GATED, network, "best")
    assert best["weights_at"] == 100
    assert all((best[name] == -weights[name]).all() for name in weights)


@pytest.mark.parametrize(
    ("flags", "gates"),
    [
        ({}, "zf"),
        ({"forget_gate": False, "output_gate": True}, "zg"),
        ({"input_gate": True, "output_gate": True}, "abzfg"),
    ],
)
def test_a_layered_run_has_an_array_for_each_gate_of_its_flags(flags, gates):
    of = spec(model={"name": "gated", "hidden": 4, **flags})
    measured = {f"gate_{gate}_time": [np.full(STEPS, i / 10)] for i, gate in enumerate(gates)}
    arrays = final_state(row(of=of), History(np.array([50]), {"valid_error": np.ones(1)}, measured), trained(of))
    assert {name[5:-9] for name in arrays if name.startswith("gate_")} == {*gates, "z", "r"}
    for i, gate in enumerate(gates):
        assert arrays[f"gate_{gate}_sat_time"].tolist() == [[i / 10] * STEPS]
    assert np.isnan(arrays["gate_r_sat_time"]).all()


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (TASK, "lastSoftmax"),
        ({"name": "addition", "min_length": 10, "max_length": 12}, "lastLinear"),
        ({"name": "memorization", "min_length": 10, "max_length": 12, "positions": 2}, "softmax"),
        ({"name": "permutation", "min_length": 10, "max_length": 12, "predict": "every"}, "softmax"),
    ],
)
def test_a_tasks_head_has_the_conventions_name(task, kind):
    of = spec(task=task)
    actual = final_state(row(of=of), History(np.array([50]), {"valid_error": np.ones(1)}, {}), trained(of))
    assert str(actual["classif_type"]) == kind
    assert actual["grad_time"].shape == (1, of.task.make().max_steps)


def test_it_is_read_back_without_pickle(tmp_path):
    actual = final_state(row(), GATED, trained(spec()))
    np.savez(tmp_path / "x.npz", **actual)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as read:
        assert list(read) == list(actual)
        for name in read:
            np.testing.assert_array_equal(read[name], actual[name])
            assert read[name].dtype.kind in "iufU"


def test_weights_that_a_run_does_not_have_are_refused():
    of = spec()
    state = state_of(of)
    state["best"]["loss"] = math.inf
    with pytest.raises(ValueError, match="no best weights"):
        final_state(row(of=of), GATED, Trained.from_state(state, of.run_id, of), "best")

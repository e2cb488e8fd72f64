"""Gradient checks pass for cells whose equations are right, and fail for those that are wrong, by the right name."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from rnnctl.cells.gated.passes import GatedTape
from rnnctl.cells.gru.equations import GruTape
from rnnctl.cells.lstm.equations import LstmTape
from rnnctl.cells.rnn import equations, loops
from rnnctl.cells.rnn.equations import RnnTape
from rnnctl.cells.rnn.omega import Omega
from rnnctl.diagnostics.differences import _Differences
from rnnctl.lab.errors import LabError
from rnnctl.lab.gradcheck import STATES, gradcheck
from rnnctl.study.errors import SpecError

ALL_FLAGS = [f"model.{flag}=true" for flag in ("input_gate", "output_gate", "old_state")]
GATED = [*ALL_FLAGS, "model.layers=1", *(f"model.{flag}=true" for flag in ("state_gate", "new_state", "residual"))]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_cells_are_right(cell):
    checked = gradcheck([cell], hidden=2, large=7)
    assert checked.right
    assert all(0 < row.error < checked.bound for row in checked.rows)


def test_a_cell_is_right_with_every_choice_of_the_switches_that_are_not_held():
    checked = gradcheck(["gated"], hidden=2, large=0, settings=GATED)
    assert checked.right
    assert {each.case.switches["forget_gate"] for each in checked.comparisons} == {True, False}


def test_a_cell_that_cannot_have_as_many_units_has_the_next_number_that_it_can_have():
    checked = gradcheck(["relational_memory"], hidden=3, large=0, settings=["model.slots=2", "model.heads=1"])
    assert {each.case.hidden for each in checked.comparisons} == {4}


def test_slots_of_a_memory_that_is_checked_differ_and_hidden_states_are_compared_for_every_size():
    checked = gradcheck(["relational_memory"], hidden=3, large=24, settings=["model.gating=unit", "model.norm=true"])
    assert {each.case.hidden for each in checked.comparisons} == {16, 24}
    assert {each.case.hidden for each in checked.comparisons if each.parameter == "dL/dh_t"} == {16, 24}
    assert not any("relational_memory" in note for note in checked.notes)


def test_a_kink_near_the_point_itself_is_stepped_around():
    """With the first weights that seed 1 draws, an inner unit of the perceptron is at 4.7e-6, and relu bends at 0."""
    assert gradcheck(["relational_memory"], hidden=8, settings=["model.norm=false", "model.gating=unit"]).right


def test_every_combination_is_checked():
    checked = gradcheck(["rnn"], hidden=2, large=5, directions=1)
    assert checked.right
    cases = {
        (c.switches["activation"], c.inputs, c.head, c.loss, c.omega, c.passes, c.size)
        for c in (each.case for each in checked.comparisons)
    }
    assert cases == set(
        product(
            ("tanh", "sigmoid", "relu", "identity"),
            ("symbols", "reals"),
            ("last step", "every step"),
            ("cross entropy", "squared error", "squared error of 2"),
            (False, True),
            ("torch", "compiled"),
            ("small", "large"),
        )
    )
    parameters = {each.parameter for each in checked.comparisons}
    assert parameters == {"W_uh", "W_hh", "b_hh", "W_hy", "b_hy", STATES}
    # Every number of the small network: 3 inputs, 2 units, 3 classes.
    counts = {
        each.parameter: each.derivatives
        for each in checked.comparisons
        if each.case.size == "small" and each.case.loss == "cross entropy"
    }
    assert counts == {"W_uh": 6, "W_hh": 4, "b_hh": 2, "W_hy": 6, "b_hy": 3, STATES: 5 * 2 * 2}


def wrong_parameters(model, **arguments):
    checked = gradcheck([model], hidden=2, large=0, **arguments)
    assert not checked.right
    return {each.parameter for each in checked.comparisons if not each.right}


TANH = ["model.activation=tanh"]


def test_a_gradient_that_is_off_by_a_thousandth_is_told(monkeypatch):
    right = RnnTape._recurrent_gradients

    def off(self, grads, regularisers):
        values = right(self, grads, regularisers)
        grads["W_hh"].mul_(1.001)
        return values

    monkeypatch.setattr(RnnTape, "_recurrent_gradients", off)
    checked = gradcheck(["rnn"], hidden=2, large=5, settings=TANH)
    wrong = [each for each in checked.comparisons if not each.right]
    assert {(each.parameter, each.case.passes) for each in wrong} == {("W_hh", "torch")}
    assert {each.case.size for each in wrong} == {"small", "large"}
    assert max(each.error for each in wrong) == pytest.approx(0.001, rel=1e-2)


def test_a_wrong_slope_is_told(monkeypatch):
    """1 - n instead of 1 - n^2 for new content."""
    right = GruTape._loop_back

    def wrong(self, weights):
        from rnnctl.cells.gru import equations as gru

        slope = gru.TANH.slope
        object.__setattr__(gru.TANH, "slope", lambda h, out: torch.sub(1.0, h, out=out))
        try:
            right(self, weights)
        finally:
            object.__setattr__(gru.TANH, "slope", slope)

    monkeypatch.setattr(GruTape, "_loop_back", wrong)
    assert {"W_hh", "W_uh", "b_hh", STATES} <= wrong_parameters("gru")


def test_a_path_of_the_gradient_that_is_forgotten_is_told(monkeypatch):
    """e_{t+1} f_{t+1}, the gradient that stays inside the cell of an LSTM."""
    right = LstmTape._loop_back

    def wrong(self, weights):
        kept, self.e_RBH = self.e_RBH, Forgetful(self.e_RBH)
        right(self, weights)
        self.e_RBH = kept

    class Forgetful:
        def __init__(self, e):
            self.e = e

        def zero_(self):
            self.e.zero_()

        def __getitem__(self, rows):
            self.e.zero_()
            return self.e[rows]

    monkeypatch.setattr(LstmTape, "_loop_back", wrong)
    assert {"W_hf", STATES} <= wrong_parameters("lstm")


def test_a_hidden_state_whose_gradient_alone_is_wrong_is_told(monkeypatch):
    """The gradients of weights stay right."""
    right = LstmTape.d
    monkeypatch.setattr(LstmTape, "d", lambda self, i: right(self, i) * torch.tensor(1 + 1e-4))
    assert wrong_parameters("lstm") == {STATES}


def test_a_wrong_gradient_of_a_gated_layers_state_is_told(monkeypatch):
    right = GatedTape.d
    monkeypatch.setattr(GatedTape, "d", lambda self, i: right(self, i).roll(1, -1))
    assert wrong_parameters("gated", settings=[*GATED, "model.forget_gate=true"]) == {STATES}


def test_a_wrong_omega_is_told(monkeypatch):
    right = equations.omega

    def half(d_TBH, c_TBH, bound):
        omega = right(d_TBH, c_TBH, bound)
        return Omega(omega.value, omega.extra_TBH / 2)

    monkeypatch.setattr(equations, "omega", half)
    checked = gradcheck(["rnn"], hidden=2, large=0, settings=TANH)
    wrong = [each for each in checked.comparisons if not each.right]
    assert {(each.parameter, each.case.omega, each.case.passes) for each in wrong} == {("W_hh", True, "torch")}


def test_wrong_compiled_loops_are_told(monkeypatch):
    right = loops.backward

    def wrong(*arguments):
        value = right(*arguments)
        arguments[-1][0, 0, 0] += 1e-3
        return value

    monkeypatch.setattr(loops, "backward", wrong)
    checked = gradcheck(["rnn"], hidden=2, large=0, settings=TANH)
    assert {(each.parameter, each.case.passes) for each in checked.comparisons if not each.right} == {
        ("W_hh", "compiled")
    }


def test_a_gradient_that_is_not_finite_is_wrong(monkeypatch):
    right = RnnTape._recurrent_gradients

    def undefined(self, grads, regularisers):
        values = right(self, grads, regularisers)
        grads["W_hh"][:, 0, 0] = float("nan")
        return values

    monkeypatch.setattr(RnnTape, "_recurrent_gradients", undefined)
    checked = gradcheck(["rnn"], hidden=2, large=0, settings=TANH)
    wrong = [each for each in checked.comparisons if not each.right]
    assert {each.parameter for each in wrong} == {"W_hh"}
    assert all(each.error == math.inf for each in wrong)


def test_differences_are_those_of_a_known_function():
    """The derivative of sin(x) exp(y) in several directions, and a polynomial of fourth order exactly."""
    point, directions = torch.tensor([0.7, -0.3], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    taken = _Differences(lambda p: p[:, 0].sin() * p[:, 1].exp(), point, directions).first_K
    x, y = point.tolist()
    expected = torch.tensor([math.cos(x) * math.exp(y), math.sin(x) * math.exp(y)], dtype=torch.float64)
    torch.testing.assert_close(taken, expected, rtol=0, atol=2e-12)
    taken = _Differences(lambda p: (p**4).sum(1), point, directions).take(torch.arange(2), 0.1)
    torch.testing.assert_close(taken, 4 * point**3, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"models": ["rn"]}, LabError, "there is no cell 'rn'; did you mean rnn?"),
        ({"models": ["rnn"], "settings": ["train.lr=1"]}, LabError, "set train.lr=1: only keys of the cell"),
        ({"models": ["rnn"], "settings": ["model.activaton=relu"]}, SpecError, "did you mean activation?"),
        ({"models": ["gru"], "settings": ["model.layers=2"]}, LabError, "gru with 3 units: model.layers"),
        (
            {"models": ["gated"], "settings": ["model.new_state=false", "model.old_state=false"]},
            LabError,
            "new_state and old_state are both off",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, error, message):
    with pytest.raises(error) as caught:
        gradcheck(**arguments)
    assert message in str(caught.value)

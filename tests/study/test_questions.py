"""The section questions: what it may say, which runs and values it is about. Mistakes are in mistakes/questions.txt."""

from __future__ import annotations

import math

import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import questions_of
from rnnctl.study.quantities import FirstBelow, HasStatus, MeasureOf, ProbeNumber, ScalarOf
from rnnctl.study.questions import Bound, Question, check_questions, groups_of
from tests.study.studies import study

AXES = "grid: {train.lr: [0.2, 0.01, 0.1], model.init: [smart_tanh, orthogonal]}\n"


def asked(entry: str, axes: str = AXES) -> Question:
    """Return the question of an entry, a block of YAML, in a study with these axes."""
    lines = "\n    ".join(f'ask: "Which?"\n{entry}'.strip().split("\n"))
    return study(f"{axes}questions:\n  - {lines}\n").questions[0]


@pytest.mark.parametrize(
    ("written", "quantity"),
    [
        ("loss", MeasureOf("loss")),
        ("last_error", MeasureOf("last_error")),
        ("status.near_entropy", HasStatus("near_entropy")),
        ("rho", ScalarOf("rho")),
        ("rho@40", ScalarOf("rho", 40)),
        ('"clip_share@0:3000"', ScalarOf("clip_share", 0, 3000)),
        ("gate_f_saturated_units", ScalarOf("gate_f_saturated_units")),
        ("valid_loss<1.2", FirstBelow("valid_loss", 1.2)),
        ("gradient-horizon.tenth", ProbeNumber("gradient-horizon", "tenth")),
        ("{probe: memory, number: horizon, lags: 25, weights: 1000}",
         ProbeNumber("memory", "horizon", {"lags": 25}, "1000")),
    ],
)  # fmt: skip
def test_a_quantity_is_read_and_written_as_it_was(written, quantity):
    read = asked(f"measure: {written}").quantity
    if isinstance(read, ProbeNumber):
        assert read.line
        read = ProbeNumber(read.probe, read.number, read.settings, read.weights)
    assert read == quantity
    if not written.startswith("{"):
        assert str(read) == written.strip('"')


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ("is: 2, within: 10%", Bound(1.8, 2.2)),
        ("is: -2, within: 10 %", Bound(-2.2, -1.8)),
        ("is: 2, within: 0.5", Bound(1.5, 2.5)),
        ("between: [1, 3]", Bound(1, 3)),
        ("below: 1", Bound(-math.inf, 1)),
        ("above: 1e-3", Bound(1e-3, math.inf)),
    ],
)
def test_a_bound_is_an_interval(written, bound):
    read = asked(f"measure: loss\nby: train.lr\nexpect: {{value: {{of: 0.1, {written}}}}}").expect.bound
    assert (read.low, read.high) == pytest.approx((bound.low, bound.high))


def test_groups_are_the_values_of_the_key_in_order_of_numbers():
    question = asked("measure: loss\nby: train.lr\nwhere: {model.init: orthogonal}")
    specs = [run.spec for run in study(AXES).runs]
    assert [question.includes(spec) for spec in specs] == [False, True] * 3
    assert list(groups_of(question, specs)) == ["0.01", "0.1", "0.2"]
    words = asked("measure: loss\nby: [model.init, train.lr]")
    assert list(groups_of(words, specs))[:2] == ["smart_tanh, 0.2", "orthogonal, 0.2"]


def test_one_name_of_two_sections_is_refused_and_the_whole_is_not():
    axes = "grid: {model.init: [{name: smart_tanh, connections: 5}, {name: smart_tanh, connections: 7}, orthogonal]}\n"
    with pytest.raises(SpecError, match="could be smart_tanh.connections=5., smart_tanh.connections=7.; name it whole"):
        asked("measure: loss\nby: model.init\nexpect: {lowest: smart_tanh}", axes)
    whole = asked("measure: loss\nby: model.init\nexpect: {lowest: {name: smart_tanh, connections: 5}}", axes)
    assert str(whole.expect) == "lowest: smart_tanh(connections=5)"


def test_questions_change_no_run_and_are_read_alone_from_the_text_of_a_study():
    plain = study(AXES)
    asking = study(f"{AXES}questions:\n  - ask: Which is best?\n    measure: loss\n")
    assert [run.spec.run_id for run in asking.runs] == [run.spec.run_id for run in plain.runs]
    (question,) = questions_of(asking.source, "s")
    assert (question.ask, question.claim, question.number) == ("Which is best?", "", 1)
    check_questions([question], [run.spec for run in asking.runs])
    assert questions_of(plain.source, "s") == ()


def test_a_number_is_the_same_however_it_is_written():
    question = asked("measure: loss\nby: train.lr\nexpect: {order: [0.01, 1e-1, .2]}")
    assert len(question.expect.groups) == 3
    assert str(question.expect) == "lowest first: 0.01, 0.1, 0.2"


def test_groups_of_several_keys_are_told_apart_in_an_order():
    groups = ("{model.init: orthogonal, train.lr: 0.1}", "{model.init: orthogonal, train.lr: 0.2}")
    question = asked(f"measure: loss\nby: [model.init, train.lr]\nexpect: {{order: [{', '.join(groups)}]}}")
    assert str(question.expect) == "lowest first: (orthogonal, 0.1), (orthogonal, 0.2)"

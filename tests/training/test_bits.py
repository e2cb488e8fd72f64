"""A run has the same bits alone and in a pack, unbroken and interrupted."""

import numpy as np
import pytest

from rnnctl.study.run import RunSpec
from tests.training.memory import Memory, train
from tests.training.runs import gru_or_lstm, spec
from tests.training.same_bits import assert_same


def four(**common):
    """Four runs of one shape that differ in everything a pack lets them differ in."""
    return {
        "plain": spec(1, clip="none", omega=0, **common),
        "clipped": spec(2, clip=0.3, omega=0, **common),
        "regularised": spec(3, omega=2.0, lr=0.05, **common),
        "decaying": spec(4, omega={"alpha": 1.0, "decay": "1/t", "period": 5}, init="xavier", **common),
    }


@pytest.mark.parametrize("hidden", [1, 13, 50])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
def test_a_run_alone_has_the_same_bits_as_in_a_pack_of_four(activation, hidden):
    specs = four(activation=activation, hidden=hidden, updates=12)
    pack = train(specs)
    for run_id, alone in specs.items():
        assert_same(train({run_id: alone}), pack, run_id)


def test_bits_do_not_depend_on_when_companions_leave():
    specs = four()
    shorter = {**specs, "plain": spec(1, clip="none", omega=0, updates=17), "clipped": spec(9, updates=5)}
    whole, mixed = train(specs), train(shorter)
    for run_id in ("regularised", "decaying"):
        assert_same(whole, mixed, run_id)


@pytest.mark.parametrize("cut", [1, 9, 10, 11, 59, 60])
def test_a_resumed_run_has_the_same_bits(cut):
    specs = {"a": spec(5), "b": spec(6, omega=0)}
    unbroken, broken = train(specs), Memory()
    broken.drain_after = 2 * cut
    train(specs, broken)
    assert broken.state("a")["step"] == cut
    broken.drain_after = None
    if not broken.outcomes:
        train(specs, broken)
    for run_id in specs:
        assert_same(unbroken, broken, run_id)
    assert broken.outcomes == unbroken.outcomes == {"a": "budget", "b": "budget"}


def patient(seed, **changes):
    """A run without clipping that gives up after three checks without an improvement worth the name."""
    data = spec(seed, clip="none", omega=0, updates=400, **changes).canonical()
    return RunSpec.model_validate({**data, "stop": {"solved": "never", "patience": 3, "min_delta": 0.02}})


@pytest.mark.parametrize("cut", [1, 13, 22, 35])
def test_patience_and_windows_survive_an_interruption(cut):
    unbroken, broken = train({"a": patient(5)}), Memory()
    assert unbroken.outcomes == {"a": "early_stop"}
    assert unbroken.state("a")["step"] > 35
    broken.drain_after = cut
    train({"a": patient(5)}, broken)
    broken.drain_after = None
    train({"a": patient(5)}, broken)
    assert_same(unbroken, broken, "a")


def test_a_companion_that_diverges_changes_no_bit():
    activation = "identity"
    explosive = spec(2, activation=activation, init={"name": "basic_tanh", "std": 50.0}, clip="none", omega=0, lr=0.1)
    good = spec(4, activation=activation)
    pack = train({"bad": explosive, "good": good})
    assert pack.outcomes["bad"] == "diverged"
    assert_same(train({"good": good}), pack, "good")


def test_a_run_interrupted_at_every_third_update_in_ever_new_company_has_the_same_bits():
    specs = {"a": spec(5), **{f"other{n}": spec(10 + n) for n in range(3)}}
    unbroken, broken = train({"a": specs["a"]}), Memory()
    n = 0
    while "a" not in broken.outcomes:
        companion = f"other{n % 3}"
        company = {"a": specs["a"]} if companion in broken.outcomes else {"a": specs["a"], companion: specs[companion]}
        broken.drain_after = broken.updates + 3 * len(company)
        train(company, broken)
        n += 1
    assert_same(unbroken, broken, "a")


def test_checkpoints_by_updates_change_nothing():
    specs = {"a": spec(5)}
    assert_same(train(specs), train(specs, updates=7), "a")


def test_a_resume_from_an_older_checkpoint_repeats_the_same_history():
    specs = {"a": spec(5)}
    unbroken, cut = train(specs), Memory()
    cut.drain_after = 25
    train(specs, cut)
    older, rows = cut.files["a"], list(cut.history["a"])
    cut.drain_after = 45
    train(specs, cut)
    cut.files["a"], cut.history["a"], cut.drain_after = older, rows, None  # the newer one turned out to be unsound
    train(specs, cut)
    assert_same(unbroken, cut, "a")


def test_float64_follows_float32_closely():
    """The two precisions agree for a while: neither has a path of its own."""
    data = spec(5, updates=10).canonical()
    data["train"]["dtype"] = "float64"
    double = RunSpec.model_validate(data)
    one, two = train({"a": spec(5, updates=10)}), train({"a": double})
    np.testing.assert_allclose(one.state("a")["weights"], two.state("a")["weights"], atol=1e-5)


def gru_or_lstm_four(cell, **common):
    """Four runs of one shape; lengths differ at every update, so that packs are ragged."""
    return {
        "plain": gru_or_lstm(1, cell, clip="none", **common),
        "clipped": gru_or_lstm(2, cell, clip=0.1, **common),
        "fast": gru_or_lstm(3, cell, lr=1.0, **common),
        "other": gru_or_lstm(4, cell, init="course" if cell == "gru" else "xavier", **common),
    }


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("hidden", [1, 13, 50])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_gru_or_lstm_alone_has_the_same_bits_as_in_a_pack_of_four(cell, hidden):
    specs = gru_or_lstm_four(cell, hidden=hidden, updates=12)
    pack = train(specs)
    for run_id, alone in specs.items():
        assert_same(train({run_id: alone}), pack, run_id)


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
def test_a_run_alone_has_the_same_bits_as_in_a_pack_whatever_goes_through_time(activation):
    specs = four(activation=activation, updates=11)
    pack = train(specs)
    for run_id, alone in specs.items():
        assert_same(train({run_id: alone}), pack, run_id)


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("cut", [1, 10, 24])
def test_a_resumed_gru_or_lstm_has_the_same_bits(cell, cut):
    specs = {"a": gru_or_lstm(5, cell), "b": gru_or_lstm(6, cell)}
    unbroken, broken = train(specs), Memory()
    broken.drain_after = 2 * cut
    train(specs, broken)
    assert broken.state("a")["step"] == cut
    broken.drain_after = None
    train(specs, broken)
    for run_id in specs:
        assert_same(unbroken, broken, run_id)


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("batch", [8, 20, 21])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_head_with_one_output_has_the_same_bits_alone_and_in_a_pack_of_four(cell, batch):
    specs = {str(seed): addition(seed, cell, batch) for seed in range(4)}
    pack = train(specs)
    for run_id, alone in specs.items():
        assert_same(train({run_id: alone}), pack, run_id)


def addition(seed, cell, batch):
    data = gru_or_lstm(seed, cell, hidden=50, updates=6, lr=0.01, init="orthogonal").canonical()
    data["task"] = {"name": "addition", "min_length": 12, "max_length": 20}
    return RunSpec.model_validate({**data, "train": {**data["train"], "batch": batch}})


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "gated"])
def test_layers_of_one_unit_have_the_same_bits_alone_and_in_a_pack_of_four(cell):
    specs = {str(seed): one_unit(seed, cell) for seed in range(4)}
    pack = train(specs)
    for run_id, alone in specs.items():
        assert_same(train({run_id: alone}), pack, run_id)


def one_unit(seed, cell):
    data = spec(seed, updates=5, omega=0, every=5, samples=200, chunk=200).canonical()
    model = {"name": cell, "hidden": 1, **({"init": "orthogonal"} if cell != "gated" else {})}
    return RunSpec.model_validate({**data, "model": model, "train": {**data["train"], "batch": 120}})

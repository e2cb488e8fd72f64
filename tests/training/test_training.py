"""What an update does to the weights, and how runs end."""

import math

import numpy as np
import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.study.train import Train
from rnnctl.training.checks import Checker, diagnostic_set, validation_set
from rnnctl.training.loop import Cadence, train_pack
from rnnctl.training.member import begin, network_of
from rnnctl.training.networks import Networks
from tests.oracles import omega_value, rnn_loss
from tests.training.memory import Memory, train
from tests.training.runs import easy, explosive, spec
from tests.training.updates import as_float64, one_update


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("clip", ["none", 1e-3, 1e3])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_an_update_is_sgd_on_the_clipped_regularised_gradient(alpha, clip, activation):
    run_spec = as_float64(spec(3, clip=clip, omega=alpha, activation=activation, lr=0.1))
    before, after, batch, member, _ = one_update(run_spec)
    leaves = {name: w.clone().requires_grad_() for name, w in before.items()}
    loss, states = rnn_loss(leaves, torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets), activation)
    loss.backward()
    gradients = {name: leaf.grad for name, leaf in leaves.items()}
    if alpha:
        w_hh = before["W_hh"].clone().requires_grad_()
        value, _ = omega_value(w_hh, states, [h.grad for h in states], activation, 1e-20)
        value.backward()
        gradients["W_hh"] = gradients["W_hh"] + alpha * w_hh.grad
        assert member.window.omega == pytest.approx(value.item())
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    scale = min(1.0, clip / norm) if clip != "none" else 1.0
    for name, gradient in gradients.items():
        torch.testing.assert_close(after[name], before[name] - 0.1 * scale * gradient, rtol=1e-9, atol=1e-13)
    assert member.window.grad_norm == pytest.approx(norm)
    assert member.window.grad_norm_clipped == pytest.approx(norm * scale)
    assert member.window.clipped == (scale < 1)
    assert member.window.loss == pytest.approx(loss.item())


def test_alpha_decays_as_one_over_periods():
    decaying = spec(omega={"alpha": 3.0, "decay": "1/t", "period": 10}).train.omega
    assert [decaying.weight(n) for n in (1, 10, 11, 20, 21)] == [3.0, 3.0, 1.5, 1.5, 1.0]


def test_the_guard_shrinks_the_recurrence_and_nothing_else():
    before, after, _, member, diverged = one_update(explosive(1.0))
    assert member.window.guarded == 1
    assert not diverged
    torch.testing.assert_close(after["W_hh"], before["W_hh"] * (1 - 0.1 * 0.02))
    for name in ("W_uh", "b_hh", "W_hy", "b_hy"):
        assert torch.equal(after[name], before[name])


def test_without_the_guard_a_gradient_that_is_no_number_is_a_divergence():
    memory = train({"a": explosive("none")})
    assert memory.outcomes == {"a": "diverged"}
    state = memory.state("a")
    assert torch.isfinite(state["weights"]).all()  # the weights that led there, not what they would have become
    assert memory.history["a"][-1].step == state["step"]


def test_a_diverging_run_leaves_its_companions_alone():
    specs = {"bad": explosive("none"), "good": spec(4, activation="identity")}
    memory = train(specs)
    assert memory.outcomes == {"bad": "diverged", "good": "budget"}


def test_a_run_without_errors_is_solved_and_stops_there():
    memory = train({"a": easy()})
    assert memory.outcomes == {"a": "solved"}
    last = memory.history["a"][-1]
    assert last.scalars["valid_error"] == 0
    assert all(row.scalars["valid_error"] > 0 for row in memory.history["a"][:-1])
    assert memory.summaries["a"]["broke_floor_at"] <= last.step < 3000
    assert last.scalars["valid_loss"] < 0.9 * math.log(4)


def screened(run_spec, **check):
    data = run_spec.canonical()
    data["check"] |= check
    return RunSpec.model_validate(data)


@pytest.mark.parametrize("goal", ["zero_errors", "under_1_percent"])
def test_a_screen_changes_neither_whether_nor_when_a_run_is_solved(goal):
    whole = train({"a": easy(solved=goal)})
    quick = train({"a": screened(easy(solved=goal), chunk=50, screen=48, samples=400)})
    assert quick.outcomes == whole.outcomes == {"a": "solved"}
    samples = [row.scalars["valid_samples"] for row in quick.history["a"]]
    assert samples[0] == 48, "far from the goal, the screen's figure stands"
    assert samples[-1] == 400, "at the goal, every sample counts"
    for row in quick.history["a"]:
        if row.scalars["valid_samples"] == 48:
            # No number of right answers among the rest could have met the goal.
            assert row.scalars["valid_error"] * 48 >= (1 if goal == "zero_errors" else 4)


def test_a_screened_figure_is_that_of_the_first_few_of_every_chunk():
    run_spec = screened(spec(1, hidden=13), samples=60, chunk=30, screen=20)
    task = run_spec.task.make()
    model = network_of(run_spec.model, task)
    _, weights = begin("a", run_spec, task, model)
    (actual,) = Checker(run_spec, task, model, 1, "cpu").validate(Networks(weights.unsqueeze(0), [model]), [-1])
    named = {name: w[0] for name, w in model.layout.views(weights.unsqueeze(0)).items()}
    losses, wrong = [], 0
    for batch in validation_set(task, run_spec.check):
        inputs, targets = torch.from_numpy(batch.inputs[:, :10]), torch.from_numpy(batch.targets[:10])
        loss, states = rnn_loss(named, inputs, targets, "tanh")
        losses.append(loss.item())
        wrong += int(((states[-1] @ named["W_hy"] + named["b_hy"]).argmax(1) != targets).sum())
    assert actual["valid_samples"] == 20
    assert actual["valid_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert actual["valid_error"] == wrong / 20


def test_the_end_of_the_budget_is_validated_in_full():
    run_spec = spec(1, updates=20, samples=60, chunk=30)
    whole, quick = train({"a": run_spec}), train({"a": screened(run_spec, screen=30)})
    assert [row.scalars["valid_samples"] for row in quick.history["a"]] == [30, 30, 60]
    last = [memory.history["a"][-1].scalars for memory in (quick, whole)]
    assert last[0]["valid_loss"] == pytest.approx(last[1]["valid_loss"], rel=1e-6)
    assert last[0]["valid_error"] == last[1]["valid_error"]


def test_a_screen_of_all_samples_is_a_full_validation():
    whole, all_screened = (
        train({"a": screened(spec(1, hidden=13), samples=60, chunk=30, screen=screen)}).history["a"]
        for screen in (None, 60)
    )
    assert [row.scalars for row in all_screened] == [row.scalars for row in whole]
    assert {row.scalars["valid_samples"] for row in all_screened} == {60}


def test_each_run_of_a_pack_is_screened_for_itself():
    easy_spec = screened(easy(), chunk=50, screen=48, samples=400)
    slow = RunSpec.model_validate({**easy_spec.canonical(), "train": {**easy_spec.canonical()["train"], "lr": 1e-9}})
    slow = RunSpec.model_validate({**slow.canonical(), "train": {**slow.canonical()["train"], "updates": 400}})
    pack = train({"fast": easy_spec, "slow": slow})
    alone = train({"fast": easy_spec})
    assert [repr(r.scalars) for r in pack.history["fast"]] == [repr(r.scalars) for r in alone.history["fast"]]
    assert {row.scalars["valid_samples"] for row in pack.history["slow"][:-1]} == {48}


def test_diagnoses_have_a_cadence_of_their_own_and_one_at_the_end():
    memory = train({"a": screened(spec(1, updates=47), diagnose_every=20)})
    rows = memory.history["a"]
    assert [row.step for row in rows] == [0, 10, 20, 30, 40, 47]
    assert [row.step for row in rows if row.traces] == [0, 20, 40, 47]
    assert [row.step for row in rows if "rho" in row.scalars] == [0, 20, 40, 47]
    every = train({"a": spec(1, updates=47)})
    for row, other in zip(rows, every.history["a"], strict=True):
        assert all(repr(other.scalars[name]) == repr(value) for name, value in row.scalars.items())


def test_under_one_percent_is_a_looser_goal():
    strict, loose = train({"a": easy()}), train({"a": easy(solved="under_1_percent")})
    assert loose.outcomes == {"a": "solved"}
    *before, last = (row.scalars["valid_error"] for row in loose.history["a"])
    assert last < 0.01 <= min(before)
    assert loose.state("a")["step"] <= strict.state("a")["step"]


def test_patience_ends_a_run_that_no_longer_improves():
    hopeless = spec(1, lr=1e-9, updates=500)
    data = hopeless.canonical()
    data["stop"] |= {"patience": 3}
    memory = train({"a": RunSpec.model_validate(data)})
    assert memory.outcomes == {"a": "early_stop"}
    assert memory.state("a")["step"] == 40  # the first check is an improvement on nothing, three more are not


def test_the_budget_is_exact_and_its_end_is_checked():
    memory = train({"a": spec(1, updates=23)})
    assert memory.outcomes == {"a": "budget"}
    assert [row.step for row in memory.history["a"]] == [0, 10, 20, 23]


def test_best_weights_are_those_of_the_best_check():
    memory = train({"a": spec(1, lr=0.5)})
    rows, state = memory.history["a"], memory.state("a")
    best = min(rows, key=lambda row: row.scalars["valid_loss"])
    assert state["best"]["step"] == best.step
    again = Memory()
    train_pack({"a": spec(1, lr=0.5, updates=best.step)}, again, device="cpu", cadence=Cadence())
    assert torch.equal(state["best_weights"], again.state("a")["weights"])


def test_a_lost_run_leaves_the_pack_and_writes_nothing_more():
    memory = Memory()
    memory.lost.add("b")
    train({"a": spec(1), "b": spec(2)}, memory)
    assert memory.outcomes == {"a": "budget"}
    assert "b" not in memory.files


def test_validation_set_comes_from_its_own_seed_alone():
    one, other_seed = spec(1), spec(99)
    other_check = RunSpec.model_validate({**one.canonical(), "check": {**one.canonical()["check"], "seed": 7}})
    task = one.task.make()
    sets = [validation_set(task, s.check) for s in (one, other_seed, other_check)]
    flat = [np.concatenate([b.inputs.ravel() for b in batches]) for batches in sets]
    assert np.array_equal(flat[0], flat[1])
    assert not (len(flat[0]) == len(flat[2]) and np.array_equal(flat[0], flat[2]))
    assert diagnostic_set(task, one.check).length == 31


def test_a_check_changes_neither_generator_nor_weights():
    often, seldom = train({"a": spec(1, every=1)}), train({"a": spec(1, every=60)})
    assert torch.equal(often.state("a")["weights"], seldom.state("a")["weights"])
    assert often.state("a")["feed"] == seldom.state("a")["feed"]


def test_a_checkpoint_of_another_run_is_refused():
    memory = Memory()
    memory.drain_after = 5
    train({"a": spec(1)}, memory)
    memory.files["b"], memory.drain_after = memory.files["a"], None
    with pytest.raises(ValueError, match="not one of b"):
        train({"b": spec(2)}, memory)


@pytest.mark.parametrize(("decay", "rates"), [("1/t", [0.4, 0.2, 0.4 / 3]), ("exponential", [0.4, 0.2, 0.1])])
def test_a_decaying_rate_is_that_of_its_formula_and_moves_the_weights_by_it(decay, rates):
    """At t = 0, one period, two periods; the first update is as with a constant rate, the next are smaller."""
    decaying = Train.model_validate({"lr": 0.4, "rate": {"name": decay, "period": 10}})
    assert [decaying.learning_rate(1 + t) for t in (0, 10, 20)] == pytest.approx(rates)
    moves = {}
    for name, keys in {"constant": {}, "decaying": {"rate": {"name": decay, "period": 1}}}.items():
        one = RunSpec.model_validate(
            {
                "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
                "model": {"hidden": 5, "init": "orthogonal"},
                "train": {"updates": 3, "batch": 4, "lr": 0.4, "clip": "none", **keys},
                "check": {"every": 1, "samples": 20, "chunk": 20, "diagnostic_batch": 5},
            }
        )
        memory = Memory()
        states = []
        for updates in (1, 2):
            memory.drain_after = updates
            train({"a": one}, memory)
            states.append(memory.state("a")["weights"])
        moves[name] = [states[0], states[1] - states[0]]
    assert torch.equal(moves["constant"][0], moves["decaying"][0])
    assert (0.5 * moves["constant"][1] - moves["decaying"][1]).abs().max() < 1e-7


def test_the_time_of_a_pack_is_divided_among_its_runs():
    specs = {run: RunSpec.model_validate(tiny_of(seed)) for seed, run in enumerate("ab")}
    memory, ticks = Memory(), iter(range(1000))
    train_pack(specs, memory, device="cpu", cadence=Cadence(), clock=lambda: float(next(ticks)))
    first, last = (memory.summaries[run] for run in "ab")
    assert first["share_seconds"] == first["seconds"] / 2 > 0
    assert last["seconds"] / 2 < last["share_seconds"] < last["seconds"], "it was alone at its end"


def tiny_of(seed):
    return {
        "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
        "model": {"hidden": 5, "init": "orthogonal"},
        "train": {"updates": 3, "batch": 4},
        "check": {"every": 3, "samples": 20, "chunk": 20, "diagnostic_batch": 5},
        "stop": {"solved": "never"},
        "seed": seed,
    }


def test_a_check_records_the_largest_norm_the_rate_and_the_training_error_since_the_last_one():
    run = spec(1, updates=20, clip="none", lr=0.05, every=10)
    plain = run.model_dump(mode="json")
    run = RunSpec.model_validate(plain | {"train": plain["train"] | {"rate": {"name": "exponential", "period": 7}}})
    by_check = train({"a": run}).history["a"][1:]
    each = {**plain["check"], "every": 1}
    by_update = train({"a": RunSpec.model_validate(run.model_dump(mode="json") | {"check": each})}).history["a"][1:]
    for i, row in enumerate(by_check):
        since = [one.scalars for one in by_update[10 * i : 10 * (i + 1)]]
        assert row.scalars["grad_norm_max"] == max(one["grad_norm"] for one in since)
        assert row.scalars["grad_norm_max"] > row.scalars["grad_norm"]
        assert row.scalars["rate"] == since[-1]["rate"] == run.train.learning_rate(row.step)
        assert row.scalars["train_error"] == pytest.approx(sum(one["train_error"] for one in since) / 10)
        assert 0 < row.scalars["train_error"] < 1
        assert all(round(7 * one["train_error"], 4) in range(8) for one in since)


def test_a_gradient_norm_that_is_not_a_number_counts_as_the_largest():
    rows = train({"a": explosive(1.0)}).history["a"][1:]
    assert rows[0].scalars["guard_share"] == 1
    assert rows[0].scalars["grad_norm_max"] == math.inf

"""Scheduled sampling: which symbols a run is fed, and that its updates are those of the loss over these inputs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnctl import seeds
from rnnctl.cells.base.passes import make_tape
from rnnctl.cells.catalogue import CELLS
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.teacher import ConstantDecay, InverseSigmoidDecay, LinearDecay
from rnnctl.training.checks import Checker
from rnnctl.training.feed import feed_of
from rnnctl.training.member import begin, network_of
from rnnctl.training.networks import Networks
from rnnctl.training.own_samples import Draws, draws_of, mixed_inputs, sampled
from rnnctl.training.pack import Pack
from tests.training.equations import step
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

TEXT = "".join(f"{n} bottles, {n * n} squares; " for n in range(60))
INITS = {
    "rnn": {"init": "xavier"},
    "gru": {"init": "xavier"},
    "lstm": {},
    "gated": {"layers": 2},
    "relational_memory": {"slots": 3, "heads": 1},
    "lstm_side_memory": {"slots": 3, "slot_size": 4},
}
WINDOW, BATCH, HIDDEN = 9, 3, 6


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The section of a task that reads a small text."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text").write_text(TEXT)
    return {"name": "text", "corpus": str(tmp_path / "text"), "window": WINDOW}


def spec(
    text: dict[str, object], teacher: object = 0.5, *, cell: str = "rnn", seed: int = 1, **more: object
) -> RunSpec:
    state = more.pop("state", "reset")
    train_section = {"updates": 12, "batch": BATCH, "lr": 0.5, "clip": "none", "teacher": teacher} | more
    return RunSpec.model_validate(
        {
            "task": {**text, "state": state},
            "model": {"name": cell, "hidden": HIDDEN, **INITS[cell]},
            "train": train_section,
            "check": {"every": 6, "samples": 12, "chunk": 6, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    ).identified()


LINEAR = {"share": 0.9, "decay": {"name": "linear", "to": 0.2, "over": 8}}
INVERSE_SIGMOID = {"share": 1.0, "decay": {"name": "inverse_sigmoid", "k": 3}}


def test_the_share_of_true_symbols_follows_the_formulas():
    for n in (0, 1, 7, 100, 10**9):
        assert ConstantDecay().share(0.7, n) == 0.7
        # Bengio et al.: max(epsilon, k - c n), with k the share at first.
        assert LinearDecay(to=0.2, over=40).share(0.9, n) == pytest.approx(max(0.2, 0.9 - (0.9 - 0.2) / 40 * n))
        assert LinearDecay(to=0.9, over=40).share(0.2, n) == pytest.approx(min(0.9, 0.2 + (0.9 - 0.2) / 40 * n))
    for n in (0, 1, 7, 100, 400):
        assert InverseSigmoidDecay(k=50).share(0.8, n) == pytest.approx(0.8 * 50 / (50 + math.exp(n / 50)))
    assert InverseSigmoidDecay(k=50).share(1.0, 10**6) == 0
    assert InverseSigmoidDecay(k=50).share(1.0, round(50 * math.log(50))) == pytest.approx(0.5, abs=0.01)


def test_updates_are_counted_from_one_and_the_first_has_the_share_itself(text):
    teacher = spec(text, LINEAR).train.teacher
    assert [teacher.share_at(update) for update in (1, 5, 9, 100)] == pytest.approx([0.9, 0.55, 0.2, 0.2])


def symbol(outputs_BO: torch.Tensor, places_B: np.ndarray) -> np.ndarray:
    """A symbol for each row, as its definition says: the first whose cumulative probability is above the place."""
    drawn = []
    for row, place in zip(outputs_BO.softmax(1).tolist(), places_B.tolist(), strict=True):
        total, k = row[0], 0
        while total <= place:
            k += 1
            total += row[k]
        drawn.append(k)
    return np.array(drawn)


def by_autograd(run_spec: RunSpec) -> dict[str, torch.Tensor]:
    """The weights after run_spec's updates by SGD, by name."""
    task, cell = run_spec.task.make(), run_spec.model.name
    _, flat = begin("a", run_spec, task, network_of(run_spec.model, task))
    layout = network_of(run_spec.model, task).layout
    w = {name: x[0].clone().requires_grad_() for name, x in layout.views(flat.unsqueeze(0)).items()}
    feed = feed_of(run_spec, task)
    for update in range(1, run_spec.train.updates + 1):
        batch, goes_on = feed.next()
        if not goes_on:
            state, h = torch.zeros(BATCH, HIDDEN * (1 + (cell == "lstm")), dtype=torch.float64), None
        rng = seeds.generator(run_spec.seed, seeds.OWN_SAMPLES, update)
        coins, places = rng.random((2, *batch.inputs.shape))
        own = coins >= run_spec.train.teacher.share_at(update)
        losses, inputs, state = [], batch.inputs.copy(), state.detach()
        for t, target in enumerate(batch.targets):
            if h is not None:
                with torch.no_grad():
                    answers = symbol(h @ w["W_hy"] + w["b_hy"], places[t])
                inputs[t] = np.where(own[t], answers, inputs[t])
            one_hot = torch.eye(task.n_inputs, dtype=torch.float64)[torch.from_numpy(inputs[t]).long()]
            h, state = step(cell, w, one_hot, state)
            losses.append(torch.nn.functional.cross_entropy(h @ w["W_hy"] + w["b_hy"], torch.from_numpy(target)))
        for leaf in w.values():
            leaf.grad = None
        torch.stack(losses).mean().backward()
        with torch.no_grad():
            for leaf in w.values():
                leaf -= run_spec.train.lr * leaf.grad
    return {name: x.detach() for name, x in w.items()}


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("bptt", ["full", 4])
@pytest.mark.parametrize("state", ["reset", "carried"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_training_is_that_of_autograd_with_the_sampled_inputs_held_constant(cell, state, bptt, text):
    run_spec = spec(text, LINEAR, cell=cell, state=state, bptt=bptt, dtype="float64")
    expected = by_autograd(run_spec)
    untaught = by_autograd(spec(text, 1.0, cell=cell, state=state, bptt=bptt, dtype="float64"))
    task = run_spec.task.make()
    member, weights = begin("a", run_spec, task, network_of(run_spec.model, task))
    pack = Pack([member], [weights], "cpu")
    with torch.no_grad():
        for _ in range(run_spec.train.updates):
            pack.update()
    for name, actual in pack.layout.views(pack.flat_RN).items():
        torch.testing.assert_close(actual[0], expected[name], rtol=1e-9, atol=1e-11)
    assert not torch.allclose(pack.weights["W_hh"][0], untaught["W_hh"])


def updated(run_spec: RunSpec, inputs: np.ndarray | None = None) -> torch.Tensor:
    """The weights of a run after an update. inputs: what its batch has instead of its own inputs."""
    task = run_spec.task.make()
    member, flat = begin("a", run_spec, task, network_of(run_spec.model, task))
    pack = Pack([member], [flat], "cpu")
    if inputs is not None:
        batch, _ = member.feed.next()
        member.feed.next = lambda: (replace(batch, inputs=inputs), False)
    with torch.no_grad():
        pack.update()
    return pack.flat_RN


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("cell", CELLS.names)
def test_an_update_is_that_of_a_batch_that_has_the_sampled_inputs(cell, text):
    run_spec = spec(text, 0.3, cell=cell)
    task = run_spec.task.make()
    model = network_of(run_spec.model, task)
    _, flat = begin("a", run_spec, task, model)
    tape = make_tape(model, 1, WINDOW, BATCH, dtype=torch.float32, device="cpu")
    batch, _ = feed_of(run_spec, task).next()
    draws = draws_of(run_spec, 1, *batch.inputs.shape)
    fed = mixed_inputs(tape, model.layout.views(flat.unsqueeze(0)), batch.inputs, draws, None)
    assert (fed != batch.inputs).any()
    assert torch.equal(updated(run_spec), updated(spec(text, 1.0, cell=cell), fed))


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("cell", CELLS.names)
def test_own_symbols_are_fed_where_the_draws_say_so_and_nowhere_else(cell, text):
    run_spec = spec(text, 0.6, cell=cell, dtype="float64")
    task = run_spec.task.make()
    model = network_of(run_spec.model, task)
    _, flat = begin("a", run_spec, task, model)
    weights = model.layout.views(flat.unsqueeze(0))
    tape = make_tape(model, 2, WINDOW, BATCH, dtype=torch.float64, device="cpu")
    batch, _ = feed_of(run_spec, task).next()
    draws = draws_of(run_spec, 5, *batch.inputs.shape)
    fed = mixed_inputs(tape, weights, batch.inputs, draws, None)
    assert np.array_equal(fed[0], batch.inputs[0])  # there is no answer yet
    steps = model.steps(weights, torch.from_numpy(fed).long())
    for t, h_RBH in enumerate(steps, start=1):
        if t == WINDOW:
            break
        answers = symbol(h_RBH[0] @ weights["W_hy"][0] + weights["b_hy"][0], draws.places_TB[t])
        assert np.array_equal(fed[t], np.where(draws.own_TB[t], answers, batch.inputs[t]))


def test_the_share_of_true_symbols_is_that_which_was_asked_for(text):
    for share in (0.0, 0.25, 0.9):
        run_spec, steps = spec(text, share), 0
        own = 0
        for update in range(1, 201):
            draws = draws_of(run_spec, update, 25, 20)
            own, steps = own + int(draws.own_TB.sum()), steps + draws.own_TB.size
        assert abs(1 - own / steps - share) <= 4 * math.sqrt(share * (1 - share) / steps)
    assert draws_of(spec(text, LINEAR), 1, 25, 20) is not None
    assert draws_of(spec(text, INVERSE_SIGMOID), 10**6, 25, 20).own_TB.all()


def test_draws_of_updates_and_runs_are_different_and_always_the_same(text):
    one, other = (spec(text, 0.5, seed=seed) for seed in (1, 2))
    drawn = [draws_of(run_spec, update, 4, 3).places_TB for run_spec in (one, other) for update in (1, 2)]
    assert len({places.tobytes() for places in drawn}) == 4
    assert draws_of(one, 2, 4, 3).places_TB.tobytes() == drawn[1].tobytes()


def test_symbols_are_as_frequent_as_the_softmax_says():
    """Chi-square with 6 degrees of freedom: 22.46 is exceeded with a probability of .001, on a fixed seed."""
    rng, count = np.random.default_rng(5), 50_000
    outputs = np.array([1.0, -2.0, 0.5, 3.0, 0.0, -1.0, 2.0])
    probabilities = np.exp(outputs) / np.exp(outputs).sum()
    drawn = sampled(np.tile(outputs, (count, 1)), rng.random(count))
    observed = np.bincount(drawn, minlength=7)
    assert (((observed - count * probabilities) ** 2) / (count * probabilities)).sum() < 22.46


def test_a_network_feeds_itself_symbols_as_frequent_as_its_own_softmax_says(text):
    """The same of a network that ignores its inputs, so that its softmax is known: that of its last bias."""
    run_spec = spec(text, 0.0, dtype="float64")
    task = run_spec.task.make()
    model, count = network_of(run_spec.model, task), 20_000
    weights = model.layout.views(torch.zeros(1, model.layout.size, dtype=torch.float64))
    weights["b_hy"].copy_(torch.linspace(-1, 1, model.outputs))
    tape = make_tape(model, 1, 2, count, dtype=torch.float64, device="cpu")
    draws = draws_of(run_spec, 1, 2, count)
    fed = mixed_inputs(tape, weights, np.zeros((2, count), np.uint8), draws, None)
    expected = count * weights["b_hy"][0].softmax(0).numpy()
    observed = np.bincount(fed[1], minlength=model.outputs)
    degrees = model.outputs - 1
    # Four standard deviations above the mean of chi-square.
    assert ((observed - expected) ** 2 / expected).sum() < degrees + 4 * math.sqrt(2 * degrees)


def test_symbols_without_probability_are_never_drawn():
    outputs = np.array([[-np.inf, 0.0, -np.inf, 0.0, -np.inf]] * 3)
    assert sampled(outputs, np.array([0.0, 0.5, 1 - 2**-53])).tolist() == [1, 3, 3]


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("state", ["reset", "carried"])
def test_a_share_of_one_has_the_bits_of_plain_training(state, text):
    plain = spec(text, 1.0, state=state, bptt=4)
    always = spec(text, {"share": 1.0, "decay": {"name": "linear", "to": 1.0, "over": 3}}, state=state, bptt=4)
    assert plain.run_id != always.run_id
    one, two = train({"a": plain}).state("a"), train({"a": always}).state("a")
    assert torch.equal(one["weights"], two["weights"])
    assert one["best"] == two["best"]


TEACHERS = (0.0, 0.75, LINEAR, INVERSE_SIGMOID)


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize(("state", "bptt"), [("reset", "full"), ("carried", 4)])
@pytest.mark.parametrize("cell", CELLS.names)
def test_alone_packed_and_resumed_have_the_same_bits_whatever_the_shares(cell, state, bptt, text):
    specs = {
        str(n): spec(text, teacher, cell=cell, state=state, bptt=bptt, seed=n) for n, teacher in enumerate(TEACHERS)
    }
    pack = train(specs)
    broken = Memory()
    broken.drain_after = 4 * len(specs)  # a window of two pieces and a bit of the next one, where bptt is 4
    train(specs, broken)
    broken.drain_after = None
    train(specs, broken)
    for run_id in specs:
        assert_same(broken, pack, run_id)
    for run_id, run_spec in specs.items():
        assert_same(train({run_id: run_spec}), pack, run_id)


def test_a_run_goes_on_from_a_shorter_one_with_the_same_draws(text):
    short, long = (spec(text, LINEAR, state="carried", bptt=4, updates=n) for n in (7, 15))
    memory = Memory()
    memory.specs = {"short": short, "long": long}
    train({"short": short}, memory)
    train({"long": long}, memory)
    assert memory.origins == {"long": ("short", 7)}
    assert_same(memory, train({"long": long}), "long")


def test_validation_is_fed_true_symbols(text):
    run_spec = spec(text, 0.0)
    memory, task = train({"a": run_spec}), run_spec.task.make()
    checker = Checker(PackKey.of(run_spec), task, network_of(run_spec.model, task), 1, "cpu")
    (validation,) = checker.validate(Networks(memory.state("a")["weights"].unsqueeze(0), [checker.model]), [None])
    assert validation["valid_loss"] == memory.history["a"][-1].scalars["valid_loss"]


def test_runs_that_sample_share_packs_with_each_other_only(text):
    keys = [PackKey.of(spec(text, teacher)) for teacher in (1.0, *TEACHERS)]
    assert len(set(keys)) == 2
    assert keys[0] not in keys[1:]


def test_steps_before_any_answer_take_no_draw():
    draws = Draws(np.ones((1, 2), bool), np.full((1, 2), 0.5))
    assert mixed_inputs(None, {"W_hy": None}, np.array([[3, 4]], np.uint8), draws, None).tolist() == [[3, 4]]

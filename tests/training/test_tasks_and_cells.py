"""Every task on every cell: trained alone, in a pack, interrupted and resumed, with the same bits; and what a check
finds is what plain torch finds.
"""

import numpy as np
import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.checks import validation_set
from rnnctl.training.member import network_of
from tests import oracles
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

SHORT = {"min_length": 10, "max_length": 16}
TASKS = {
    "temporal_order": SHORT,
    "temporal_order_3": SHORT,
    "addition": SHORT,
    "multiplication": SHORT,
    "xor": SHORT,
    "permutation": {**SHORT, "symbols": 12},
    "permutation of every step": {**SHORT, "symbols": 12, "predict": "every"},
    "memorization": {"min_length": 3, "max_length": 9, "values": 3, "positions": 4},
    "memorization of all": {"min_length": 4, "max_length": 4, "values": 2, "positions": 3, "patterns": "all"},
    "object_tracking": {"min_length": 3, "max_length": 6, "tolerance": 0.2},
    "object_tracking of cells": {"min_length": 3, "max_length": 6, "answer": "cell", "starts": "hidden"},
    "nth_farthest": {"vectors": 4, "dimensions": 3},
    "pair_matching": {"max_length": 4, "direction": "either"},
    "babi": {"stories": "original"},
}
CELLS = {"rnn": {"init": "orthogonal"}, "gru": {"init": "orthogonal"}, "lstm": {}}


def spec(task, cell, seed=1, **train):
    return RunSpec.model_validate(
        {
            "task": {"name": task.split()[0], **TASKS[task]},
            "model": {"name": cell, "hidden": 9, **CELLS[cell]},
            "train": {"updates": 50, "batch": 8, "lr": 0.1, "omega": 0.5 if cell == "rnn" else 0, **train},
            "check": {"every": 25, "samples": 96, "chunk": 48, "diagnostic_batch": 5},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("task", TASKS)
def test_alone_packed_and_resumed_runs_have_the_same_bits(task, cell):
    specs = {"a": spec(task, cell), "b": spec(task, cell, 2), "c": spec(task, cell, 3, lr=0.3)}
    pack, broken = train(specs), Memory()
    assert pack.outcomes == dict.fromkeys(specs, "budget")
    broken.drain_after = 17
    train({"a": specs["a"]}, broken)
    assert broken.state("a")["step"] == 17
    broken.drain_after = None
    train({"a": specs["a"]}, broken)
    assert_same(broken, pack, "a")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("task", TASKS)
def test_a_check_finds_the_loss_and_error_that_plain_torch_finds(task, cell):
    one = spec(task, cell, dtype="float64")
    actual = train({"a": one}).history["a"][-1].scalars
    task_ = one.task.make()
    model, question = network_of(one.model, task_), task_.question
    memory = Memory()
    train({"a": one}, memory)
    flat = memory.state("a")["weights"].unsqueeze(0)
    weights = {name: w[0] for name, w in model.layout.views(flat).items()}
    losses, wrongs = [], []
    for batch in validation_set(task_, one.check):
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        inputs = inputs.double() if inputs.is_floating_point() else inputs.long()
        targets = targets.double() if targets.is_floating_point() else targets
        if cell == "rnn":
            loss, states = oracles.rnn_loss(weights, inputs, targets, "tanh", question)
        else:
            loss, states, _ = getattr(oracles, f"{cell}_loss")(weights, inputs, targets, question)
        losses.append(loss.item())
        y = torch.stack([h @ weights["W_hy"] + weights["b_hy"] for h in states[1:]]).detach().numpy()
        targets_B = batch.targets.T if question.every_step else batch.targets
        wrongs += [_wrong(question, y[:, b], target) for b, target in enumerate(targets_B)]
    assert actual["valid_loss"] == pytest.approx(np.mean(losses), rel=1e-9)
    assert actual["valid_error"] == pytest.approx(np.mean(wrongs), abs=1e-12)


def _wrong(question, y_TO, target):
    """Whether one sequence is answered wrongly, step by step as the question says."""
    if question.loss == "squared_error":
        return (abs(y_TO[-1] - target) > question.tolerance).any()
    answers = y_TO.argmax(1)
    if not question.every_step:
        return answers[-1] != target
    return answers[-1] != target[-1] if question.judged == "last" else (answers != target).any()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gates_are_diagnosed(cell):
    row = train({"a": spec("addition", cell)}).history["a"][-1]
    for gate in {"gru": "zr", "lstm": "ifo"}[cell]:
        mean, distance = row.scalars[f"gate_{gate}"], row.scalars[f"gate_{gate}_distance"]
        assert 0 < mean < 1
        assert (
            0 < row.scalars[f"gate_{gate}_distance_p10"] <= distance <= row.scalars[f"gate_{gate}_distance_p90"] <= 0.5
        )
        time, counts = row.traces[f"gate_{gate}_time"], row.traces[f"gate_{gate}_hist"]
        assert time.mean() == pytest.approx(distance, rel=2**-8)  # curves through time are kept with 7 bits
        assert counts.sum() == len(time) * 5 * 9
        centres = (np.arange(50) + 0.5) / 100
        assert (counts * centres).sum() / counts.sum() == pytest.approx(distance, abs=0.01)


def test_a_screen_has_a_floor_of_its_own_and_breaking_it_takes_more_than_luck():
    """The variance of a tenth of the targets is not that of all; a rate of next to nothing learns nothing."""
    for check_seed in range(6):
        data = spec("addition", "rnn", lr=1e-9, omega=0, updates=50).canonical()
        data["check"] |= {"samples": 960, "chunk": 96, "screen": 100, "seed": check_seed, "every": 25}
        one = RunSpec.model_validate(data)
        memory = train({"a": one})
        _, screened, whole = (row.scalars for row in memory.history["a"])
        assert (screened["valid_samples"], whole["valid_samples"]) == (100, 960)
        task = one.task.make()
        batches = validation_set(task, one.check)
        firsts = np.concatenate([batch.targets[:10] for batch in batches])
        assert screened["valid_floor"] == pytest.approx(np.mean((firsts - 0.5) ** 2), rel=1e-6)
        everything = np.concatenate([batch.targets for batch in batches])
        assert whole["valid_floor"] == pytest.approx(np.mean((everything - 0.5) ** 2), rel=1e-6)
        assert memory.summaries["a"]["broke_floor_at"] is None


def test_all_patterns_are_asked_fairly_whatever_the_number_of_columns():
    task = spec("memorization of all", "rnn").task.make()
    rng = np.random.default_rng(1)
    whole = task.draw(rng, 16).targets[-3:].T
    assert sorted(map(tuple, whole)) == sorted([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)] * 2)
    seen = {tuple(row) for _ in range(40) for row in task.draw(rng, 3).targets[-3:].T}
    assert len(seen) == 8

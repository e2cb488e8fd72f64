"""No-learning floors against predictors without memory that are fitted to one sample and judged on another."""

import math

import numpy as np
import pytest

from rnnctl.tasks.marked import Marked
from rnnctl.tasks.memorization import Memorization
from rnnctl.tasks.permutation import Permutation


def samples(task, size, length, seed=0):
    """A batch to fit to and a fresh one."""
    rng = np.random.default_rng(seed)
    return task.draw(rng, size, length=length), task.draw(rng, size, length=length)


def table_losses(seen, targets, fresh_seen, fresh_targets, classes):
    """Cross-entropies (nats) and predictions of a table of what is seen to a distribution over classes, fitted by
    counting; any arrays of one shape.
    """
    counts = np.zeros((max(seen.max(), fresh_seen.max()) + 1, classes))
    np.add.at(counts, (seen.ravel(), targets.ravel()), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    own = shares[fresh_seen, fresh_targets]
    assert own.min() > 0, "the sample is too small for the table"
    return -np.log(own), shares.argmax(1)[fresh_seen]


# --- addition and multiplication --------------------------------------------------------------------------------------

GRID = np.linspace(0, 1, 401)


@pytest.mark.parametrize("name", ["addition", "multiplication"])
def test_no_constant_has_a_smaller_squared_error_than_the_floor(name):
    task = Marked(name, 50, 50, 0.2)
    batch = task.draw(np.random.default_rng(1), 200_000, length=20)
    floor = task.baseline([batch]).loss
    best = min(float(((batch.targets.astype(np.float64) - constant) ** 2).mean()) for constant in GRID)
    assert best <= floor + 1e-12
    assert best == pytest.approx(floor, abs=1e-4)


@pytest.mark.parametrize("name", ["addition", "multiplication"])
def test_the_last_input_does_not_help_a_line(name):
    task = Marked(name, 50, 50, 0.2)
    fit, fresh = samples(task, 100_000, 20)
    last = [np.column_stack([batch.inputs[-1], np.ones(100_000)]).astype(np.float64) for batch in (fit, fresh)]
    line = np.linalg.lstsq(last[0], fit.targets.astype(np.float64), rcond=None)[0]
    loss = ((last[1] @ line - fresh.targets) ** 2).mean()
    assert loss == pytest.approx(task.baseline([fresh]).loss, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "variance", "error"), [("addition", 1 / 24, 0.36), ("multiplication", 7 / 144, 0.3905)]
)
def test_floor_and_chance_error_are_those_of_the_distribution(name, variance, error):
    task = Marked(name, 50, 50, 0.2)
    batch = task.draw(np.random.default_rng(2), 400_000, length=20)
    result = task.baseline([batch])
    assert result.loss == pytest.approx(variance, abs=3e-4)
    assert result.error == pytest.approx(error, abs=4e-3)
    assert float(batch.targets.astype(np.float64).var()) == pytest.approx(variance, abs=3e-4)


def test_in_multiplication_another_constant_is_wrong_less_often_than_the_mean():
    task = Marked("multiplication", 50, 50, 0.2)
    targets = task.draw(np.random.default_rng(3), 200_000, length=20).targets
    errors = [float((np.abs(targets - constant) > 0.2).mean()) for constant in GRID]
    assert min(errors) == pytest.approx(0.2335, abs=4e-3)
    assert GRID[int(np.argmin(errors))] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("tolerance", [0.04, 0.2, 0.35])
def test_chance_error_is_counted_at_the_tolerance(tolerance):
    task = Marked("addition", 50, 50, tolerance)
    batch = task.draw(np.random.default_rng(4), 200_000, length=20)
    # Of two uniform numbers, half the sum is within d of 1/2 with probability 1 - (1 - 2 d)^2.
    assert task.baseline([batch]).error == pytest.approx((1 - 2 * tolerance) ** 2, abs=5e-3)


def test_floor_of_addition_is_of_these_very_targets():
    task, rng = Marked("addition", 20, 50, 0.2), np.random.default_rng(5)
    batches = [task.draw(rng, size) for size in (3, 10, 1)]
    distances = [float(target) - 0.5 for batch in batches for target in batch.targets]
    result = task.baseline(batches)
    assert result.loss == pytest.approx(sum(d * d for d in distances) / 14)
    assert result.error == sum(abs(d) > 0.2 for d in distances) / 14


@pytest.mark.parametrize("name", ["addition", "multiplication"])
def test_plateau_is_what_one_known_value_leaves(name):
    task = Marked(name, 50, 50, 0.2)
    fit, fresh = samples(task, 200_000, 20)
    known = [
        np.take_along_axis(b.inputs[:, :, 1], b.inputs[:, :, 0].argmax(0)[None], axis=0)[0].astype(np.float64)
        for b in (fit, fresh)
    ]
    line = np.polyfit(known[0], fit.targets.astype(np.float64), 1)  # of both tasks the best answer is a line
    loss = ((np.polyval(line, known[1]) - fresh.targets) ** 2).mean()
    ((plateau, _),) = task.plateaus
    assert loss == pytest.approx(plateau, abs=2e-4)


# --- exclusive or -----------------------------------------------------------------------------------------------------


def test_floor_of_xor_is_that_of_a_table_of_the_last_input_and_of_one_marked_bit():
    task = Marked("xor", 50, 50)
    fit, fresh = samples(task, 200_000, 20)
    baseline = task.baseline([fresh])
    for step in ("last", "first mark"):
        at = [b.inputs[:, :, 0].argmax(0) if step == "first mark" else np.full(200_000, 19) for b in (fit, fresh)]
        seen = [b.inputs[t, np.arange(200_000), 1].astype(int) for b, t in zip((fit, fresh), at, strict=True)]
        losses, answers = table_losses(seen[0], fit.targets, seen[1], fresh.targets, 2)
        assert losses.mean() == pytest.approx(baseline.loss, abs=1e-3)
        assert (answers != fresh.targets).mean() == pytest.approx(baseline.error, abs=5e-3)
    assert task.plateaus == ()


# --- permutation ------------------------------------------------------------------------------------------------------


def test_floor_of_permutation_is_that_of_a_table_of_the_last_symbol():
    task = Permutation(50, 50, 100, "last")
    fit, fresh = samples(task, 200_000, 20)
    losses, answers = table_losses(fit.inputs[-1], fit.targets, fresh.inputs[-1], fresh.targets, 100)
    baseline = task.baseline([fresh])
    assert losses.mean() == pytest.approx(baseline.loss, abs=1e-3)
    assert (answers != fresh.targets).mean() == pytest.approx(baseline.error, abs=5e-3)
    assert baseline.loss == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize("length", [2, 5, 20])
def test_floor_of_every_step_is_that_of_a_table_of_the_symbol_and_whether_it_is_the_last(length):
    task = Permutation(50, 50, 12, "every")
    fit, fresh = samples(task, 100_000, length)
    is_last = np.arange(length)[:, None] == length - 1
    losses, answers = table_losses(
        fit.inputs + 12 * is_last, fit.targets, fresh.inputs + 12 * is_last, fresh.targets, 12
    )
    baseline = task.baseline([fresh])
    assert losses.mean() == pytest.approx(baseline.loss, abs=2e-3)
    assert (answers[-1] != fresh.targets[-1]).mean() == pytest.approx(baseline.error, abs=5e-3)


@pytest.mark.parametrize("length", [5, 20])
def test_a_table_of_the_symbol_alone_pays_for_not_knowing_the_last_step(length):
    task = Permutation(50, 50, 12, "every")
    fit, fresh = samples(task, 200_000, length, seed=1)
    losses, _ = table_losses(fit.inputs, fit.targets, fresh.inputs, fresh.targets, 12)
    p = 1 / (length - 1)
    unsure = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert losses.mean() == pytest.approx(task.baseline([fresh]).loss + unsure * (length - 1) / length, abs=2e-3)


def test_floor_of_every_step_is_weighted_by_sequences():
    task, rng = Permutation(2, 9, 100, "every"), np.random.default_rng(2)
    batches = [task.draw(rng, size, length) for size, length in ((1, 2), (3, 8))]
    two, eight = (math.log(98) + math.log(2)) / 2, (7 * math.log(98) + math.log(2)) / 8
    assert task.baseline(batches).loss == pytest.approx((two + 3 * eight) / 4)


@pytest.mark.parametrize("predict", ["last", "every"])
def test_plateau_of_permutation_is_the_uniform_guess(predict):
    ((plateau, meaning),) = Permutation(50, 50, 100, predict).plateaus
    assert (round(plateau, 3), meaning) == (4.605, "uniform guess")


# --- memorization -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", ["random", "all"])
@pytest.mark.parametrize("judged", ["any", "last"])
def test_floor_of_memorization_is_that_of_a_table_of_step_and_symbol(patterns, judged):
    values, positions, length = 3, 2, 11
    task = Memorization(7, 7, values, positions, patterns, judged)
    fit, fresh = samples(task, 90_000, length)
    step = 8 * np.arange(length)[:, None]
    losses, answers = table_losses(fit.inputs + step, fit.targets, fresh.inputs + step, fresh.targets, values + 1)
    wrong_TB = answers != fresh.targets
    wrong = wrong_TB.any(0) if judged == "any" else wrong_TB[-1]
    baseline = task.baseline([fresh])
    assert losses.mean() == pytest.approx(baseline.loss, abs=1e-3)
    assert wrong.mean() == pytest.approx(baseline.error, abs=5e-3)
    assert baseline.error == pytest.approx(8 / 9 if judged == "any" else 2 / 3)


def test_floors_of_twenty_bits_are_the_published_ones():
    task, rng = Memorization(50, 200, 5, 10, "random", "any"), np.random.default_rng(3)
    floors = {between: task.baseline([task.draw(rng, 1, between + 20)]).loss for between in range(50, 200)}
    assert floors[50] == pytest.approx(0.2299, abs=5e-5)
    assert floors[199] == pytest.approx(0.0735, abs=5e-5)
    mean = task.baseline([task.draw(rng, 1, between + 20) for between in floors])
    assert mean.loss == pytest.approx(0.1234, abs=5e-5)
    assert mean.error == pytest.approx(1, abs=2e-7)


def test_floor_of_memorization_is_weighted_by_sequences():
    task, rng = Memorization(0, 9, 2, 5, "random", "any"), np.random.default_rng(4)
    batches = [task.draw(rng, size, length) for size, length in ((1, 10), (4, 20))]
    assert task.baseline(batches).loss == pytest.approx(5 * math.log(2) * (1 / 10 + 4 / 20) / 5)


def test_chance_error_of_a_pattern_without_end_is_one():
    task = Memorization(0, 0, 254, 1000, "random", "any")
    assert task.baseline([task.draw(np.random.default_rng(5), 1)]).error == 1


def test_plateau_of_memorization_is_the_uniform_guess():
    ((plateau, meaning),) = Memorization(50, 50, 5, 10, "random", "any").plateaus
    assert (round(plateau, 3), meaning) == (1.792, "uniform guess")

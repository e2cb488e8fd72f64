"""State ablation: against the equations in a loop, and on networks whose use of memory is known by construction."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnctl import seeds
from rnnctl.probes.ablation import ENOUGH, TARGETS, ablation, asked_steps, derangement, usual_contexts
from rnnctl.probes.lengths import at_length
from tests.probes.texts import by_hand, layout_of, random_weights, spec, stepper

POEM = "".join(f"{n} men, {n * n} rats; " for n in range(400))
CELLS = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "gated"])


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text(POEM)
    return path


@pytest.fixture
def pairs(tmp_path):
    """aabbaabb...: the present symbol tells nothing of the next, the one before it everything."""
    path = tmp_path / "pairs.txt"
    path.write_text("aabb" * 2000)
    return path


def judged(y, targets):
    """Loss and wrongness, (B,)."""
    return -y.log_softmax(1)[torch.arange(len(y)), targets], (y.argmax(1) != targets).double()


def windows(one, samples, seed):
    batch = one.task.make().split("test").draw(seeds.generator(seed, seeds.EVALUATION), samples)
    return torch.from_numpy(batch.inputs.astype(np.int64)), torch.from_numpy(batch.targets)


@CELLS
@torch.no_grad()
def test_every_state_and_context_is_that_of_a_plain_loop(poem, cell):
    one = spec(poem, cell)
    flat, samples, seed = random_weights(one), 30, 4
    actual = ablation(one, flat, [0, 1, 3, 7], samples, seed)
    inputs, targets = windows(one, samples, seed)
    step, rng = stepper(one, flat), seeds.generator(seed, seeds.SHUFFLING)
    answers, carried = {"carried": [], "zeroed": [], "shuffled": []}, None
    for u, target in zip(inputs, targets, strict=True):
        order = derangement(rng, samples)
        starts = {"carried": carried, "zeroed": None, "shuffled": None if carried is None else carried[order]}
        after = {name: step(u, start) for name, start in starts.items()}
        for name, (y, _) in after.items():
            answers[name].append(torch.stack(judged(y, target)))
        carried = after["carried"][1]
    both = {name: torch.stack(each).numpy() for name, each in answers.items()}  # (T, 2, B)
    at = list(actual.steps)
    assert at == [7, 8, 9, 10, 11]
    for states, steps in ((actual.everywhere, slice(None)), (actual.late, at)):
        assert states.targets == both["carried"][steps, 0].size
        for name, each in both.items():
            check(getattr(states, name), each[steps, 0], each[steps, 1], both["carried"][steps, 0])
    for k, measured in actual.contexts.items():
        of_steps = []
        for t in at:
            state = None
            for u in inputs[t - k : t + 1]:
                y, state = step(u, state)
            of_steps.append(torch.stack(judged(y, targets[t])).numpy())
        check(measured, np.array(of_steps)[:, 0], np.array(of_steps)[:, 1], both["carried"][at, 0])


def check(measured, loss, wrong, carried):
    """Losses, errors and their standard errors, from those of each step and window."""
    for value, error, plain in (
        (measured.nats, measured.nats_se, loss),
        (measured.error, measured.error_se, wrong),
        (measured.cost, measured.cost_se, loss - carried),
    ):
        by_window = plain.mean(0)
        assert value == pytest.approx(by_window.mean(), rel=1e-9, abs=1e-12)
        assert error == pytest.approx(by_window.std(ddof=1) / math.sqrt(len(by_window)), rel=1e-9, abs=1e-12)
    # Of one-byte symbols.
    assert measured.bits_per_byte == pytest.approx(measured.nats / math.log(2))
    assert measured.bits_per_byte_se == pytest.approx(measured.nats_se / math.log(2))


def test_the_whole_window_as_context_is_the_state_as_trained(poem):
    one = spec(poem, "lstm")
    actual = ablation(one, random_weights(one), [0, 11], 20, 1)
    assert actual.steps == (11,)
    assert actual.contexts[11] == actual.late.carried
    assert actual.contexts[0] == actual.late.zeroed
    assert (actual.late.carried.cost, actual.late.carried.cost_se) == (0, 0)


def test_as_trained_is_what_evaluate_finds_at_the_length_of_training(poem):
    one = spec(poem, "gru")
    flat = random_weights(one)
    actual, known = ablation(one, flat, [0], 50, 3), at_length(one, flat, 12, 50, 3)
    assert actual.everywhere.carried.nats == pytest.approx(known.loss, rel=1e-9)
    assert actual.everywhere.carried.error == pytest.approx(known.error, rel=1e-9)
    assert actual.everywhere.bigram.nats == pytest.approx(known.baseline.loss, rel=1e-9)


def test_without_recurrence_no_state_makes_a_difference(poem):
    one = spec(poem)
    flat = random_weights(one)
    layout_of(one).views(flat.unsqueeze(0))["W_hh"].zero_()
    actual = ablation(one, flat, [0, 2, 5], 40, 1)
    assert actual.everywhere.carried == actual.everywhere.zeroed == actual.everywhere.shuffled
    assert all(measured == actual.late.carried for measured in actual.contexts.values())
    assert actual.context_used == 0


def test_a_state_that_tells_nothing_of_the_text_costs_nothing_to_shuffle_but_something_to_zero(poem):
    one = spec(poem, hidden=2)
    size = one.task.make().n_outputs
    flat = by_hand(one, W_hh=2 * np.eye(2), b_hh=[0.3, -0.2], W_hy=np.random.default_rng(1).standard_normal((2, size)))
    actual = ablation(one, flat, [0, 2], 40, 1).everywhere
    assert actual.shuffled == actual.carried
    assert abs(actual.zeroed.cost) > 10 * actual.zeroed.cost_se > 0


def shift_register(one, sure=9.0):
    """Two pairs of units: which symbol is present, and which was before. a, then anything, is followed by b: so says
    the second pair.
    """
    eye, zero = np.eye(2), np.zeros((2, 2))
    return by_hand(
        one,
        W_uh=np.hstack([eye, zero]),
        W_hh=np.block([[zero, eye], [zero, zero]]),
        W_hy=np.vstack([zero, sure * (1 - eye)]),
    )


def test_a_memory_of_one_symbol_is_seen_at_a_context_of_one(pairs):
    one = spec(pairs, hidden=4, activation="identity")
    actual = ablation(one, shift_register(one), [0, 1, 2, 4], 200, 2)
    nothing, known = math.log(2), math.log1p(math.exp(-9))
    assert actual.contexts[0].nats == pytest.approx(nothing)
    assert actual.late.zeroed.bits_per_byte == pytest.approx(1)
    assert actual.context_used == 1
    assert ablation(one, shift_register(one), [0], 200, 2).context_used is None
    assert ablation(one, shift_register(one), [0, 2, 4], 200, 2).context_used == 2
    for k in (1, 2, 4):
        assert actual.contexts[k].nats == pytest.approx(known)
        assert actual.contexts[k].error == 0
    assert actual.late.bigram.nats == pytest.approx(nothing, rel=1e-3)
    # At the first step of a window nothing was before.
    assert actual.everywhere.carried.nats == pytest.approx((nothing + 11 * known) / 12)
    # The symbol before, in another window, is the right one in half of the cases, and costs 9 nats in the other.
    by_step = 11 / 12 * 9 * 0.5
    assert actual.everywhere.shuffled.cost == pytest.approx(by_step, rel=0.15)
    assert 0 < actual.everywhere.shuffled.cost_se < 0.3


@pytest.mark.parametrize(
    ("costs", "used"),
    [
        ({0: 1.0, 1: 0.011, 4: 0.009, 8: 0.0}, 4),
        ({0: 1.0, 1: ENOUGH, 4: 0.0}, 4),
        ({0: 1.0, 1: -0.5, 4: 0.2}, 1),
        ({0: -1.0}, 0),
        ({0: 1.0, 8: 0.02}, None),
        ({0: math.nan, 8: math.nan}, None),
    ],
)
def test_the_context_that_is_used_is_the_least_that_costs_next_to_nothing(poem, costs, used):
    one = spec(poem)
    actual = ablation(one, random_weights(one), [0], 10, 1)
    contexts = {k: replace(actual.late.carried, cost=cost) for k, cost in costs.items()}
    assert replace(actual, contexts=contexts).context_used == used


def test_bits_per_byte_are_those_of_the_bytes_that_targets_stand_for(tmp_path):
    path = tmp_path / "umlauts.txt"
    path.write_text("äxäxxä" * 500)
    actual = ablation(one := spec(path), random_weights(one), [0], 50, 1)
    _, targets = windows(one, 50, 1)
    n_bytes = 600 + int((targets == 1).sum())  # ä, of two bytes, comes after x
    assert actual.everywhere.bytes == n_bytes
    assert actual.everywhere.carried.bits_per_byte == pytest.approx(
        actual.everywhere.carried.nats * 600 / math.log(2) / n_bytes
    )


def test_the_error_of_bits_per_byte_is_how_far_they_scatter_where_windows_differ_in_bytes(tmp_path):
    """Symbols of one byte and of four, in stretches that a window may be full of: drawn again and again, bits per byte
    scatter as one drawing says they do, and much more than the nats in them.
    """
    rng, path = np.random.default_rng(5), tmp_path / "faces.txt"
    stretches = zip(rng.choice(["ab", "😀😃"], 3000), rng.integers(2, 9, 3000), strict=True)
    path.write_text("".join(pair * int(n) for pair, n in stretches))
    one = spec(path)
    drawn = [ablation(one, random_weights(one), [0, 3], 60, seed) for seed in range(200)]
    for of in (lambda actual: actual.everywhere.carried, lambda actual: actual.contexts[3]):
        estimates, reported, by_nats = (
            np.array([getattr(of(actual), name) for actual in drawn])
            for name in ("bits_per_byte", "bits_per_byte_se", "nats_se")
        )
        scatter = estimates.std(ddof=1)
        assert reported.mean() == pytest.approx(scatter, rel=0.15)  # two hundred tell it to 5 %
        assert by_nats.mean() * estimates.mean() / np.mean([of(actual).nats for actual in drawn]) < 0.6 * scatter


def test_chunks_are_put_together(poem, monkeypatch):
    one = spec(poem)
    flat = random_weights(one)
    monkeypatch.setattr("rnnctl.probes.base.CHUNK", 10)
    actual = ablation(one, flat, [0, 2], 40, 1)
    rng, task, losses = seeds.generator(1, seeds.EVALUATION), one.task.make().split("test"), []
    step = stepper(one, flat)
    for _ in range(4):
        batch = task.draw(rng, 10)
        for u, target in zip(batch.inputs, batch.targets, strict=True):
            y, _ = step(torch.from_numpy(u.astype(np.int64)), None)
            losses.append(judged(y, torch.from_numpy(target))[0])
    assert actual.everywhere.targets == 480
    assert actual.everywhere.zeroed.nats == pytest.approx(torch.stack(losses).mean().item(), rel=1e-9)


def test_a_vocabulary_too_large_for_memory_is_judged_in_parts(poem, monkeypatch):
    one = spec(poem)
    whole = ablation(one, random_weights(one), [0, 2], 40, 1)
    monkeypatch.setattr("rnnctl.probes.stepper.ROOM", 7 * one.task.make().n_outputs)
    parts = ablation(one, random_weights(one), [0, 2], 40, 1)
    assert parts.contexts[2].nats == pytest.approx(whole.contexts[2].nats, rel=1e-12)
    assert parts.everywhere.shuffled.error == whole.everywhere.shuffled.error


@pytest.mark.parametrize("n", [2, 3, 50])
def test_nothing_stays_in_its_place(n):
    orders = [derangement(np.random.default_rng(seed), n) for seed in range(20)]
    for order in orders:
        assert sorted(order) == list(range(n))
        assert (order != np.arange(n)).all()
    assert n == 2 or len({tuple(order) for order in orders}) > 1


@pytest.mark.parametrize(
    ("window", "expected"),
    [(1, [0]), (2, [0, 1]), (4, [0, 1, 2]), (5, [0, 1, 2, 4]), (100, [0, 1, 2, 4, 8, 16, 32, 64])],
)
def test_usual_contexts_fit_the_window(window, expected):
    assert usual_contexts(window) == expected


@pytest.mark.parametrize(("window", "longest"), [(100, 64), (12, 11), (1, 0), (5, 0), (1000, 3)])
def test_steps_are_late_enough_for_the_longest_context(window, longest):
    steps = asked_steps(window, longest)
    assert steps[0] >= longest
    assert steps[-1] == window - 1 or len(steps) == 1
    assert (np.diff(steps) > 0).all()
    assert len(steps) == min(TARGETS, window - longest)


@pytest.mark.parametrize("contexts", [[], [12], [0, -1]])
def test_contexts_outside_the_window_are_refused(poem, contexts):
    with pytest.raises(ValueError, match="contexts from 0 to 11"):
        ablation(spec(poem), random_weights(spec(poem)), contexts, 10, 1)


@pytest.mark.parametrize(("samples", "words"), [(1, "two samples"), (1500, "multiple")])
def test_samples_that_cannot_be_had_are_refused(poem, samples, words):
    with pytest.raises(ValueError, match=words):
        ablation(spec(poem), random_weights(spec(poem)), [0], samples, 1)

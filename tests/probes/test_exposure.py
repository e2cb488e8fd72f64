"""Exposure: how an error spreads and when it has recovered, and what the grammar says of what a network writes."""

import math

import numpy as np
import pytest
import torch

from rnnctl import seeds
from rnnctl.grammars.alphabet import V, encode
from rnnctl.grammars.lexicons import GRAMMARS
from rnnctl.grammars.process import Process
from rnnctl.probes.exposure import CONTEXT, error_of, exposure, growth_of, recovery_steps
from rnnctl.probes.grammars import IMPOSSIBLE, surprises
from rnnctl.study.run import RunSpec
from tests.probes.texts import by_hand, random_weights


def spec(**model):
    return RunSpec.model_validate(
        {
            "task": {"name": "grammar", "sentences": 400},
            "model": {"name": "rnn", "hidden": 8, "init": "xavier", **model},
            "train": {"dtype": "float64"},
        }
    )


def measured(one, flat, **asked):
    task = one.task.make()
    asked = {"symbols": 12, "samples": 30, "temperature": 1.0, "margin": 0.05, **asked}
    return exposure(one, flat, task.ids("test"), task.process, seeds.generator(1, seeds.EXPOSURE), **asked)


def bigram(one, table_VV):
    """Weights of a network whose outputs are a table by the present character, and that has no memory."""
    return by_hand(one, W_uh=np.eye(V), W_hy=table_VV)


def test_a_network_without_memory_recovers_after_one_step():
    one = spec(hidden=V, activation="identity")
    error = measured(one, bigram(one, np.random.default_rng(1).standard_normal((V, V)))).error
    assert error.variation[0] > 0.2
    np.testing.assert_allclose(error.variation[1:], 0, atol=1e-12)
    assert (error.recovery, error.recovered) == (1, 1)


def test_a_network_that_keeps_everything_never_recovers():
    """Its state is the sum of all that it has read, so that the error stays in it for good."""
    one = spec(hidden=V, activation="identity")
    flat = by_hand(one, W_uh=np.eye(V), W_hh=np.eye(V), W_hy=np.diag(np.full(V, 0.003)))
    error = measured(one, flat, margin=1e-6).error
    assert error.variation[-1] > 1e-5
    assert (error.recovery, error.recovered) == (math.inf, 0)


def test_distances_by_hand():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p)[None, None], np.log(q)[None, None]
    other = error_of(log_q, log_p, 0.05)
    assert other.variation[0] == pytest.approx(0.5)
    assert other.divergence[0] == pytest.approx(math.log(2))
    assert error_of(log_p, log_p, 0.05).divergence[0] == 0
    assert error_of(log_p, log_q, 0.05).divergence[0] == math.inf


def test_recovery_is_for_good():
    variation = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0], [0.9, 0.0, 0.9], [0.2, 0.2, 0.05], [0.0, 0.3, 0.0]])
    assert recovery_steps(variation, 0.05).tolist() == [0, 1, math.inf, 2, 2]


def test_growth_is_from_the_first_quarter_to_the_last():
    assert growth_of(np.array([1.0, 3, 9, 9, 9, 9, 6, 8])) == 5
    assert growth_of(np.array([1.0, 2])) == 1


def test_a_perfect_network_of_a_simple_process_has_its_entropy_as_surprise(monkeypatch):
    """Sentences of one letter, drawn independently: after a space a letter by its probability, after a letter a space.
    A table by the present character is all there is to know.
    """
    letters, probabilities = "abc", (0.5, 0.3, 0.2)
    process = Process(tuple(letters), probabilities)
    table = np.full((V, V), -40.0)
    table[0, encode(letters)] = np.log(probabilities)
    table[encode(letters), 0] = 0.0
    one = spec(hidden=V, activation="identity")
    rng = np.random.default_rng(3)
    text = encode("".join(f"{letter} " for letter in rng.choice(list(letters), 2000, p=probabilities)))
    result = exposure(
        one, bigram(one, table), text, process, rng, symbols=40, samples=500, temperature=1.0, margin=0.05
    )
    entropy = -sum(p * math.log(p) for p in probabilities) / 2
    assert process.entropy == pytest.approx(entropy)
    error = 3 * math.sqrt(0.12 / (500 * 20))  # variance of -log p of a letter, of which each text has 20
    assert result.free.mean() == pytest.approx(entropy, abs=error)
    assert result.forced.mean() == pytest.approx(entropy, abs=error)
    np.testing.assert_allclose(result.loss, result.forced, atol=1e-9)
    assert result.impossible.max() == 0
    assert abs(growth_of(result.free)) < 0.1
    hot = exposure(one, bigram(one, table), text, process, rng, symbols=40, samples=100, temperature=40.0, margin=0.05)
    assert hot.impossible.mean() > 0.3
    assert hot.headline()["free_surprise"] > hot.headline()["forced_surprise"] + 1


def test_loss_and_surprise_are_of_the_same_true_text():
    """A network that knows nothing: its loss is log 27 everywhere, and the true text is possible everywhere."""
    one = spec()
    result = measured(one, torch.zeros_like(random_weights(one)))
    np.testing.assert_allclose(result.loss, math.log(V))
    assert 0 < result.forced.mean() < math.log(V)
    assert result.impossible.mean() > 0.5
    assert result.free.max() <= IMPOSSIBLE
    assert result.error.variation.max() == 0


def test_the_same_seed_gives_the_same_answer_and_states_are_those_of_the_text_before():
    one = spec()
    flat = random_weights(one)
    first, again = measured(one, flat), measured(one, flat)
    np.testing.assert_array_equal(first.free, again.free)
    np.testing.assert_array_equal(first.error.variation, again.error.variation)


def test_outputs_that_are_not_finite_are_told():
    one = spec()
    with pytest.raises(FloatingPointError, match="not finite"):
        measured(one, torch.full_like(random_weights(one), math.nan))


def test_a_character_that_is_impossible_has_the_surprise_infinity_in_its_place_alone():
    process = GRAMMARS["lab"].process
    before, text = encode("the boy sleeps "), encode("thx boy sleeps ")
    surprise = surprises(process, before, text, at_start=True)
    assert np.flatnonzero(np.isinf(surprise)).tolist()[0] == 2
    assert len(surprise) == len(text)
    assert 2 * max(len(sentence.text) for sentence in GRAMMARS["lab"].sentences) < CONTEXT

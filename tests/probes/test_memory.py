"""Memory: what can be read from states whose content is known, and from a network that holds the last characters."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.probes import packages
from rnnctl.probes.base import QuestionError
from rnnctl.probes.memory import LARGEST, AtLag, Memory, Sample, at_lag, horizon
from rnnctl.study.run import RunSpec
from tests.probes.texts import answer_of, by_hand, random_weights, spec

V, LAGS = 5, 7


def symbols(rng, n=2_000):
    """Independent symbols and those 0..LAGS steps before each, (n, LAGS + 1)."""
    ids = rng.integers(V, size=n + LAGS)
    return np.stack([ids[LAGS - k : len(ids) - k] for k in range(LAGS + 1)], 1)


def samples(states):
    """A sample to fit and one to score, of states that are made of symbols (N, K + 1)."""
    rng = np.random.default_rng(1)
    drawn = [symbols(rng) for _ in range(2)]
    return [Sample(np.asarray(states(each, rng), dtype=float), each) for each in drawn]


def one_hot_of_the_last(n):
    return lambda known, rng: np.concatenate([np.eye(V)[known[:, k]] for k in range(1, n + 1)], 1)


def test_a_state_of_exactly_the_last_five_characters_has_the_horizon_five():
    by_lag = [at_lag(*samples(one_hot_of_the_last(5)), k) for k in range(LAGS + 1)]
    assert horizon(by_lag, 0.05) == 5
    assert [at.accuracy for at in by_lag[1:6]] == [1.0] * 5
    for at in (by_lag[0], *by_lag[6:]):
        assert at.accuracy == pytest.approx(1 / V, abs=0.05)
    assert by_lag[0].present == 1.0


def test_noise_has_the_horizon_zero():
    by_lag = [at_lag(*samples(lambda known, rng: rng.normal(size=(len(known), 30))), k) for k in range(LAGS + 1)]
    assert horizon(by_lag, 0.05) == 0
    assert horizon(by_lag, 0.0) == 0
    assert max(at.accuracy for at in by_lag) < 1 / V + 0.05


def test_what_the_present_character_tells_is_no_memory():
    """Symbols that follow each other in a cycle: the present one tells all others."""
    ids = np.arange(2_000 + LAGS) % V
    known = np.stack([ids[LAGS - k : len(ids) - k] for k in range(LAGS + 1)], 1)
    sample = Sample(np.eye(V)[known[:, 3]], known)
    by_lag = [at_lag(sample, sample, k) for k in range(LAGS + 1)]
    assert {(at.accuracy, at.present, at.gain) for at in by_lag} == {(1.0, 1.0, 0.0)}
    assert horizon(by_lag, 0.0) == 0


def test_baselines_are_counted_on_one_sample_and_scored_on_the_other():
    fit = Sample(np.zeros((6, 2)), np.array([[0, 1], [0, 1], [0, 2], [1, 2], [1, 2], [1, 2]]))
    score = Sample(np.zeros((4, 2)), np.array([[0, 1], [0, 2], [1, 2], [3, 2]]))
    at = at_lag(fit, score, 1)
    assert at.majority == 3 / 4  # always 2
    assert at.present == 3 / 4  # 1 after 0, 2 after 1, and 2 where the present symbol is unknown
    assert at.accuracy == 3 / 4  # a state that never changes tells no more than the most frequent symbol
    assert at.gain_se == pytest.approx(np.std([-1, 1, 0, 0]) / 2)


def test_a_horizon_ends_at_the_first_lag_without_the_margin_or_two_standard_errors():
    def by_lag(*gains):
        return [AtLag(0.5, 0.5, 0.1, 0.0), *(AtLag(0.5 + gain, 0.5, 0.1, se) for gain, se in gains)]

    assert horizon(by_lag((0.3, 0.01), (0.05, 0.01), (0.04, 0.01), (0.3, 0.01)), 0.05) == 2
    assert horizon(by_lag((0.3, 0.01), (0.1, 0.06)), 0.05) == 1
    assert horizon(by_lag((0.3, 0.01), (0.1, 0.01)), 0.05) == 2
    assert horizon(by_lag((0.04, 0.0)), 0.05) == 0


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A text of independent letters."""
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join("abcd"[i] for i in np.random.default_rng(4).integers(4, size=60_000)))
    return path


def test_a_network_that_holds_the_present_and_five_more_characters_has_the_horizon_five(path):
    one = spec(path, activation="identity", hidden=24)
    shift = np.zeros((24, 24))
    shift[np.arange(20), np.arange(4, 24)] = 1  # block i holds the symbol i steps back, and is moved to block i + 1
    flat = by_hand(one, W_uh=np.eye(4, 24), W_hh=shift)
    answer = answer_of(one, flat, Memory(lags=9, states=1_500))
    assert answer["horizon"] == 5
    assert answer["accuracy"][:6] == [1.0] * 6
    assert max(answer["accuracy"][6:]) < 0.35
    assert (answer["accuracy_1_3"], answer["accuracy_4_7"]) == (1.0, pytest.approx(np.mean(answer["accuracy"][4:8])))
    assert "accuracy_8_12" not in answer
    assert answer["best_guess"] is None
    assert answer["present"][0] == 1.0
    # The same whenever it is asked, and of other pieces of text with another seed.
    assert answer_of(one, flat, Memory(lags=9, states=1_500)) == answer
    assert answer_of(one, flat, Memory(lags=9, states=1_500, seed=2))["majority"] != answer["majority"]


def test_states_that_are_finite_but_too_large_are_told(path):
    """Those of a run that diverged, which grow by 100 a step; not far below the limit, states are classified."""
    one = spec(path, activation="identity", hidden=4)
    flat = by_hand(one, W_uh=np.eye(4), W_hh=100 * np.eye(4))
    with pytest.raises(FloatingPointError, match=r"states are too large for a classifier: up to 1\.[01]e\+158"):
        answer_of(one, flat, Memory(lags=9, states=100))
    shift = samples(one_hot_of_the_last(5))
    large = [Sample(0.9 * LARGEST * sample.states_NH, sample.symbols_NK) for sample in shift]
    assert at_lag(*large, 3) == at_lag(*shift, 3)


@pytest.mark.parametrize("cell", ["gru", "lstm", "gated"])
def test_every_cell_is_asked(path, cell):
    one = spec(path, cell)
    answer = answer_of(one, random_weights(one), Memory(lags=3, states=100))
    assert len(answer["accuracy"]) == 4
    assert answer["accuracy"][0] > 0.5


def test_the_best_guess_is_that_of_the_process_where_it_is_known():
    task = {"name": "grammar", "window": 10, "sentences": 500}
    one = RunSpec.model_validate({"task": task, "model": {"hidden": 16}, "train": {"dtype": "float64"}})
    answer = answer_of(one, random_weights(one), Memory(lags=3, states=100))
    process = one.task.make().process
    assert answer["best_guess"] == [process.guess_back(k) for k in range(4)]
    assert answer["best_guess"][0] == 1 > answer["best_guess"][1] > answer["best_guess"][3]


def test_mistakes_are_told(path, monkeypatch):
    one = spec(path)
    short = one.model_copy(update={"task": one.task.model_copy(update={"validation": 0.002})})
    with pytest.raises(QuestionError, match="the validation split has"):
        answer_of(short, random_weights(one), Memory(lags=150))
    order = RunSpec.model_validate({"task": {"name": "temporal_order"}})
    assert Memory().applies(order) == "task temporal_order is not text"
    assert Memory().applies(one) is None
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(QuestionError, match=r"the probe memory needs scikit-learn: pip install 'rnnctl\[effects\]'"):
        answer_of(one, random_weights(one), Memory())

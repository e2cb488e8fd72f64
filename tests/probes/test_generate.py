"""Generation: symbols come as often as softmax says, and the same again for the same seed."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rnnctl.probes.generate import Generate, chosen, generated
from rnnctl.study.run import RunSpec
from tests.probes.texts import by_hand, random_weights, spec, stepper
from tests.training.memory import train

CELLS = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "gated"])


@pytest.fixture
def letters(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("abacabadd" * 300)
    return path


def distance(counts, shares):
    """Pearson's chi-square."""
    expected = counts.sum() * shares
    return float(((counts - expected) ** 2 / expected).sum())


def softmax(y):
    e = np.exp(y - y.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_symbols_come_as_often_as_softmax_says(letters, temperature):
    """After each symbol by a distribution of its own: outputs are a table by the present symbol."""
    one = spec(letters, hidden=4, activation="identity")
    outputs = np.array([[0, 1, 2, -1], [1, 1, 0, 0.5], [-1, 0, 0, 1], [2, 0.3, 0, 0]])
    text = generated(one, by_hand(one, W_uh=np.eye(4), W_hy=outputs), "a", 12_000, temperature, seed=7).decode()
    assert len(text) == 12_001
    counts = np.zeros((4, 4))
    np.add.at(counts, (["abcd".index(c) for c in text[:-1]], ["abcd".index(c) for c in text[1:]]), 1)
    assert counts.sum(1).min() > 500
    right, wrong = (
        [distance(row, softmax(y / t)) for row, y in zip(counts, outputs, strict=True)]
        for t in (temperature, 1.2 * temperature)
    )
    assert max(right) < 16.3  # the .999 quantile at 3 degrees of freedom
    assert max(wrong) > 16.3  # so that another temperature would be noticed


def test_an_empty_prompt_begins_by_the_unigram(letters):
    one = spec(letters)
    flat = random_weights(one)
    firsts = [generated(one, flat, "", 1, 1.0, seed).decode() for seed in range(1500)]
    shares = one.task.make().known.ngrams.unigram_V
    assert distance(np.array([firsts.count(c) for c in "abcd"], float), shares) < 16.3


@CELLS
@torch.no_grad()
def test_at_temperature_0_the_most_probable_symbol_follows_all_that_was_read(letters, cell):
    one = spec(letters, cell)
    flat = random_weights(one, seed=3)
    texts = {generated(one, flat, "abac", 60, 0, seed) for seed in (1, 2)}
    step, state, expected = stepper(one, flat), None, "abac"
    for at in range(63):
        y, state = step(torch.tensor(["abcd".index(expected[at])]), state)
        if at >= 3:
            expected += "abcd"[int(y.argmax())]
    assert texts == {expected.encode()}


@CELLS
def test_a_run_of_a_few_updates_writes_the_same_twice(letters, cell):
    sections = spec(letters, cell, dtype="float32").canonical()
    sections["train"] |= {"updates": 4, "batch": 3}
    sections["check"] |= {"every": 2, "samples": 10, "chunk": 10}
    one = RunSpec.model_validate(sections)
    flat = train({"a": one}).state("a")["best_weights"]
    texts = [generated(one, flat, "da", 50, 1.0, seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith(b"da")
    assert len(texts[0]) == 52


def test_any_bytes_are_a_prompt_at_level_bytes(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 20)
    one = spec(path, level="bytes")
    assert generated(one, random_weights(one), b"\xff\x00", 5, 1.0, 1)[:2] == b"\xff\x00"
    assert generated(one, random_weights(one), "\udcff", 5, 1.0, 1)[:1] == b"\xff"  # of a command line


def test_a_character_that_the_vocabulary_lacks_is_told(letters):
    with pytest.raises(ValueError, match="'z' .U.007A. does not occur"):
        generated(spec(letters), random_weights(spec(letters)), "abz", 5, 1.0, 1)


@pytest.mark.parametrize("temperature", [-0.5, float("nan"), float("inf")])
def test_temperatures_that_are_none_are_refused(letters, temperature):
    with pytest.raises(ValueError, match="a finite number, 0 or more"):
        generated(spec(letters), random_weights(spec(letters)), "a", 5, temperature, 1)


def test_extreme_outputs_and_temperatures_leave_the_most_probable_symbol():
    rng, y = np.random.default_rng(1), np.array([1e300, -1e300, 0.0])
    assert {chosen(rng, y, temperature) for temperature in (0, 1e-300, 1.0) for _ in range(20)} == {0}
    with pytest.raises(FloatingPointError, match="not finite"):
        chosen(rng, np.array([0.0, np.nan]), 1.0)


def test_the_number_of_symbols_has_an_upper_bound():
    assert Generate(symbols=1_000_000).symbols == 1_000_000
    with pytest.raises(ValidationError, match="less than or equal to 1000000"):
        Generate(symbols=1_000_001)

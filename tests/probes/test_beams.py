"""Beam search: with enough beams it is exhaustive, and then it is compared to all texts there are."""

import itertools
import math

import numpy as np
import pytest

from rnnctl.probes.beams import beam_search, length_penalty

V, LONGEST = 3, 5


class Table:
    """A random distribution of the next symbol for every text. The state is the number of the text in base V + 1."""

    def __init__(self, seed, sharp=2.0):
        y = sharp * np.random.default_rng(seed).standard_normal(((V + 1) ** (LONGEST + 2), V))
        self.log = y - np.log(np.exp(y).sum(1, keepdims=True))

    def step(self, symbols_B, state):
        state = np.zeros(len(symbols_B), int) if state is None else state
        state = state * (V + 1) + symbols_B + 1
        return self.log[state], state

    def probability(self, prompt, text):
        state = None
        for symbol in prompt:
            log, state = self.step(np.array([symbol]), state)
        total = 0.0 if prompt else self.log[0][text[0]]
        if not prompt:
            log, state = self.step(np.array(text[:1]), None)
        for symbol in text if prompt else text[1:]:
            total += log[0, symbol]
            log, state = self.step(np.array([symbol]), state)
        return total


def texts(ends):
    """All texts that end, or that have the greatest length without an end before."""
    for n in range(1, LONGEST + 1):
        for text in itertools.product(range(V), repeat=n):
            early = any(ends(text[:k]) for k in range(1, n))
            if not early and (n == LONGEST or ends(text)):
                yield text


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("power", [0.0, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("prompt", [[], [1]])
def test_with_a_beam_for_every_text_it_finds_the_best_of_all(seed, power, prompt):
    table = Table(seed)
    for ends in (lambda text: False, lambda text: text[-1] == 2):
        best = beam_search(table.step, table.log[0], prompt, LONGEST, V**LONGEST, power, ends)
        scored = {t: table.probability(prompt, t) / ((5 + len(t)) / 6) ** power for t in texts(ends)}
        expected = max(scored, key=scored.get)
        assert best.symbols == expected
        assert best.score == pytest.approx(scored[expected], rel=1e-12)
        assert best.log_probability == pytest.approx(table.probability(prompt, expected), rel=1e-12)


def test_one_beam_takes_the_most_probable_symbol_at_each_step_and_more_beams_find_no_worse_texts():
    better = 0
    for seed in range(20):
        table = Table(seed, sharp=1.0)
        scores = [beam_search(table.step, None, [0], LONGEST, n).score for n in (1, 3, V**LONGEST)]
        assert scores[0] <= scores[2] + 1e-12
        assert scores[1] <= scores[2] + 1e-12
        better += scores[0] < scores[2] - 1e-9
        greedy, state = [], None
        log, state = table.step(np.array([0]), None)
        for _ in range(LONGEST):
            greedy.append(int(log[0].argmax()))
            log, state = table.step(np.array(greedy[-1:]), state)
        assert beam_search(table.step, None, [0], LONGEST, 1).symbols == tuple(greedy)
    assert better > 5  # so that the search is worth something


def test_a_length_penalty_makes_texts_longer():
    def ends(text):
        return text[-1] == 2

    lengths = [
        [len(beam_search(Table(seed).step, None, [0], LONGEST, 50, power, ends).symbols) for power in (0, 1, 4)]
        for seed in range(20)
    ]
    assert all(a <= b <= c for a, b, c in lengths)
    assert sum(a < c for a, _, c in lengths) > 5


def test_the_penalty_is_that_of_the_paper():
    assert length_penalty(1, 0.7) == 1
    assert length_penalty(7, 0) == 1
    assert length_penalty(7, 0.65) == pytest.approx((5 + 7) ** 0.65 / (5 + 1) ** 0.65)


def test_symbols_that_cannot_come_are_never_written():
    log = np.array([[0.0, -math.inf, -math.inf]])
    best = beam_search(lambda symbols, _: (np.repeat(log, len(symbols), 0), symbols), None, [1], 4, 9)
    assert best.symbols == (0, 0, 0, 0)
    assert best.log_probability == 0


def test_outputs_that_are_not_finite_are_told():
    with pytest.raises(FloatingPointError, match="not finite"):
        beam_search(lambda symbols, _: (np.full((len(symbols), 3), np.nan), symbols), None, [0], 4, 2)

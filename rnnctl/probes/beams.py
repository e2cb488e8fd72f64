"""Beam search: the continuation that a network gives the highest score, as far as a search with few beams finds it.

Of all texts that have been written so far, the `beams` most probable ones are kept; each is continued by every symbol,
and the most probable ones are kept again. A text that comes to its end is set aside. Texts that have not ended after
the greatest number of symbols end there. The result is the text with the highest score

    log P(text | prompt) / lp(n),    lp(n) = ((5 + n) / (5 + 1))^a,

n being its number of symbols and a the length penalty (Wu et al. 2016, Google's neural machine translation system,
equation 14, without the coverage penalty). At a = 0 it is the most probable text. The higher a is, the less a long text
loses by its length. With at least as many beams as there are texts, the search is exhaustive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Reads a symbol of each beam, (B,) int64, from a state (None before the first symbol), and returns the log-probability
# of each next symbol, (B, V) float64, and the state. A state can be indexed by beams, as an array or a tensor can.
Step = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]


@dataclass(frozen=True)
class BestText:
    """The best text: the symbols after the prompt, their log-probability (nats), and its score."""

    symbols: tuple[int, ...]
    log_probability: float
    score: float


def length_penalty(symbols: int, power: float) -> float:
    """Return lp(n), what a log-probability is divided by: 1 at n = 1 and at power 0."""
    return float(((5 + symbols) / 6) ** power)


def beam_search(
    step: Step,
    first_V: np.ndarray | None,
    prompt: Sequence[int],
    symbols: int,
    beams: int,
    power: float = 0.0,
    ends: Callable[[tuple[int, ...]], bool] = lambda text: False,
) -> BestText:
    """Return the best continuation of a prompt by 1 to `symbols` symbols.

    first_V: log-probabilities of the first symbol, used where the prompt is empty. power: the length penalty a, 0 or
    more. ends: whether a text of added symbols is at its end. Of equal scores the first is kept: the one found earlier,
    then the one with the lower ids. Raise FloatingPointError if a log-probability is NaN.
    """
    texts: list[tuple[int, ...]] = [()]
    total_B = np.zeros(1)
    state: Any = None
    log_BV = np.empty((0, 0))
    for symbol in prompt:
        log_BV, state = step(np.full(beams, symbol, np.int64), state)
    log_BV = log_BV[:1] if len(prompt) else np.asarray(first_V, dtype=float)[None]
    best: BestText | None = None
    for length in range(1, symbols + 1):
        if np.isnan(log_BV).any():
            raise FloatingPointError("the network's outputs are not finite")
        sums_BV = total_B[:, None] + log_BV
        order = np.argsort(-sums_BV, axis=None, kind="stable")[:beams]
        rows, ids = np.unravel_index(order, sums_BV.shape)
        sums = sums_BV[rows, ids]
        alive = []
        for i, (row, symbol, total) in enumerate(zip(rows.tolist(), ids.tolist(), sums.tolist(), strict=True)):
            text = (*texts[row], symbol)
            if total == -np.inf:
                continue
            if length < symbols and not ends(text):
                alive.append((i, text))
                continue
            score = total / length_penalty(length, power)
            if best is None or score > best.score:
                best = BestText(text, total, score)
        # Log-probabilities only fall, and no penalty is larger than that of the greatest length.
        if not alive or (best is not None and sums[alive[0][0]] / length_penalty(symbols, power) <= best.score):
            break
        places = [i for i, _ in alive]
        texts, total_B = [text for _, text in alive], sums[places]
        # The network reads as many sequences as there are beams: copies of the last fill the places that are free.
        filled = np.array([*places, *[places[-1]] * (beams - len(places))])
        after, state = step(ids[filled].astype(np.int64), None if state is None else state[rows[filled]])
        log_BV = after[: len(places)]
    assert best is not None, "the most probable text has a probability above 0"
    return best

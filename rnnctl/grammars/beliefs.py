"""What is known of a stream's state after a text: the forward filter of a hidden Markov model (Rabiner 1989, III A).

A belief is a probability of each state. Few different ones occur, since a text soon tells the state for certain. So
every belief gets a number when it first occurs, and what follows it is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnctl.grammars.alphabet import V
from rnnctl.grammars.automaton import DIGITS, START, Automaton


class Follower(NamedTuple):
    """What may come next: a symbol, its probability, and the number of the belief after it."""

    symbol: int
    probability: float
    belief: int


class Beliefs:
    """The beliefs of an automaton that have occurred so far, by number.

    start: the belief at the beginning of a sentence. stationary: the belief before any text, at an unknown place of the
    stream.
    """

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self._numbers: dict[tuple[tuple[int, float], ...], int] = {}
        self._weights: list[dict[int, float]] = []
        self._followers: list[Mapping[int, Follower] | None] = []
        self.start = self._number({START: 1.0})
        self.stationary = self._number(dict(enumerate(automaton.stationary_S.tolist())))

    def of_state(self, state: int) -> int:
        """Return the belief that is certain of a state."""
        return self._number({state: 1.0})

    def followers(self, belief: int) -> Mapping[int, Follower]:
        """Return what may come next, by symbol. The probabilities have the sum 1."""
        known = self._followers[belief]
        if known is None:
            known = self._followers[belief] = self._step(self._weights[belief])
        return known

    def distribution(self, belief: int) -> np.ndarray:
        """Return the probability of each next symbol, (V,) float64."""
        probabilities_V = np.zeros(V)
        for follower in self.followers(belief).values():
            probabilities_V[follower.symbol] = follower.probability
        return probabilities_V

    def uncertainty(self, belief: int) -> float:
        """Return the entropy of the next symbol, in nats."""
        return -math.fsum(f.probability * math.log(f.probability) for f in self.followers(belief).values())

    def _step(self, weights: Mapping[int, float]) -> Mapping[int, Follower]:
        """Return what may follow a belief."""
        joint: dict[int, dict[int, float]] = {}
        for state, weight in weights.items():
            for symbol, following, probability in self.automaton.edges[state]:
                states = joint.setdefault(symbol, {})
                states[following] = states.get(following, 0.0) + weight * probability
        followers = {}
        for symbol, states in sorted(joint.items()):
            total = sum(states.values())
            belief = self._number({state: weight / total for state, weight in states.items()})
            followers[symbol] = Follower(symbol, total, belief)
        return followers

    def _number(self, weights: dict[int, float]) -> int:
        """Return the number of a belief. Those whose probabilities agree in DIGITS decimal places are one."""
        key = tuple(sorted((state, round(weight, DIGITS)) for state, weight in weights.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self._weights)
            self._weights.append(weights)
            self._followers.append(None)
        return self._numbers[key]

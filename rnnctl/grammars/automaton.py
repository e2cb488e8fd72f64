"""The states of an endless stream of independent sentences, a space after each.

A state is what has been read of the present sentence. States with the same future are one: after `the boy chases` and
`the girl chases` the same symbols follow with the same probabilities. The state alone decides what comes next, but a
text does not always tell its state: where one sentence is the beginning of another, a space may end it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnctl.grammars.alphabet import SPACE, encode

START = 0  # the state before a sentence
DIGITS = 12  # probabilities that agree in so many decimal places are equal


class Edge(NamedTuple):
    """A step from one state to another: the symbol, the next state, and the probability given the first state."""

    symbol: int
    state: int
    probability: float


@dataclass(frozen=True, eq=False)
class Automaton:
    """The states of a stream of sentences, (S) of them, and the steps between them.

    edges: of each state; several can have the same symbol. stationary_S: how often the stream is in each state.
    mean_length: of a sentence with its space, in symbols. longest: that of the longest sentence.
    """

    edges: tuple[tuple[Edge, ...], ...]
    stationary_S: np.ndarray
    mean_length: float
    longest: int

    @classmethod
    def of(cls, sentences: Sequence[str], probabilities: Sequence[float]) -> Automaton:
        """Return the automaton of sentences with these probabilities, whose sum is 1."""
        ids = [[*encode(sentence).tolist(), SPACE] for sentence in sentences]
        tree = _Tree()
        for symbols, probability in zip(ids, probabilities, strict=True):
            tree.add(symbols, probability)
        mean_length = sum(p * len(symbols) for symbols, p in zip(ids, probabilities, strict=True))
        edges, visits = tree.merged()
        return cls(edges, np.array(visits) / mean_length, mean_length, max(map(len, ids)))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return all edges: the states that they leave, symbols, next states, all (E,) int64, and probabilities."""
        rows = [(state, *edge) for state, edges in enumerate(self.edges) for edge in edges]
        leave_E, symbol_E, enter_E, probability_E = (np.array(column) for column in zip(*rows, strict=True))
        return leave_E, symbol_E, enter_E, probability_E


class _Tree:
    """The beginnings of sentences, each with its probability, and with that of ending by the symbol that follows."""

    def __init__(self) -> None:
        self.weights = [0.0]
        self.children: list[dict[int, int]] = [{}]
        self.ends: list[dict[int, float]] = [{}]

    def add(self, symbols: Sequence[int], probability: float) -> None:
        node = 0
        self.weights[node] += probability
        for symbol in symbols[:-1]:
            if symbol not in self.children[node]:
                self.children[node][symbol] = len(self.weights)
                self.weights.append(0.0)
                self.children.append({})
                self.ends.append({})
            node = self.children[node][symbol]
            self.weights[node] += probability
        last = symbols[-1]
        self.ends[node][last] = self.ends[node].get(last, 0.0) + probability

    def merged(self) -> tuple[tuple[tuple[Edge, ...], ...], list[float]]:
        """Return the edges of all states, and how often a sentence visits each; nodes with one future are one state."""
        edges: list[tuple[Edge, ...]] = [()]
        visits = [0.0]
        states = [START] * len(self.weights)
        known: dict[tuple[tuple[int, int, float], ...], int] = {}
        for node in reversed(range(len(self.weights))):  # a node comes after those that lead to it
            weight = self.weights[node]
            steps = [Edge(s, states[child], self.weights[child] / weight) for s, child in self.children[node].items()]
            steps += [Edge(s, START, end / weight) for s, end in self.ends[node].items()]
            steps.sort()
            if node == 0:
                edges[START], visits[START] = tuple(steps), weight
                break
            key = tuple((edge.symbol, edge.state, round(edge.probability, DIGITS)) for edge in steps)
            if key not in known:
                known[key] = len(edges)
                edges.append(tuple(steps))
                visits.append(0.0)
            states[node] = known[key]
            visits[states[node]] += weight
        return tuple(edges), visits

"""The endless stream of independent sentences of a grammar, a space after each: exact predictions and entropies.

All entropies are in nats per symbol. A reader that begins in the middle of a stream does not know where in a sentence
it is. It starts from the belief that any place of the stream is equally likely.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from rnnctl.grammars.alphabet import SPACE, V, encode
from rnnctl.grammars.automaton import Automaton
from rnnctl.grammars.beliefs import Beliefs

TOLERANCE = 1e-11  # of an entropy, in nats per symbol
MOST_SYMBOLS = 2_000  # read to determine an entropy


class Process:
    """An endless stream of sentences that are drawn independently.

    sentences: different texts of the alphabet, none empty. probabilities: of each; their sum is 1. Raises ValueError
    otherwise.
    """

    def __init__(self, sentences: Sequence[str], probabilities: Sequence[float]) -> None:
        if len(set(sentences)) < len(sentences) or not all(sentences):
            raise ValueError("the sentences of a process must be different, and none of them empty")
        if not sentences or min(probabilities) <= 0 or not math.isclose(math.fsum(probabilities), 1, abs_tol=1e-9):
            raise ValueError("the probabilities of the sentences must be positive, and their sum 1")
        self.sentences, self.probabilities = tuple(sentences), tuple(probabilities)

    @cached_property
    def automaton(self) -> Automaton:
        """The states of the stream."""
        return Automaton.of(self.sentences, self.probabilities)

    @cached_property
    def beliefs(self) -> Beliefs:
        """What is known of the state after a text."""
        return Beliefs(self.automaton)

    def draw(self, rng: np.random.Generator, sentences: int) -> np.ndarray:
        """Draw the text of so many sentences, (T,) uint8."""
        edges = np.cumsum(self.probabilities)
        chosen = np.searchsorted(edges, rng.random(sentences) * edges[-1], side="right")
        return np.concatenate([np.empty(0, np.uint8), *(self._ids[sentence] for sentence in chosen)])

    @cached_property
    def entropy(self) -> float:
        """The entropy rate: the loss that no predictor can pass, whatever it remembers.

        Computed to TOLERANCE, from above by H(next | last k) and from below by H(next | last k and the state before
        them), for growing k (Cover and Thomas 2006, theorem 4.5.1). If a text can be divided into sentences in one way
        only, it is the entropy of a sentence divided by its mean length. Raises ValueError if MOST_SYMBOLS symbols do
        not tell enough.
        """
        stationary_S = self.automaton.stationary_S.tolist()
        above = {self.beliefs.stationary: 1.0}
        below = {self.beliefs.of_state(state): weight for state, weight in enumerate(stationary_S)}
        for _ in range(MOST_SYMBOLS):
            high, low = self._uncertainty(above), self._uncertainty(below)
            if high - low < TOLERANCE:
                return (high + low) / 2
            above, below = self._read_on(above), self._read_on(below)
        raise ValueError(f"{MOST_SYMBOLS:,} symbols do not tell where the sentences of this process begin")

    def entropy_given_last(self, k: int) -> float:
        """Return the entropy of a symbol given the k symbols before it, at a random place of the stream.

        It is the loss that no predictor can pass that sees only k symbols. k = 0: the entropy of the symbols' shares.
        """
        while len(self._known_entropies) <= k:
            self._known_entropies.append(next(self._entropies))
        return self._known_entropies[k]

    def guess_back(self, k: int, last: int = 1) -> float:
        """Return the share of right answers of the best guess at the symbol k steps before the present one.

        It is given the last symbols, `last` of them, the present one included, at a random place of the stream: 1 for
        k < last. last = 0: the share of the most frequent symbol.
        """
        if k < last:
            return 1.0
        leave_E, symbol_E, enter_E, probability_E = self.automaton.arrays()
        states = len(self.automaton.edges)

        def read(joint_VS: np.ndarray, symbol: int | None = None) -> np.ndarray:
            """Return joint probabilities of the symbol k back and the state, one symbol later; None: any symbol."""
            flow_VE = joint_VS[:, leave_E] * (probability_E if symbol is None else probability_E * (symbol_E == symbol))
            return np.stack([np.bincount(enter_E, flow_E, states) for flow_E in flow_VE])

        def right(joint_VS: np.ndarray, symbols: int) -> float:
            """Return the share of right answers once so many more symbols are read and known."""
            if not symbols:
                return float(joint_VS.sum(1).max())
            following = (read(joint_VS, symbol) for symbol in range(V))
            return math.fsum(right(joint, symbols - 1) for joint in following if joint.any())

        flow_E = self.automaton.stationary_S[leave_E] * probability_E
        joint_VS = np.zeros((V, states))
        np.add.at(joint_VS, (symbol_E, enter_E), flow_E)
        for _ in range(k - last):
            joint_VS = read(joint_VS)
        return right(joint_VS, last)

    def reader(self, at_start: bool = True) -> Reader:
        """Return a reader of the stream, at the beginning of a sentence, or at a place that it does not know."""
        return Reader(self.beliefs, at_start)

    def surprisals(self, ids: np.ndarray, at_start: bool = True) -> np.ndarray:
        """Return -log of the probability of each symbol given those before it, (T,) float64 nats.

        ids: (T,). at_start: whether the text begins with a sentence; otherwise its place in the stream is unknown. A
        symbol that cannot occur has the surprisal infinity, and the text after it is read as `Reader.feed` says.
        """
        reader = self.reader(at_start)
        surprisals = []
        for symbol in ids.tolist():
            probability = reader.probability(symbol)
            surprisals.append(-math.log(probability) if probability else math.inf)
            reader.feed(symbol)
        return np.array(surprisals)

    @cached_property
    def _ids(self) -> list[np.ndarray]:
        """The symbols of each sentence and the space after it."""
        return [np.append(encode(sentence), np.uint8(SPACE)) for sentence in self.sentences]

    @cached_property
    def _known_entropies(self) -> list[float]:
        """The entropies given the last 0, 1, 2, ... symbols, as far as they were asked for."""
        return []

    @cached_property
    def _entropies(self) -> Iterator[float]:
        """The entropies that come after the known ones."""

        def all_of_them() -> Iterator[float]:
            shares = {self.beliefs.stationary: 1.0}
            while True:
                yield self._uncertainty(shares)
                shares = self._read_on(shares)

        return all_of_them()

    def _uncertainty(self, shares: Mapping[int, float]) -> float:
        """Return the mean entropy of the next symbol over beliefs with these shares."""
        return math.fsum(share * self.beliefs.uncertainty(belief) for belief, share in shares.items())

    def _read_on(self, shares: Mapping[int, float]) -> dict[int, float]:
        """Return the shares of beliefs after another symbol."""
        later: dict[int, float] = {}
        for belief, share in shares.items():
            for follower in self.beliefs.followers(belief).values():
                later[follower.belief] = later.get(follower.belief, 0.0) + share * follower.probability
        return later


class Reader:
    """A reader of one text, symbol by symbol, with the exact distribution of the next symbol."""

    def __init__(self, beliefs: Beliefs, at_start: bool) -> None:
        self._beliefs = beliefs
        self._belief = beliefs.start if at_start else beliefs.stationary
        self._last: deque[int] = deque(maxlen=2 * beliefs.automaton.longest)

    def distribution(self) -> np.ndarray:
        """Return the probability of each next symbol given all that was read, (V,) float64."""
        return self._beliefs.distribution(self._belief)

    def probability(self, symbol: int) -> float:
        """Return the probability that a symbol comes next, 0 for one that cannot."""
        follower = self._beliefs.followers(self._belief).get(symbol)
        return follower.probability if follower else 0.0

    def feed(self, symbol: int) -> bool:
        """Read a symbol, and return whether it was possible.

        After a symbol that is impossible, the reader goes on as one that knows only the longest end of the text that
        occurs anywhere in the stream, of at most twice the length of the longest sentence. Without such an end (the
        symbol occurs nowhere), it knows nothing.
        """
        assert 0 <= symbol < V
        self._last.append(symbol)
        follower = self._beliefs.followers(self._belief).get(symbol)
        self._belief = follower.belief if follower else self._recovered()
        return follower is not None

    def _recovered(self) -> int:
        """Return the belief after the longest end of the text that is possible; only that end is kept."""
        while self._last:
            belief = self._beliefs.stationary
            for symbol in self._last:
                follower = self._beliefs.followers(belief).get(symbol)
                if follower is None:
                    break
                belief = follower.belief
            else:
                return belief
            self._last.popleft()
        return self._beliefs.stationary

"""The stream of a grammar: exact predictions and entropies, against enumeration of all texts and against samples."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from rnnctl.grammars.alphabet import SYMBOLS, V, encode
from rnnctl.grammars.lexicons import GRAMMARS
from rnnctl.grammars.process import Process

# `a` is the beginning of `a b`, and `a b ` is also two sentences: even a whole text can be divided in several ways.
AMBIGUOUS = Process(["a", "a b", "b", "ba"], [0.4, 0.1, 0.2, 0.3])
# `a` is the beginning of `a b`, but no sentence begins with `b`.
DELAYED = Process(["a", "a b", "cb"], [0.5, 0.3, 0.2])
TOYS = {"ambiguous": AMBIGUOUS, "delayed": DELAYED}


def texts(process: Process, length: int) -> dict[str, float]:
    """The probability that the stream, from a sentence's beginning, begins with each text of a length.

    Enumerates all sequences of sentences.
    """
    found: Counter[str] = Counter()
    growing = {("", 1.0)}
    while growing:
        longer = [
            (f"{text}{sentence} ", probability * p)
            for text, probability in growing
            for sentence, p in zip(process.sentences, process.probabilities, strict=True)
        ]
        growing = set()
        merged: Counter[str] = Counter()
        for text, probability in longer:
            if len(text) >= length:
                found[text[:length]] += probability
            else:
                merged[text] += probability
        growing = set(merged.items())
    return dict(found)


def texts_in_the_middle(process: Process, length: int) -> dict[str, float]:
    """The probability of each text of a length at a random place of the stream.

    The place is symbol number i of a sentence with probability p(sentence) / mean length, and all that follows is new.
    """
    pairs = list(zip(process.sentences, process.probabilities, strict=True))
    mean = sum(p * (len(sentence) + 1) for sentence, p in pairs)
    found: Counter[str] = Counter()
    fresh = {n: texts(process, n) for n in range(1, length + 1)}
    for sentence, p in pairs:
        for start in range(len(sentence) + 1):
            rest = f"{sentence} "[start:]
            if len(rest) >= length:
                found[rest[:length]] += p / mean
            else:
                for text, probability in fresh[length - len(rest)].items():
                    found[rest + text] += p / mean * probability
    return dict(found)


def entropy_of(shares: dict[str, float]) -> float:
    return -sum(p * math.log(p) for p in shares.values())


@pytest.mark.parametrize("process", TOYS.values(), ids=TOYS)
@pytest.mark.parametrize("at_start", [True, False])
def test_next_symbol_is_as_in_the_enumeration_of_all_sequences_of_sentences(process, at_start):
    enumerate_texts = texts if at_start else texts_in_the_middle
    longest = enumerate_texts(process, 9)
    for length in range(9):
        following: dict[str, Counter[str]] = defaultdict(Counter)
        for text, p in longest.items():
            following[text[:length]][text[length]] += p
        for text, shares in following.items():
            reader = process.reader(at_start)
            assert all(reader.feed(symbol) for symbol in encode(text).tolist())
            expected = np.array([shares[symbol] for symbol in SYMBOLS]) / shares.total()
            np.testing.assert_allclose(reader.distribution(), expected, atol=1e-11)


@pytest.mark.parametrize("process", TOYS.values(), ids=TOYS)
def test_entropy_given_the_last_symbols_is_as_enumerated_and_falls_towards_the_entropy(process):
    blocks = [0.0, *(entropy_of(texts_in_the_middle(process, length)) for length in range(1, 9))]
    given = [process.entropy_given_last(k) for k in range(8)]
    np.testing.assert_allclose(given, np.diff(blocks), atol=1e-11)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(given))
    assert process.entropy_given_last(60) == pytest.approx(process.entropy, abs=1e-11)


@pytest.mark.parametrize("name", GRAMMARS)
def test_entropy_is_that_of_a_sentence_where_text_can_be_divided_in_one_way(name):
    process = GRAMMARS[name].process
    lengths = [len(sentence) + 1 for sentence in process.sentences]
    mean = math.fsum(n * p for n, p in zip(lengths, process.probabilities, strict=True))
    of_a_sentence = -math.fsum(p * math.log(p) for p in process.probabilities)
    assert process.entropy == pytest.approx(of_a_sentence / mean, abs=1e-11)
    given = [process.entropy_given_last(k) for k in range(40)]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(given))
    assert given[-1] == pytest.approx(process.entropy, abs=1e-11)


def test_entropy_of_an_ambiguous_process_is_below_that_of_its_sentences():
    mean = AMBIGUOUS.automaton.mean_length
    of_a_sentence = -math.fsum(p * math.log(p) for p in AMBIGUOUS.probabilities)
    assert AMBIGUOUS.entropy < of_a_sentence / mean - 0.01
    # Cover and Thomas, theorem 4.2.2: the means of growing blocks come down to the entropy.
    assert AMBIGUOUS.entropy < entropy_of(texts_in_the_middle(AMBIGUOUS, 12)) / 12


@pytest.mark.parametrize("process", [*TOYS.values(), *(g.process for g in GRAMMARS.values())], ids=[*TOYS, *GRAMMARS])
def test_entropies_are_those_of_a_very_long_sample(process):
    ids = process.draw(np.random.default_rng(1), 12_000)
    pieces = process.surprisals(ids)[: len(ids) // 200 * 200].reshape(200, -1).mean(1)
    assert abs(pieces.mean() - process.entropy) < 3 * pieces.std(ddof=1) / math.sqrt(200)


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("k", [0, 1, 2, 4])
def test_entropies_given_the_last_symbols_are_those_of_a_very_long_sample(name, k):
    process = GRAMMARS[name].process
    ids = process.draw(np.random.default_rng(2), 12_000).tolist()
    blocks = [tuple(ids[i : i + k + 1]) for i in range(len(ids) - k)]
    shares = Counter(blocks)
    before = Counter[tuple[int, ...]]()
    for symbols, n in shares.items():
        before[symbols[:-1]] += n
    losses = np.array([-math.log(shares[block] / before[block[:-1]]) for block in blocks])
    pieces = losses[: len(losses) // 200 * 200].reshape(200, -1).mean(1)
    # On the text that they are taken from, the loss of frequencies is too low by half their number over its length.
    fitted = (len(shares) - len(before)) / (2 * len(blocks))
    error = 3 * pieces.std(ddof=1) / math.sqrt(200)
    assert abs(losses.mean() + fitted - process.entropy_given_last(k)) < error


@pytest.mark.parametrize("process", TOYS.values(), ids=TOYS)
@pytest.mark.parametrize("last", [0, 1, 2])
def test_best_guess_of_an_earlier_symbol_is_as_enumerated(process, last):
    for k in range(6):
        best: dict[str, Counter[str]] = defaultdict(Counter)
        length = max(k + 1, last)
        for text, p in texts_in_the_middle(process, length).items():
            best[text[length - last :]][text[length - 1 - k]] += p
        assert process.guess_back(k, last) == pytest.approx(sum(max(c.values()) for c in best.values()), abs=1e-12)


@pytest.mark.parametrize("name", GRAMMARS)
def test_best_guess_is_that_of_a_long_sample(name):
    process = GRAMMARS[name].process
    ids = process.draw(np.random.default_rng(3), 10_000)
    shares = np.bincount(ids, minlength=V) / len(ids)
    assert process.guess_back(0) == 1.0
    assert process.guess_back(30, last=0) == pytest.approx(shares.max(), abs=0.01)
    for k in (1, 3, 8):
        joint = np.zeros((V, V))
        np.add.at(joint, (ids[k:], ids[:-k]), 1)
        assert process.guess_back(k) == pytest.approx(joint.max(1).sum() / joint.sum(), abs=0.01)
        assert process.guess_back(k, last=2) >= process.guess_back(k)


@pytest.mark.parametrize(
    ("text", "impossible", "end"),
    [
        ("the boy chases the wa", [20], "e wa"),  # as in `the mouse watches`; no text has `he wa`
        ("the lion chazes the do", [12], "es the do"),  # no text has a z
        ("the king sleeps the zog chases", [20], "og chases"),  # as in `dog chases`
    ],
)
def test_after_an_impossible_symbol_the_reader_knows_the_longest_possible_end(text, impossible, end):
    process = GRAMMARS["lab"].process
    reader = process.reader()
    possible = [reader.feed(symbol) for symbol in encode(text).tolist()]
    assert [place for place, was in enumerate(possible) if not was] == impossible
    fresh = process.reader(at_start=False)
    assert all(fresh.feed(symbol) for symbol in encode(end).tolist())
    np.testing.assert_array_equal(reader.distribution(), fresh.distribution())


def test_after_a_symbol_that_occurs_nowhere_the_reader_knows_nothing():
    reader = DELAYED.reader()
    assert not reader.feed(SYMBOLS.index("z"))
    np.testing.assert_array_equal(reader.distribution(), DELAYED.reader(at_start=False).distribution())
    surprisals = DELAYED.surprisals(encode("za"))
    assert surprisals[0] == math.inf
    assert surprisals[1] == pytest.approx(-math.log(0.8 / DELAYED.automaton.mean_length))


@pytest.mark.parametrize(
    ("sentences", "probabilities", "message"),
    [
        (["a", "a"], [0.5, 0.5], "must be different"),
        (["a", ""], [0.5, 0.5], "none of them empty"),
        (["a", "b"], [0.5, 0.4], "their sum 1"),
        (["a", "b"], [1.0, 0.0], "must be positive"),
    ],
)
def test_sentences_that_are_no_process_are_refused(sentences, probabilities, message):
    with pytest.raises(ValueError, match=message):
        Process(sentences, probabilities)

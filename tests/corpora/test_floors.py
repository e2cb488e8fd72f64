"""Floors against counting symbol by symbol, and against the loss of a network with the same probabilities."""

import math
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora import floors
from rnnctl.corpora.corpus import load
from rnnctl.corpora.floors import NGrams, Pairs, bits_per_byte
from rnnctl.corpora.splits import SPLITS, Windows
from rnnctl.corpora.tokens import tokens_of

TEXT = Path(__file__).read_bytes()
SYMBOLS = st.lists(st.integers(0, 4), min_size=2, max_size=60)


def ids_of(values):
    return np.array(values, np.uint8)


class Counted:
    """Unigram and bigram from their definitions, one symbol at a time."""

    def __init__(self, ids, symbols):
        self.symbols = symbols
        self.targets = Counter(ids[1:])
        self.after = defaultdict(Counter)
        for symbol, follower in pairwise(ids):
            self.after[symbol][follower] += 1

    def unigram(self, symbol):
        return (self.targets[symbol] + 0.5) / (self.targets.total() + self.symbols / 2)

    def bigram(self, before, symbol):
        seen = self.after[before]
        if not seen:
            return self.unigram(symbol)
        kept = len(seen) / (len(seen) + seen.total())
        return (1 - kept) * seen[symbol] / seen.total() + kept * self.unigram(symbol)

    def guess(self, before=None):
        counts = self.targets if before is None or not self.after[before] else self.after[before]
        return min(range(self.symbols), key=lambda s: (-counts[s], -self.targets[s], s))


@given(SYMBOLS, SYMBOLS, st.integers(5, 7))
def test_floors_are_those_of_counting(train, other, symbols):
    sizes = np.arange(1, symbols + 1)
    floors_of_other = NGrams(ids_of(train), sizes).floors(ids_of(other[:-1]), ids_of(other[1:]))
    model, pairs = Counted(train, symbols), list(pairwise(other))
    n, n_bytes = len(pairs), sum(int(sizes[b]) for _, b in pairs)
    nats = {
        "uniform": math.log(symbols),
        "unigram": -sum(math.log(model.unigram(b)) for _, b in pairs) / n,
        "bigram": -sum(math.log(model.bigram(a, b)) for a, b in pairs) / n,
    }
    errors = {
        "uniform": 1 - 1 / symbols,
        "unigram": sum(b != model.guess() for _, b in pairs) / n,
        "bigram": sum(b != model.guess(a) for a, b in pairs) / n,
    }
    for name, value in nats.items():
        floor = getattr(floors_of_other, name)
        assert floor.nats == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert floor.bits_per_byte == pytest.approx(value * n / math.log(2) / n_bytes, rel=1e-12, abs=1e-12)
        assert floor.error == pytest.approx(errors[name], abs=1e-12)
    assert (floors_of_other.targets, floors_of_other.bytes) == (n, n_bytes)


@given(SYMBOLS, SYMBOLS)
def test_probabilities_sum_to_one(train, other):
    model = NGrams(ids_of(train), np.ones(6))
    assert model.unigram_V.sum() == pytest.approx(1, abs=1e-12)
    every = np.arange(6)
    for before in every:
        assert model.bigram(np.full(6, before), every).sum() == pytest.approx(1, abs=1e-12)


@given(SYMBOLS, SYMBOLS)
def test_the_loss_is_at_least_the_entropy(train, other):
    train, other = ids_of(train), ids_of(other)
    result = NGrams(train, np.ones(5)).floors(other[:-1], other[1:])
    pairs = Counter(zip(other[:-1].tolist(), other[1:].tolist(), strict=True))
    n, targets, inputs = pairs.total(), Counter(other[1:].tolist()), Counter(other[:-1].tolist())
    assert result.unigram_entropy == pytest.approx(-sum(c / n * math.log(c / n) for c in targets.values()), abs=1e-12)
    expected = -sum(c / n * math.log(c / inputs[a]) for (a, _), c in pairs.items())
    assert result.bigram_entropy == pytest.approx(expected, abs=1e-12)
    assert result.unigram_entropy <= result.unigram.nats + 1e-12
    assert result.bigram_entropy <= result.bigram.nats + 1e-12
    assert result.bigram_entropy <= result.unigram_entropy + 1e-12


def test_certainty_costs_zero_and_not_minus_zero():
    ids, one_byte = np.zeros(9, np.uint8), np.ones(1, np.int64)
    result = NGrams(ids, one_byte).floors(ids[:-1], ids[1:])
    values = [value for floor in (result.uniform, result.unigram, result.bigram) for value in vars(floor).values()]
    assert list(map(str, [*values, result.unigram_entropy, result.bigram_entropy])) == ["0.0"] * 11


@pytest.mark.parametrize("batch", [1, 4])
def test_the_loss_of_a_network_with_the_same_probabilities_is_the_floor(batch):
    """Window by window, with a softmax over logits, as losses of networks are computed."""
    train, other = (np.frombuffer(text, np.uint8) for text in (TEXT[:4000], TEXT[4000:]))
    model, windows = NGrams(train, np.ones(256, int)), Windows(other, 7)
    starts, sums, n, errors = np.arange(0, windows.starts, 7), {"unigram": 0.0, "bigram": 0.0}, 0, 0
    every = np.arange(256)
    for i in range(0, len(starts), batch):
        inputs, targets = windows.at(starts[i : i + batch])
        for name in sums:
            if name == "unigram":
                logits = np.broadcast_to(np.log(model.unigram_V), (*targets.shape, 256)) + 3.0
            else:
                logits = np.log(model.bigram(np.repeat(inputs[..., None], 256, -1), np.broadcast_to(every, (
                    *targets.shape, 256)))) - 5.0  # fmt: skip
            log_sum = np.log(np.exp(logits).sum(-1))
            sums[name] += (log_sum - np.take_along_axis(logits, targets[..., None], -1)[..., 0]).sum()
        errors += (targets != model.guess).sum()
        n += targets.size
    result = model.floors(other[:n], other[1 : n + 1])
    assert sums["unigram"] / n == pytest.approx(result.unigram.nats, rel=1e-10)
    assert sums["bigram"] / n == pytest.approx(result.bigram.nats, rel=1e-10)
    assert errors / n == pytest.approx(result.unigram.error)
    assert result.bigram.nats < result.unigram.nats < result.uniform.nats == math.log(256)
    assert result.bigram.error < result.unigram.error < result.uniform.error


def test_at_level_bytes_bits_per_byte_are_nats_by_ln_2():
    ids = np.frombuffer(TEXT, np.uint8)
    result = NGrams(ids, np.ones(256, int)).floors(ids[:-1], ids[1:])
    for floor in (result.uniform, result.unigram, result.bigram):
        assert floor.bits_per_byte == pytest.approx(floor.nats / math.log(2), rel=1e-14)
    assert result.uniform.bits_per_byte == pytest.approx(8)
    assert bits_per_byte(math.log(2), 4) == 0.25


def test_bits_per_byte_of_bpe_refer_to_the_bytes_of_all_its_symbols(tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    tokens = tokens_of(load(str(tmp_path / "text")), "bpe", 400)
    ids, sizes = tokens.ids["validation"], tokens.vocabulary.bytes_per_symbol
    model = NGrams(tokens.ids["train"], sizes)
    result = model.floors(ids[:-1], ids[1:])
    total = -np.log(model.unigram_V[ids[1:]]).sum()
    n_bytes = len(tokens.vocabulary.decode(ids)) - len(tokens.vocabulary.decode(ids[:1]))
    assert result.bytes == n_bytes
    assert result.unigram.bits_per_byte == pytest.approx(total / math.log(2) / n_bytes)
    assert result.unigram.nats > result.unigram.bits_per_byte  # a symbol is several bytes


def test_counting_in_blocks_is_counting(monkeypatch):
    ids = np.random.default_rng(0).integers(9, size=(40, 25)).astype(np.uint8)
    whole = Pairs.count(ids[:-1], ids[1:], 9)
    pairs = Counter(zip(ids[:-1].ravel().tolist(), ids[1:].ravel().tolist(), strict=True))
    rows = zip(whole.before.tolist(), whole.after.tolist(), whole.counts.tolist(), strict=True)
    assert {(before, after): count for before, after, count in rows} == pairs
    monkeypatch.setattr(floors, "BLOCK", 37)
    in_blocks = Pairs.count(ids[:-1], ids[1:], 9)
    for name in ("before", "after", "counts"):
        assert (getattr(in_blocks, name) == getattr(whole, name)).all()


def test_the_greatest_number_of_symbols():
    ids = np.array([65_535, 65_535, 0, 65_535, 65_534], np.uint16)
    pairs = Pairs.count(ids[:-1], ids[1:].astype(np.int64), 2**16)
    assert pairs.before.tolist() == [0, 65_535, 65_535, 65_535]
    assert pairs.after.tolist() == [65_535, 0, 65_534, 65_535]
    assert NGrams(ids, np.ones(2**16)).floors(ids[:-1], ids[1:]).uniform.nats == pytest.approx(16 * math.log(2))


@pytest.mark.parametrize("size", [0, 1])
def test_splits_without_targets_are_refused(size):
    ids = np.zeros(size, np.uint8)
    with pytest.raises(ValueError, match="need a train split of at least two symbols"):
        NGrams(ids, np.ones(2))
    with pytest.raises(ValueError, match="need a split of at least two symbols"):
        NGrams(np.zeros(5, np.uint8), np.ones(2)).floors(ids[:-1], ids[1:])


def test_the_standard_library_is_predictable_to_the_usual_degree():
    """Source text in bytes: about 4.5 bits a byte without context, 3.5 with one byte of it."""
    tokens = tokens_of(load("stdlib"), "bytes")
    model = NGrams(tokens.ids["train"], tokens.vocabulary.bytes_per_symbol)
    for name in SPLITS:
        ids = tokens.ids[name]
        result = model.floors(ids[:-1], ids[1:])
        assert 4 < result.unigram.bits_per_byte < 5
        assert 3 < result.bigram.bits_per_byte < 4
        assert result.bigram.nats - result.bigram_entropy < 0.15

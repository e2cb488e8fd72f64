"""Floors against counting symbol by symbol, against every smoothing tried in turn, and against the loss of a network
with the same probabilities.
"""

import math
from collections import Counter, defaultdict
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora import pairs as counting
from rnnctl.corpora.corpus import load
from rnnctl.corpora.floors import NGrams, bits_per_byte
from rnnctl.corpora.pairs import Pairs
from rnnctl.corpora.smoothing import Bigram, BigramSmoothing, Counts, UnigramSmoothing
from rnnctl.corpora.splits import SPLITS, Windows
from rnnctl.corpora.tokens import tokens_of

TEXT = Path(__file__).read_bytes()
SYMBOLS = st.lists(st.integers(0, 4), min_size=2, max_size=60)
UNIGRAMS = st.builds(
    UnigramSmoothing, st.sampled_from(["targets", "predecessors"]), st.sampled_from([0.1, 0.5, 7.0]), st.just(3.0)
)
BIGRAMS = st.one_of(
    st.builds(BigramSmoothing, UNIGRAMS, per_follower=st.sampled_from([0.5, 1.0, 4.0])),
    st.builds(BigramSmoothing, UNIGRAMS, constant=st.sampled_from([0.25, 3.0, 1e6])),
    st.builds(BigramSmoothing, UNIGRAMS, discounts=st.sampled_from([(0.5, 0.5, 0.5), (0.3, 0.9, 1.4)])),
)


def ids_of(values):
    return np.array(values, np.uint8)


def fitted(train, held_out, sizes):
    return NGrams(ids_of(train), ids_of(held_out), sizes)


class Counted:
    """Unigrams and bigrams from their definitions, one symbol at a time."""

    def __init__(self, ids, symbols):
        self.symbols, self.occur = symbols, set(ids)
        self.targets = Counter(ids[1:])
        self.after = defaultdict(Counter)
        for symbol, follower in pairwise(ids):
            self.after[symbol][follower] += 1
        self.predecessors = Counter(follower for followers in self.after.values() for follower in followers)

    def unigram(self, symbol, counts="targets", added=0.5, unseen=1.0):
        counts = getattr(self, counts)
        others = self.symbols - len(self.occur)
        share = min(unseen / (counts.total() + 1), 0.5) if others else 0
        if symbol not in self.occur:
            return share / others
        return (1 - share) * (counts[symbol] + added) / (counts.total() + len(self.occur) * added)

    def bigram(self, before, symbol, smoothing):
        base = self.unigram(symbol, **vars(smoothing.unigram))
        seen = self.after[before]
        if not seen:
            return base
        discounts = {b: smoothing.discounts[min(count, 3) - 1] for b, count in seen.items()}
        pseudo = smoothing.per_follower * len(seen) + smoothing.constant
        kept = seen[symbol] - discounts.get(symbol, 0)
        return (kept + (pseudo + sum(discounts.values())) * base) / (seen.total() + pseudo)


def loss(probability, pairs):
    return -sum(math.log(probability(a, b)) for a, b in pairs) / len(pairs)


@given(SYMBOLS, SYMBOLS, st.integers(5, 7), BIGRAMS)
def test_probabilities_are_those_of_counting(train, other, symbols, smoothing):
    """The first symbol of a text is an input only: it occurs, and has no predecessor."""
    counted, bigram = Counted(train, symbols), Bigram(Counts(ids_of(train), symbols), smoothing)
    for a, b in pairwise(other):
        actual = float(bigram.probabilities(np.array([a]), np.array([b]))[0])
        assert actual == pytest.approx(counted.bigram(a, b, smoothing), rel=1e-9)
    every = np.arange(symbols)
    for a in every:
        probabilities = bigram.probabilities(np.full(symbols, a), every)
        assert probabilities.sum() == pytest.approx(1, abs=1e-9)
        assert probabilities[bigram.guesses()[a]] == pytest.approx(probabilities.max(), rel=1e-9)


@given(SYMBOLS, SYMBOLS, SYMBOLS, st.integers(5, 7))
def test_floors_are_those_of_counting(train, held_out, other, symbols):
    sizes = np.arange(1, symbols + 1)
    model, pairs = fitted(train, held_out, sizes), list(pairwise(other))
    result = model.floors(ids_of(other[:-1]), ids_of(other[1:]))
    counted, smoothing, guesses = Counted(train, symbols), model.bigram.smoothing, model.bigram.guesses()
    n, n_bytes = len(pairs), sum(int(sizes[b]) for _, b in pairs)
    nats = {
        "uniform": math.log(symbols),
        "unigram": loss(lambda _, b: model.unigram_V[b], pairs),
        "bigram": loss(lambda a, b: counted.bigram(a, b, smoothing), pairs),
    }
    errors = {
        "uniform": 1 - 1 / symbols,
        "unigram": sum(b != model.unigram_V.argmax() for _, b in pairs) / n,
        "bigram": sum(b != guesses[a] for a, b in pairs) / n,
    }
    for name, value in nats.items():
        floor = getattr(result, name)
        assert floor.nats == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert floor.bits_per_byte == pytest.approx(value * n / math.log(2) / n_bytes, rel=1e-9, abs=1e-9)
        assert floor.error == pytest.approx(errors[name], abs=1e-12)
    assert (result.targets, result.bytes) == (n, n_bytes)


def drawn(shares, size, seed):
    """Independent draws."""
    return np.random.default_rng(seed).choice(len(shares), size=size, p=np.array(shares) / sum(shares)).astype(np.uint8)


def followed(size, seed, back=1, symbols=5):
    """Draws that depend on the symbol `back` places before."""
    cumulative = np.random.default_rng(9).dirichlet(np.full(symbols, 0.3), size=symbols).cumsum(1)
    ids = [0] * back
    for uniform in np.random.default_rng(seed).random(size):
        ids.append(min(int(np.searchsorted(cumulative[ids[-back]], uniform)), symbols - 1))
    return ids_of(ids[back:])


FLAT, STEEP, LONG_TAIL = [1] * 8, [0.75**n for n in range(12)], [1 / n for n in range(1, 31)]


@pytest.mark.parametrize(
    "text",
    [
        drawn(FLAT, 1000, 1), drawn(STEEP, 1000, 2), drawn(LONG_TAIL, 1500, 3), drawn([1] * 40, 1500, 4),
        followed(1500, 5), np.frombuffer(TEXT[:6000], np.uint8),
    ],
    ids=["flat", "steep", "long tail", "many symbols", "followed", "words"],
)  # fmt: skip
def test_no_smoothing_of_a_unigram_or_bigram_has_a_lower_loss(text):
    """Every smoothing of a wide grid, each computed from its definition; those not of the project's own grid too."""
    symbols, cut = 256, len(text) * 9 // 10
    train, held_out = text[:cut], text[cut:]
    floor = NGrams(train, held_out, np.ones(symbols)).floors(held_out[:-1], held_out[1:])
    counted, pairs = Counted(train.tolist(), symbols), list(pairwise(held_out.tolist()))
    unigrams = [
        UnigramSmoothing("targets", added, unseen)
        for added, unseen in product([0.1, 0.5, 1.0, 3.0, 1e3, 1e5], [1.0, 2.0, 10.0, 100.0])
    ]
    lowest = min(loss(lambda _, b, u=unigram: counted.unigram(b, **vars(u)), pairs) for unigram in unigrams)
    assert floor.unigram.nats <= lowest * 1.002
    for unigram in unigrams[::5]:
        for more in (
            *({"per_follower": weight} for weight in (0.1, 0.5, 1.0, 3.0, 10.0)),
            *({"constant": constant} for constant in (0.5, 2.0, 20.0, 500.0, 1e7)),
            *({"discounts": (tenth, tenth, tenth)} for tenth in (0.2, 0.5, 0.75, 0.9)),
        ):
            smoothing = BigramSmoothing(unigram, **more)
            assert floor.bigram.nats <= 1.002 * loss(lambda a, b, s=smoothing: counted.bigram(a, b, s), pairs), (
                smoothing
            )


@pytest.mark.parametrize("shares", [FLAT, STEEP, LONG_TAIL, [1] * 64])
@pytest.mark.parametrize("size", [1000, 3000, 10_000])
def test_the_floor_of_independent_draws_is_what_knowing_their_shares_reaches(shares, size):
    """Knowing the true shares, and nothing else, must not be 1 % better, and two errors of the floor."""
    true = np.log(np.array(shares) / sum(shares))
    for seed in range(5):
        ids = drawn(shares, size, seed)
        train, held_out = ids[: size * 9 // 10], ids[size * 9 // 10 : size * 19 // 20]
        floor = NGrams(train, held_out, np.ones(256)).floors(held_out[:-1], held_out[1:]).bigram
        assert floor.nats < 1.01 * -true[held_out[1:]].mean() + 2 * floor.nats_se


@pytest.mark.parametrize("text", [followed, partial(drawn, [0.05, 1, 0.2, 0.1, 1])], ids=["correlated", "independent"])
def test_the_error_of_a_floor_is_its_spread_over_texts(text):
    model = NGrams(text(5000, seed=0), text(5000, seed=1), np.ones(5))
    results = [model.floors(ids[:-1], ids[1:]).bigram for ids in (text(2000, seed=seed) for seed in range(2, 102))]
    spread = np.std([floor.nats for floor in results], ddof=1)
    assert np.mean([floor.nats_se for floor in results]) == pytest.approx(spread, rel=0.2)


def test_symbols_that_never_occurred_in_training_have_a_finite_loss():
    train, held_out = np.zeros(50, np.uint8), ids_of([0, 0, 7, 9, 0])
    result = NGrams(train, held_out, np.ones(256)).floors(held_out[:-1], held_out[1:])
    assert math.isfinite(result.unigram.nats)
    assert result.bigram.nats <= result.unigram.nats + 1e-12
    assert result.unigram.nats < math.log(256)


@given(SYMBOLS, SYMBOLS)
def test_the_loss_is_at_least_the_entropy(train, other):
    train, other = ids_of(train), ids_of(other)
    result = NGrams(train, other, np.ones(5)).floors(other[:-1], other[1:])
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
    result = NGrams(ids, ids, one_byte).floors(ids[:-1], ids[1:])
    values = [value for floor in (result.uniform, result.unigram, result.bigram) for value in vars(floor).values()]
    assert list(map(str, [*values, result.unigram_entropy, result.bigram_entropy])) == ["0.0"] * 14


@pytest.mark.parametrize("batch", [1, 4])
def test_the_loss_of_a_network_with_the_same_probabilities_is_the_floor(batch):
    """Window by window, with a softmax over logits, as losses of networks are computed."""
    train, other = (np.frombuffer(text, np.uint8) for text in (TEXT[:4000], TEXT[4000:]))
    model, windows = NGrams(train, other, np.ones(256, int)), Windows(other, 7)
    starts, sums, n, errors = np.arange(0, windows.starts, 7), {"unigram": 0.0, "bigram": 0.0}, 0, 0
    every = np.arange(256)
    for i in range(0, len(starts), batch):
        inputs, targets = windows.at(starts[i : i + batch])
        for name in sums:
            if name == "unigram":
                logits = np.broadcast_to(np.log(model.unigram_V), (*targets.shape, 256)) + 3.0
            else:
                before, after = np.broadcast_arrays(inputs[..., None], every)
                logits = np.log(model.bigram.probabilities(before, after)) - 5.0
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
    result = NGrams(ids, ids, np.ones(256, int)).floors(ids[:-1], ids[1:])
    for floor in (result.uniform, result.unigram, result.bigram):
        assert floor.bits_per_byte == pytest.approx(floor.nats / math.log(2), rel=1e-14)
    assert result.uniform.bits_per_byte == pytest.approx(8)
    assert bits_per_byte(math.log(2), 4) == 0.25


def test_bits_per_byte_of_bpe_refer_to_the_bytes_of_all_its_symbols(tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    tokens = tokens_of(load(str(tmp_path / "text")), "bpe", 400)
    ids, sizes = tokens.ids["validation"], tokens.vocabulary.bytes_per_symbol
    model = NGrams(tokens.ids["train"], ids, sizes)
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
    monkeypatch.setattr(counting, "BLOCK", 37)
    in_blocks = Pairs.count(ids[:-1], ids[1:], 9)
    for name in ("before", "after", "counts"):
        assert (getattr(in_blocks, name) == getattr(whole, name)).all()


def test_the_greatest_number_of_symbols():
    ids = np.array([65_535, 65_535, 0, 65_535, 65_534], np.uint16)
    pairs = Pairs.count(ids[:-1], ids[1:].astype(np.int64), 2**16)
    assert pairs.before.tolist() == [0, 65_535, 65_535, 65_535]
    assert pairs.after.tolist() == [65_535, 0, 65_534, 65_535]
    assert NGrams(ids, ids, np.ones(2**16)).floors(ids[:-1], ids[1:]).uniform.nats == pytest.approx(16 * math.log(2))


@pytest.mark.parametrize("size", [0, 1])
def test_splits_without_targets_are_refused(size):
    ids = np.zeros(size, np.uint8)
    with pytest.raises(ValueError, match="need a train split of at least two symbols"):
        NGrams(ids, np.zeros(5, np.uint8), np.ones(2))
    with pytest.raises(ValueError, match="need a validation split of at least two symbols"):
        NGrams(np.zeros(5, np.uint8), ids, np.ones(2))
    with pytest.raises(ValueError, match="need a split of at least two symbols"):
        NGrams(np.zeros(5, np.uint8), np.zeros(5, np.uint8), np.ones(2)).floors(ids[:-1], ids[1:])


def test_the_standard_library_is_predictable_to_the_usual_degree():
    """Source text in bytes: about 4.5 bits a byte without context, 3.5 with one byte of it."""
    tokens = tokens_of(load("stdlib"), "bytes")
    model = NGrams(tokens.ids["train"], tokens.ids["validation"], tokens.vocabulary.bytes_per_symbol)
    for name in SPLITS:
        ids = tokens.ids[name]
        result = model.floors(ids[:-1], ids[1:])
        assert 4 < result.unigram.bits_per_byte < 5
        assert 3 < result.bigram.bits_per_byte < 4
        assert result.bigram.nats - result.bigram_entropy < 0.15

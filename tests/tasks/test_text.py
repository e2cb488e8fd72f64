"""The task `text`: splits, streams, floors, identity."""

import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rnnctl.corpora.corpus import load
from rnnctl.corpora.splits import cuts
from rnnctl.report.results import Result
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Baseline
from rnnctl.training.checks import Checker, validation_set
from rnnctl.training.member import begin, network_of
from rnnctl.training.networks import Networks
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

POEM = "".join(f"{n} bottles, {n * n} squares; " for n in range(150)).encode()
CELLS = {
    "rnn": {"init": "xavier"},
    "lstm": {"init": "xavier"},
    "gated": {},
    "gated by every gate, without residual": {
        **dict.fromkeys(("input_gate", "output_gate", "old_state"), True),
        "residual": False,
    },
}


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes(POEM)
    return path


def spec(path, seed=1, cell="rnn", updates=12, task=None, **more):
    return RunSpec.model_validate(
        {
            "task": {"name": "text", "corpus": str(path), "window": 10, **(task or {})},
            "model": {"name": cell.split()[0], "hidden": 7, **CELLS[cell]},
            "train": {"updates": updates, "batch": 5, "lr": 0.01, "optimizer": "adam", **more},
            "check": {"every": 6, "samples": 20, "chunk": 10, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    ).identified()


def test_a_name_that_begins_with_a_tilde_is_a_file_where_no_user_is_called_so(poem, monkeypatch):
    monkeypatch.chdir(poem.parent)
    poem.rename("~draft.txt")
    assert spec("~draft.txt").task.corpus == str(poem.parent / "~draft.txt")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_window_is_of_its_own_split_and_targets_are_what_follows(poem, split):
    text = POEM[cuts(POEM, (0.9, 0.05, 0.05))[split]]
    batch = spec(poem).task.make().split(split).draw(np.random.default_rng(1), 30)
    assert batch.inputs.shape == batch.targets.shape == (10, 30)
    for u, target in zip(batch.inputs.T, batch.targets.T, strict=True):
        assert bytes(u.tolist()) + bytes(target[-1:].tolist()) in text
        np.testing.assert_array_equal(u[1:], target[:-1])


def test_shares_that_are_no_short_decimals_are_shares(poem):
    task = spec(poem, task={"validation": 1 / 7, "test": 1 / 3}).task.make()
    sizes = {name: len(task.split(name).windows.ids) for name in ("train", "validation", "test")}
    ends = [len(POEM) * 11 // 21, len(POEM) * 2 // 3]  # 1 - 1/7 - 1/3, and 1/7 more
    assert sizes == {"train": ends[0], "validation": ends[1] - ends[0], "test": len(POEM) - ends[1]}


def test_streams_go_on_where_they_were_and_around_the_end(poem):
    task = spec(poem, task={"state": "carried"}).task.make()
    text = POEM[cuts(POEM, (0.9, 0.05, 0.05))["train"]]
    streams = task.streams(np.random.default_rng(2), 5)
    rounds = len(text) // 10 + 2
    seen = np.concatenate([streams.window(n).inputs for n in range(rounds)])
    for start, symbols in zip(streams.starts_B, seen.T, strict=True):
        expected = [text[(start + t) % (len(text) - 1)] for t in range(10 * rounds)]
        assert symbols.tolist() == expected
    assert task.split("validation").streams(np.random.default_rng(2), 5) is None


def test_the_floor_is_the_bigrams_loss_on_the_very_windows(poem):
    task = spec(poem).task.make()
    batches = validation_set(task, spec(poem).check)
    bigram, total, wrong = task.known.ngrams.bigram, 0.0, 0
    for batch in batches:
        for a, b in zip(batch.inputs.ravel(), batch.targets.ravel(), strict=True):
            followers = bigram.probabilities(np.full(256, a), np.arange(256))
            total -= math.log(followers[b])
            wrong += b != followers.argmax()
    result = task.split("validation").baseline(batches)
    count = sum(batch.targets.size for batch in batches)
    assert result.loss == pytest.approx(total / count, rel=1e-12)
    assert result.error == wrong / count
    assert result.bytes_per_answer == 1


def test_the_error_of_the_floor_is_that_of_the_windows_and_of_the_split(poem):
    """However many windows are drawn from a split, the error of the split itself remains."""
    task = spec(poem).task.make().split("validation")
    whole = task.known.floors("validation").bigram.nats_se
    rng = np.random.default_rng(1)
    few, many = (task.baseline([task.draw(rng, windows)]) for windows in (8, 4000))
    assert many.loss_se == pytest.approx(whole, rel=0.05)
    drawn = task.draw(rng, 4000)
    windows = -np.log(task.known.ngrams.bigram.probabilities(drawn.inputs, drawn.targets)).mean(0)
    assert few.loss_se == pytest.approx(math.hypot(whole, windows.std() / math.sqrt(8)), rel=0.5)
    symbols = len(task.windows.ids) - 1
    assert many.different == pytest.approx(symbols)
    assert few.different == pytest.approx(symbols * (1 - math.exp(-80 / symbols)))


def baseline(**more):
    return Baseline(2.0, 0.5, bytes_per_answer=1.0, **more)


@pytest.mark.parametrize(
    ("floor", "allowed"),
    [
        (baseline(), 0.02),
        (baseline(perfect=1.0), 0.01),
        (baseline(loss_se=0.03, different=1e6), 0.08),
        (baseline(loss_se=0.001, different=100.0), 0.02 + math.log(1000) / 100),
    ],
)
def test_a_run_breaks_the_floor_beyond_the_margin_the_error_and_luck(floor, allowed):
    assert floor.broken_by(2.0 - allowed - 1e-9)
    assert not floor.broken_by(2.0 - allowed + 1e-9)
    assert not floor.broken_by(math.nan)


def test_a_floor_whose_error_cannot_be_told_is_never_broken():
    assert not baseline(loss_se=math.nan).broken_by(0.0)


def checked_rarely(path, hidden, updates, lr):
    plain = spec(path, updates=updates, lr=lr).canonical()
    changed = {"model": {"hidden": hidden, "init": "xavier"}, "check": {**plain["check"], "every": 50}}
    return RunSpec.model_validate({**plain, **changed})


SHARES = {"flat": [1] * 30, "steep": [0.8**n for n in range(20)], "long tail": [1 / n for n in range(1, 31)]}


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("size", [1000, 3000])
def test_no_run_breaks_the_floor_where_there_is_nothing_to_remember(tmp_path, shares, size):
    p = np.array(SHARES[shares]) / sum(SHARES[shares])
    for seed in (1, 2, 3):
        path = tmp_path / f"draws-{seed}"
        path.write_bytes(bytes(np.random.default_rng(seed).choice(len(p), size=size, p=p).astype(np.uint8) + 97))
        summary = train({"a": checked_rarely(path, hidden=7, updates=500, lr=0.003)}).summaries["a"]
        assert summary["broke_floor_at"] is None


@pytest.mark.parametrize(("back", "breaks"), [(1, False), (2, True)])
def test_a_run_breaks_the_floor_where_more_than_the_last_symbol_tells(tmp_path, back, breaks):
    """Symbols that depend on the last one leave nothing to remember; on the one before it they do."""
    rng = np.random.default_rng(1)
    ids = rng.integers(5, size=4000).tolist()
    for place in np.flatnonzero(rng.random(4000) < 0.8)[2:]:
        ids[place] = ids[place - back]
    path = tmp_path / "text"
    path.write_bytes(bytes(97 + symbol for symbol in ids))
    summary = train({"a": checked_rarely(path, hidden=16, updates=800, lr=0.03)}).summaries["a"]
    assert (summary["broke_floor_at"] is not None) == breaks
    assert summary["floor_se"] > 0


def test_a_run_that_an_earlier_version_began_is_judged_by_the_floor_of_this_one(poem):
    """Differences from the former floor, which was higher, must not keep a later check from being the best."""
    whole = train({"a": spec(poem)})
    former = Memory()
    former.drain_after = 7
    train({"a": spec(poem)}, former)
    state = torch.load(io.BytesIO(former.files["a"]), weights_only=True)
    state["best"]["floor"] += 0.4
    state["best"]["patience_excess"] -= 0.4
    state["best"]["broke_floor_at"] = 6
    del state["best"]["floor_se"]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    former.files["a"], former.drain_after = buffer.getvalue(), None
    train({"a": spec(poem)}, former)
    assert_same(former, whole, "a")
    timeless = {"seconds": 0, "share_seconds": 0}
    assert former.summaries["a"] | timeless == whole.summaries["a"] | timeless


def test_a_network_that_answers_by_its_biases_pays_what_a_unigram_does(poem):
    run_spec = spec(poem, dtype="float64")
    task = run_spec.task.make()
    model = network_of(run_spec.model, task)
    _, flat = begin("a", run_spec, task, model)
    weights = model.layout.views(flat.zero_().unsqueeze(0))
    weights["b_hy"].copy_(torch.from_numpy(np.log(task.known.ngrams.unigram_V)))
    checker = Checker(run_spec, task, model, 1, "cpu")
    (result,) = checker.validate(Networks(flat.unsqueeze(0), [checker.model]), [None])
    targets = np.concatenate([b.targets.ravel() for b in validation_set(task, run_spec.check)])
    assert result["valid_loss"] == pytest.approx(-np.log(task.known.ngrams.unigram_V[targets]).mean(), rel=1e-12)
    assert result["valid_bits_per_byte"] == pytest.approx(result["valid_loss"] / math.log(2), rel=1e-12)
    assert result["valid_error"] == pytest.approx((targets != task.known.ngrams.guess).mean())


def test_bits_per_byte_count_the_bytes_that_symbols_stand_for(tmp_path):
    path = tmp_path / "umlauts.txt"
    path.write_text("äöü abc " * 300)
    run_spec = spec(path, task={"level": "chars"})
    task = run_spec.task.make()
    checker = Checker(run_spec, task, network_of(run_spec.model, task), 1, "cpu")
    _, flat = begin("a", run_spec, task, network_of(run_spec.model, task))
    (result,) = checker.validate(Networks(flat.unsqueeze(0), [checker.model]), [None])
    symbols = np.array(sorted(set("äöü abc ")))
    targets = np.concatenate([b.targets.ravel() for b in validation_set(task, run_spec.check)])
    per_symbol = np.mean([len(c.encode()) for c in symbols[targets]])
    assert result["valid_bits_per_byte"] == pytest.approx(result["valid_loss"] / math.log(2) / per_symbol)


def test_the_best_check_keeps_the_bits_of_its_own_samples(poem):
    """A screen and a whole check have other windows, and so other bytes to a symbol."""
    run_spec = spec(poem)
    task = run_spec.task.make()
    member, _ = begin("a", run_spec, task, network_of(run_spec.model, task))
    for loss, bits in ((2.0, 1.4), (2.5, 1.9), (math.nan, math.nan)):
        validation = {"valid_loss": loss, "valid_error": 0.5, "valid_bits_per_byte": bits}
        validation |= {"valid_samples": 10, "valid_floor": 3.0}
        member.observe(validation, Baseline(3.0, 0.9, bytes_per_answer=2.0))
    summary = member.summary()
    assert (summary["best_loss"], summary["best_bits_per_byte"]) == (2.0, 1.4)
    row = SimpleNamespace(
        study="s", label="a", run_id="r", config_id="c", spec={"seed": 1}, outcome=None, status="running",
        step=0, total=12, exact=True, origin=None, tags=(), note="", summary=summary,
    )  # fmt: skip
    result = Result.of(row)
    assert (result.bits_per_byte, result.floor_bits_per_byte) == (1.4, pytest.approx(3.0 * 1.4 / 2.0))


def test_the_same_bytes_elsewhere_are_the_same_run_and_other_bytes_another(poem, tmp_path):
    copy, other = tmp_path / "copy", tmp_path / "other"
    copy.write_bytes(POEM)
    other.write_bytes(POEM[:-1] + b"!")
    assert spec(copy).run_id == spec(poem).run_id
    assert PackKey.of(spec(copy)) == PackKey.of(spec(poem))
    assert spec(other).run_id != spec(poem).run_id
    one, two = train({"a": spec(poem)}), train({"a": spec(copy)})
    assert torch.equal(one.state("a")["weights"], two.state("a")["weights"])


def test_a_run_is_not_trained_on_another_corpus_than_its_own(poem):
    registered = RunSpec.model_validate(spec(poem).canonical())
    poem.write_bytes(POEM + b"more")
    with pytest.raises(ValueError, match="another than the run's"):
        train({"a": registered})
    poem.unlink()
    with pytest.raises(ValueError, match="no such file"):
        train({"a": registered})


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("task", "more"), [({"state": "carried"}, {}), ({"state": "carried"}, {"bptt": 3}), ({}, {"bptt": 1})]
)
def test_alone_packed_and_resumed_have_the_same_bits(poem, cell, task, more):
    specs = {name: spec(poem, seed, cell, task=task, **more) for seed, name in enumerate("abc")}
    together = train(specs)
    for (name, one), stop in zip(specs.items(), (2, 3, 7), strict=True):
        assert_same(train({name: one}), together, name)
        memory = Memory()
        memory.drain_after = stop
        train({name: one}, memory)
        assert memory.state(name)["step"] == stop
        memory.drain_after = None
        assert_same(train({name: one}, memory), together, name)
    # Runs that are not at the same place of their windows: one that goes on, the others new.
    memory = Memory()
    memory.drain_after = 3
    train({"a": specs["a"]}, memory)
    memory.drain_after = None
    train(specs, memory)
    for name in specs:
        assert_same(memory, together, name)


def test_a_state_that_is_carried_is_what_the_next_window_starts_from(poem):
    """Whole windows of streams, and the pieces of windows twice as long, are the same updates."""
    short = train({"a": spec(poem, task={"state": "carried", "window": 5}, updates=8)})
    long = train({"a": spec(poem, task={"state": "carried", "window": 10}, updates=8, bptt=5)})
    assert torch.equal(short.state("a")["weights"], long.state("a")["weights"])
    fresh = train({"a": spec(poem, task={"window": 5}, updates=8)})
    assert not torch.equal(fresh.state("a")["weights"], short.state("a")["weights"])


def test_the_corpus_that_needs_nothing_is_pythons_own_source():
    result = RunSpec.model_validate({"task": "text"}).identified().task
    assert result.corpus == "stdlib"
    assert result.sha256 == load("stdlib").sha256
    assert RunSpec.model_validate({"task": {"name": "text", "corpus": "stdlib"}}).identified().task == result


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"corpus": "/nowhere/at/all"}, "no such file"),
        ({"level": "bpe"}, "needs vocabulary"),
        ({"vocabulary": 300}, "takes no vocabulary"),
        ({"validation": 0.5, "test": 0.5}, "nothing to train on"),
        ({"window": 5000}, "window of 5,000"),
    ],
)
def test_mistakes_are_told(poem, task, message):
    with pytest.raises(ValueError, match=message):
        spec(poem, task=task)

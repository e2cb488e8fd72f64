"""The task `grammar`: which sentences each split has, its text, its floors, and the loss that no model can pass."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import get_args

import numpy as np
import pytest
import torch

from rnnctl.grammars import lexicons
from rnnctl.grammars.alphabet import V, decode
from rnnctl.grammars.division import divided, restricted
from rnnctl.grammars.lexicons import GRAMMARS
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.grammar import GrammarSection
from rnnctl.training.checks import validation_set
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

SPLITS = ("train", "validation", "test")


def section(**more):
    return GrammarSection.model_validate({"name": "grammar", "sentences": 2000, "window": 12, **more}).identified()


def spec(seed=1, task=None, **train_keys):
    return RunSpec.model_validate(
        {
            "task": {"name": "grammar", "sentences": 300, "window": 10, **(task or {})},
            "model": {"name": "rnn", "hidden": 7, "init": "orthogonal"},
            "train": {"updates": 12, "batch": 2, "lr": 0.01, **train_keys},
            "check": {"every": 6, "samples": 20, "chunk": 10, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    ).identified()


def test_lexicons_are_those_there_are():
    assert get_args(GrammarSection.model_fields["lexicon"].annotation) == tuple(GRAMMARS)


def edited(lexicon):
    """Return a lexicon with one word replaced."""
    grammar = GRAMMARS[lexicon]
    (name, (_, *words)), *others = grammar.categories.items()
    return replace(grammar, categories={name: ("zog", *words), **dict(others)})


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_an_edited_lexicon_is_refused(lexicon, monkeypatch):
    monkeypatch.setattr(lexicons, "GRAMMARS", {**GRAMMARS, lexicon: edited(lexicon)})
    with pytest.raises(ValueError, match=f"lexicon {lexicon} was edited, and runs are known by the name"):
        section(lexicon=lexicon)


@pytest.mark.parametrize(
    ("lexicon", "digest"),
    [
        ("lab", "3d47e8ee48c6ebbc860ab9b1f0b860099296927525516fa9066d6cb9f6b2f822"),
        ("elman", "00c3109f4c1475bb1aef2fcce950ecd09785f74a025a72175fbb1f17f47283fd"),
    ],
)
def test_the_text_of_a_lexicon_and_seed_stays_the_same(lexicon, digest):
    task = section(lexicon=lexicon).make()
    text = b"".join(task.ids(split).tobytes() for split in SPLITS)
    assert hashlib.sha256(text).hexdigest() == digest


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_every_sentence_of_a_text_is_one_of_its_split(lexicon):
    task = section(lexicon=lexicon).make()
    held = {}
    for split in SPLITS:
        text = decode(task.ids(split))
        assert text[0] == " "
        assert text[-1] == " "
        known, own = {s.text for s in task.known.sentences[split]}, set()
        # Divide the text by its words: the sentences are those of a parse that never goes back.
        words, start = text.split(), 0
        while start < len(words):
            ends = [end for end in range(start + 1, start + 6) if " ".join(words[start:end]) in known]
            assert ends, f"no sentence begins at {words[start : start + 6]}"
            # Where a sentence is the beginning of another, the next word tells whether it goes on.
            end = max((e for e in ends if begins(task.grammar, words[e : e + 2])), default=max(ends))
            own.add(" ".join(words[start:end]))
            start = end
        assert all(task.grammar.parse(sentence) for sentence in own)
        held[split] = own
    assert not held["train"] & (held["validation"] | held["test"])
    assert not held["validation"] & held["test"]


def begins(grammar, words):
    """Whether a sentence begins with these words, or with as many of them as there are."""
    start = " ".join(words)
    return any(f"{sentence.text} ".startswith(f"{start} ") or not words for sentence in grammar.sentences)


@pytest.mark.parametrize("lexicon", GRAMMARS)
@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.05, 0.3)])
def test_division_has_all_sentences_once_and_templates_in_proportion(lexicon, shares):
    grammar = GRAMMARS[lexicon]
    fractions = dict(zip(SPLITS, (1 - sum(map(Fraction, map(str, shares))), *map(str, shares)), strict=True))
    division = divided(grammar, {name: Fraction(f) for name, f in fractions.items()}, np.random.default_rng(1))
    texts = [sentence.text for sentences in division.values() for sentence in sentences]
    assert sorted(texts) == sorted(sentence.text for sentence in grammar.sentences)
    whole = Counter(sentence.template for sentence in grammar.sentences)
    for name, sentences in division.items():
        share = float(Fraction(fractions[name]))
        assert len(sentences) == pytest.approx(share * len(grammar.sentences), abs=1)
        of_split = Counter(sentence.template for sentence in sentences)
        assert all(of_split[template] == pytest.approx(share * n, abs=2) for template, n in whole.items())


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_every_word_occurs_in_training_in_each_of_its_categories(lexicon):
    for seed in range(5):
        sentences = section(lexicon=lexicon, corpus_seed=seed).make().known.sentences["train"]
        seen = {(word.category, word.text) for sentence in sentences for word in sentence.words}
        expected = {(name, word) for name, words in GRAMMARS[lexicon].categories.items() for word in words}
        assert expected <= seen
        assert {sentence.template for sentence in sentences} == set(GRAMMARS[lexicon].templates)


def test_equal_seeds_give_equal_texts_and_other_seeds_others():
    one, same, other = (section(corpus_seed=seed).make() for seed in (3, 3, 4))
    assert one.known.sentences == same.known.sentences != other.known.sentences
    for split in SPLITS:
        assert np.array_equal(one.ids(split), same.ids(split))
        assert not np.array_equal(one.ids(split)[:200], other.ids(split)[:200])


def test_windows_are_of_their_split_and_targets_are_what_follows():
    task = section().make()
    for split in SPLITS:
        batch = task.split(split).draw(np.random.default_rng(1), 9)
        text = decode(task.ids(split))
        for inputs, targets in zip(batch.inputs.T, batch.targets.T, strict=True):
            assert decode(inputs) + decode(targets[-1:]) in text
            np.testing.assert_array_equal(inputs[1:], targets[:-1])


def test_a_stream_goes_on_around_the_end_as_the_grammar_does():
    task = section(state="carried", sentences=100).make()
    streams = task.streams(np.random.default_rng(2), 2)
    rounds = 3 * len(task.ids("train")) // 12
    targets = np.concatenate([streams.window(n).targets for n in range(rounds)])
    for ids in targets.T:
        assert np.isfinite(task.process.surprisals(ids, at_start=False)).all()


# --- the loss that no model can pass ----------------------------------------------------------------------------------


def block_probability(grammar, text):
    """The probability of a text at a random place of the grammar's stream, by enumeration of all divisions of it."""

    @cache
    def from_start(rest):
        if not rest:
            return 1.0
        total = 0.0
        for sentence in grammar.sentences:
            whole = f"{sentence.text} "
            if whole.startswith(rest):
                total += sentence.probability
            elif rest.startswith(whole):
                total += sentence.probability * from_start(rest[len(whole) :])
        return total

    mean = sum(sentence.probability * (len(sentence.text) + 1) for sentence in grammar.sentences)
    total = 0.0
    for sentence in grammar.sentences:
        whole = f"{sentence.text} "
        for start in range(len(whole)):
            end = whole[start:]
            if end.startswith(text):
                total += sentence.probability / mean
            elif text.startswith(end):
                total += sentence.probability / mean * from_start(text[len(end) :])
    return total


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_the_perfect_loss_is_reached_by_the_grammar_enumerated(lexicon):
    task = section(lexicon=lexicon, window=25).make().split("validation")
    batches = [task.draw(np.random.default_rng(seed), 2) for seed in (1, 2)]
    nats = targets = 0.0
    for batch in batches:
        for inputs, following in zip(batch.inputs.T, batch.targets.T, strict=True):
            text = decode(inputs) + decode(following[-1:])
            nats -= math.log(block_probability(task.grammar, text) / block_probability(task.grammar, text[0]))
            targets += len(following)
    assert task.baseline(batches).perfect == pytest.approx(nats / targets, abs=1e-9)


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_the_perfect_loss_of_the_grammars_own_text_is_the_entropy_of_windows(lexicon):
    task = section(lexicon=lexicon).make()
    ids = task.process.draw(np.random.default_rng(1), 8000)
    starts = np.arange(len(ids) // 40) * 40
    windows = np.stack([ids[starts + step] for step in range(13)])
    losses = np.stack([task.process.surprisals(window, at_start=False)[1:].mean() for window in windows.T])
    assert abs(losses.mean() - task.entropy_of_windows) < 3 * losses.std() / math.sqrt(len(losses))
    assert (task.entropy_of_windows, "perfect loss") in task.plateaus


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_losses_are_in_their_order(lexicon):
    task = section(lexicon=lexicon, sentences=10_000).make()
    validation = task.split("validation")
    batch = validation.draw(np.random.default_rng(1), 500)
    floors = task.known.ngrams.floors(batch.inputs, batch.targets)
    result = validation.baseline([batch])
    assert result.loss == floors.bigram.nats
    assert task.process.entropy < result.perfect < result.loss < floors.unigram.nats < math.log(V)
    assert result.loss == pytest.approx(task.process.entropy_given_last(1), abs=0.05)
    assert floors.unigram.nats == pytest.approx(task.process.entropy_given_last(0), abs=0.05)


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_the_entropy_of_a_splits_own_stream_is_lower_by_what_its_sentences_tell(lexicon):
    """Sentences of a split have their probability divided by its sum, so each tells log(1 / sum) less."""
    task = section(lexicon=lexicon).make()
    for split, sentences in task.known.sentences.items():
        own = task.known.processes[split]
        mean = own.automaton.mean_length
        share = math.fsum(sentence.probability for sentence in sentences)
        # Nats of a sentence, by a reader that knows the grammar alone.
        of_grammar = -math.fsum(s.probability / share * math.log(s.probability) for s in sentences)
        assert own.entropy == pytest.approx((of_grammar + math.log(share)) / mean, abs=1e-10)
        assert of_grammar / mean == pytest.approx(task.process.entropy, abs=0.03)


def test_a_reader_that_knows_the_training_sentences_by_heart_finds_held_out_ones_impossible():
    task = section().make()
    by_heart = restricted(task.known.sentences["train"])
    assert np.isinf(by_heart.surprisals(task.ids("validation")[1:])).any()
    assert by_heart.entropy < task.process.entropy


# --- as a task among others -------------------------------------------------------------------------------------------


def test_a_network_of_64_units_has_7643_weights():
    run = spec(task={})
    wide = run.model.model_copy(update={"hidden": 64})
    assert (run.task.sizes.inputs, run.task.sizes.outputs) == (V, V)
    assert wide.weights(V, V) == 2 * 64 * V + 64**2 + 64 + V == 7643


def test_losses_are_in_nats_per_character():
    assert section().loss_unit == "nats per character"


@pytest.mark.parametrize(("task", "more"), [({"state": "carried"}, {}), ({"state": "carried"}, {"bptt": 3}), ({}, {})])
def test_alone_packed_and_resumed_have_the_same_bits(task, more):
    specs = {name: spec(seed, task, **more) for seed, name in enumerate("ab")}
    assert len({PackKey.of(one) for one in specs.values()}) == 1
    together = train(specs)
    for name, one in specs.items():
        assert_same(train({name: one}), together, name)
        memory = Memory()
        memory.drain_after = 5
        train({name: one}, memory)
        memory.drain_after = None
        assert_same(train({name: one}, memory), together, name)


def test_runs_of_other_texts_are_other_runs():
    specs = [spec(task=task) for task in ({}, {"corpus_seed": 2}, {"lexicon": "elman"}, {"sentences": 301})]
    assert len({one.run_id for one in specs}) == len({PackKey.of(one) for one in specs}) == 4


def test_pieces_of_long_windows_are_the_same_updates_as_short_windows():
    short = train({"a": spec(task={"state": "carried", "window": 5})})
    long = train({"a": spec(task={"state": "carried", "window": 10}, bptt=5)})
    assert torch.equal(short.state("a")["weights"], long.state("a")["weights"])


def test_the_floor_of_a_validation_set_is_that_of_its_windows():
    task = section().make()
    batches = validation_set(task, spec().check)
    assert task.split("validation").baseline(batches).bytes_per_answer == 1


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"validation": 0.5, "test": 0.5}, "nothing to train on"),
        (
            {"validation": 0.001, "lexicon": "elman"},
            "validation 0.001 of the 252 sentences of lexicon elman is not one sentence",
        ),
        (
            {"validation": 0.6, "test": 0.39, "lexicon": "elman"},
            "validation 0.6 and test 0.39 leave 2 of the 252 .* not all words occur in so few",
        ),
        ({"window": 50_000}, "window of 50,000"),
    ],
)
def test_mistakes_are_told(task, message):
    with pytest.raises(ValueError, match=message):
        section(**task)

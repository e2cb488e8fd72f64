"""Scores of texts: of words by hand, and of the text of a grammar itself, which is perfect."""

import math

import numpy as np
import pytest

from rnnctl import seeds
from rnnctl.grammars.alphabet import SPACE, encode
from rnnctl.probes.written import before, occurs, scores
from rnnctl.study.run import RunSpec
from tests.probes.texts import spec


@pytest.fixture(scope="module")
def lab():
    return RunSpec.model_validate({"task": {"name": "grammar", "sentences": 400}}).task.make()


def test_the_text_of_the_grammar_is_perfect(lab):
    ids = lab.process.draw(np.random.default_rng(1), 2000)
    result = scores(lab, 0, ids)
    assert (result["real_words"], result["accepted"], result["covered"], result["impossible"]) == (1, 1, 1, 0)
    assert result["surprisal"] == pytest.approx(result["entropy"], abs=0.01)
    assert before(lab) == (SPACE,)


def test_characters_after_the_prompt_are_scored_and_words_of_both(lab):
    prompt, text = "the boy sleeps ", "the gorl "
    result = scores(lab, len(prompt), encode(prompt + text))
    assert result["real_words"] == 4 / 5
    assert result["accepted"] == 1 / 2
    assert result["covered"] == 3 / 5
    surprise = lab.process.surprisals(encode(prompt + text))[len(prompt) :]
    assert surprise[5] == math.inf  # the o of gorl
    assert result["impossible"] == np.isinf(surprise).mean()
    assert result["surprisal"] == pytest.approx(np.where(np.isinf(surprise), math.log(1e4), surprise).mean())


def test_noise_is_told_as_such(lab):
    ids = seeds.generator(1, 1).integers(0, 27, 500)
    result = scores(lab, 0, ids)
    assert result["real_words"] < 0.1
    assert result["accepted"] == result["covered"] == 0
    assert result["surprisal"] > 4


def test_words_that_the_training_text_has_as_whole_words(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("one two three_4 fürs " * 100)
    task = spec(path).task.make()
    encoded = task.known.vocabulary.encode

    def share(prompt, text):
        return scores(task, len(prompt), np.concatenate([encoded(prompt), encoded(text)]).astype(int))["known_words"]

    assert share("", " one two ot three_4 fürs twot on") == 4 / 6  # the last word may be cut
    assert share("o", "ne two t") == 1  # the first word is not the network's alone
    assert share("", "one") is None
    assert before(task) == ()


def test_a_word_occurs_between_characters_that_are_none_of_words():
    text = "conversion version x.version2 (a) b_ ä".encode()
    assert [occurs(word.encode(), text) for word in ("version", "x", "a", "b", "b_", "ä", "2", "conversion")] == [
        True, True, True, False, True, True, False, True
    ]  # fmt: skip

"""Which text a study is about: identified when a study is read, compared with what is written, and kept in its runs."""

import hashlib
import re

import pytest

from rnnctl.corpora.corpus import load
from rnnctl.corpora.tokens import tokens_of
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.study.run import RunSpec

WORDS = b"to be or not to be, that is the question. " * 90
LEVELS = [("bytes", None), ("chars", None), ("bpe", 260)]


@pytest.fixture
def words(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "words"
    path.write_bytes(WORDS)
    return path


def read(corpus, level="bytes", vocabulary=None, window=9, **hashes):
    keys = {"corpus": corpus, "level": level, "window": window, "vocabulary": vocabulary, **hashes}
    told = "".join(f"    {key}: {value}\n" for key, value in keys.items() if value is not None)
    (run,) = read_study(f"study: s\nbase:\n  task:\n    name: text\n{told}", "s.yaml").runs
    return run.spec


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
def test_a_study_that_says_its_hashes_has_the_runs_of_one_that_does_not(words, level, vocabulary):
    plain = read(words, level, vocabulary)
    of_vocabulary = tokens_of(load(str(words)), level, vocabulary).vocabulary.sha256
    told = read(words, level, vocabulary, sha256=hashlib.sha256(WORDS).hexdigest(), vocabulary_sha256=of_vocabulary)
    assert told == plain
    assert told.task.corpus == str(words)
    assert (told.task.vocabulary_sha256 is None) == (level != "bpe")
    assert read(words, level, vocabulary, vocabulary_sha256=of_vocabulary) == plain


def test_a_place_is_found_from_anywhere_where_its_hash_is_said_as_well(words):
    of_study = read(f"../{words.parent.name}/words", sha256=hashlib.sha256(WORDS).hexdigest())
    assert of_study.task.corpus == str(words)


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
@pytest.mark.parametrize("key", ["sha256", "vocabulary_sha256"])
def test_a_wrong_hash_is_told_with_what_the_text_has(words, level, vocabulary, key):
    own = tokens_of(load(str(words)), level, vocabulary).vocabulary.sha256
    right = {"sha256": hashlib.sha256(WORDS).hexdigest(), "vocabulary_sha256": own}
    wrong = right | {key: "f" * 64}
    with pytest.raises(SpecError) as caught:
        read(words, level, vocabulary, **wrong)
    line = 8 + (vocabulary is not None) + (key == "vocabulary_sha256")
    assert str(caught.value) == (
        f"s.yaml:{line}: base.task.{key}: {key} {'f' * 64} is not that of corpus {words}, which is {right[key]}"
    )


@pytest.mark.parametrize(
    ("task", "what"),
    [
        ({"corpus": "nosuch"}, "base.task.corpus: corpus nosuch: no such file"),
        ({"window": 900}, "task.window: the val"),
    ],
)
def test_a_hash_spares_no_check(words, task, what):
    with pytest.raises(SpecError, match=re.escape(what)):
        read(**({"corpus": words} | task), sha256=hashlib.sha256(WORDS).hexdigest())


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
def test_a_spec_that_is_read_back_needs_no_text(words, level, vocabulary):
    spec = read(words, level, vocabulary)
    words.unlink()
    again = RunSpec.model_validate(spec.canonical())
    assert again == spec
    assert again.run_id == spec.run_id
    assert again.task.at_length(20).sha256 == spec.task.sha256

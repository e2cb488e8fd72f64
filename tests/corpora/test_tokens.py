"""A corpus at every level: the same splits, the same bytes, and no test text in a vocabulary."""

from pathlib import Path

import numpy as np
import pytest

from rnnctl.corpora.bpe import trained
from rnnctl.corpora.corpus import load
from rnnctl.corpora.splits import cuts
from rnnctl.corpora.tokens import tokens_of

LEVELS = [("bytes", None), ("chars", None), ("bpe", 300)]


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text").write_bytes((Path(__file__).read_bytes() + "naïve € 😀 ".encode() * 20) * 2)
    return load(str(tmp_path / "text"))


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
def test_every_level_has_the_same_splits(corpus, level, vocabulary):
    tokens = tokens_of(corpus, level, vocabulary, (0.6, 0.3, 0.1))
    for name, positions in cuts(corpus.text, (0.6, 0.3, 0.1)).items():
        ids = tokens.ids[name]
        assert tokens.vocabulary.decode(ids) == corpus.text[positions]
        assert tokens.vocabulary.bytes_per_symbol[ids].sum() == positions.stop - positions.start
        assert ids.max() < tokens.vocabulary.symbols
    assert tokens.vocabulary.level == level


def test_bpe_does_not_depend_on_the_text_after_the_training_split(corpus, tmp_path):
    tokens = tokens_of(corpus, "bpe", 300)
    train = cuts(corpus.text)["train"]
    assert tokens.vocabulary.sha256 == trained(corpus.text[train], 300).sha256
    (tmp_path / "other").write_bytes(corpus.text[train] + bytes(len(corpus.text) - train.stop))
    other = load(str(tmp_path / "other"))
    assert other.sha256 != corpus.sha256
    assert tokens_of(other, "bpe", 300).vocabulary.sha256 == tokens.vocabulary.sha256


def test_characters_are_those_of_the_whole_corpus(tmp_path):
    (tmp_path / "text").write_bytes(b"a" * 99 + b"b")
    tokens = tokens_of(load(str(tmp_path / "text")), "chars")
    assert tokens.vocabulary.symbols == 2
    assert tokens.ids["test"].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
def test_a_copy_elsewhere_gives_the_same(corpus, tmp_path, level, vocabulary):
    (tmp_path / "folder").mkdir()
    middle = len(corpus.text) // 2
    (tmp_path / "folder" / "1").write_bytes(corpus.text[:middle])
    (tmp_path / "folder" / "2").write_bytes(corpus.text[middle:])
    tokens, copy = tokens_of(corpus, level, vocabulary), tokens_of(load(str(tmp_path / "folder")), level, vocabulary)
    assert tokens.corpus.sha256 == copy.corpus.sha256
    assert tokens.vocabulary.sha256 == copy.vocabulary.sha256
    assert all((tokens.ids[name] == copy.ids[name]).all() for name in tokens.ids)


def test_invalid_utf_8_at_level_chars_names_file_and_byte(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "1").write_bytes("é".encode() * 200)
    (tmp_path / "folder" / "2").write_bytes(b"fine" * 20 + b"\xff" + b"fine" * 20)
    corpus = load(str(tmp_path / "folder"))
    with pytest.raises(ValueError, match=f"^{tmp_path}/folder/2, byte 80: not valid UTF-8, .* use level bytes$"):
        tokens_of(corpus, "chars")
    assert tokens_of(corpus, "bytes").vocabulary.symbols == 256
    assert tokens_of(corpus, "bpe", 260).vocabulary.symbols == 260


@pytest.mark.parametrize(
    ("level", "vocabulary", "message"),
    [
        ("char", None, "level char; allowed: bytes, chars, bpe; did you mean chars"),
        ("bpe", None, "level bpe needs a vocabulary size"),
        ("bytes", 300, "level bytes takes no vocabulary size, only bpe does"),
    ],
)
def test_unknown_levels_and_wrong_vocabulary_sizes_are_refused(corpus, level, vocabulary, message):
    with pytest.raises(ValueError, match=message):
        tokens_of(corpus, level, vocabulary)


def test_windows_are_of_a_split(corpus):
    tokens = tokens_of(corpus, "bytes")
    inputs, _ = tokens.windows("validation", 10).at(np.array([0]))
    assert inputs[:, 0].tolist() == tokens.ids["validation"][:10].tolist()
    with pytest.raises(ValueError, match="the test split has .* symbols, and a window of 100,000"):
        tokens.windows("test", 100_000)

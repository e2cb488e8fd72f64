"""A corpus at every level: the same splits, the same bytes, and nothing of the test text in a vocabulary."""

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
    found = tokens_of(corpus, level, vocabulary, (0.6, 0.3, 0.1))
    for name, part in cuts(corpus.text, (0.6, 0.3, 0.1)).items():
        ids = found.ids[name]
        assert found.vocabulary.decode(ids) == corpus.text[part]
        assert found.vocabulary.bytes_per_symbol[ids].sum() == part.stop - part.start
        assert ids.max() < found.vocabulary.symbols
    assert found.vocabulary.level == level


def test_bpe_knows_nothing_of_what_comes_after_the_training_split(corpus):
    found = tokens_of(corpus, "bpe", 300)
    part = cuts(corpus.text)["train"]
    assert found.vocabulary.sha256 == trained(corpus.text[part], 300).sha256
    cut = part.stop
    (Path(corpus.parts[0][0]).with_name("other")).write_bytes(corpus.text[:cut] + bytes(len(corpus.text) - cut))
    other = load(str(Path(corpus.parts[0][0]).with_name("other")))
    assert other.sha256 != corpus.sha256
    assert tokens_of(other, "bpe", 300).vocabulary.sha256 == found.vocabulary.sha256


def test_characters_are_those_of_the_whole_corpus(tmp_path):
    (tmp_path / "text").write_bytes(b"a" * 99 + b"b")
    found = tokens_of(load(str(tmp_path / "text")), "chars")
    assert found.vocabulary.symbols == 2
    assert found.ids["test"].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(("level", "vocabulary"), LEVELS)
def test_a_copy_elsewhere_gives_the_same(corpus, tmp_path, level, vocabulary):
    (tmp_path / "folder").mkdir()
    middle = len(corpus.text) // 2
    (tmp_path / "folder" / "1").write_bytes(corpus.text[:middle])
    (tmp_path / "folder" / "2").write_bytes(corpus.text[middle:])
    one, other = tokens_of(corpus, level, vocabulary), tokens_of(load(str(tmp_path / "folder")), level, vocabulary)
    assert one.corpus.sha256 == other.corpus.sha256
    assert one.vocabulary.sha256 == other.vocabulary.sha256
    assert all((one.ids[name] == other.ids[name]).all() for name in one.ids)


def test_no_utf_8_at_level_chars_names_file_and_byte(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "1").write_bytes("é".encode() * 200)
    (tmp_path / "folder" / "2").write_bytes(b"fine" * 20 + b"\xff" + b"fine" * 20)
    corpus = load(str(tmp_path / "folder"))
    with pytest.raises(ValueError, match=f"^{tmp_path}/folder/2, byte 80: no UTF-8, .* take bytes$"):
        tokens_of(corpus, "chars")
    assert tokens_of(corpus, "bytes").vocabulary.symbols == 256
    assert tokens_of(corpus, "bpe", 260).vocabulary.symbols == 260


@pytest.mark.parametrize(
    ("level", "vocabulary", "message"),
    [
        ("char", None, "level char; allowed: bytes, chars, bpe; did you mean chars"),
        ("bpe", None, "level bpe needs a vocabulary"),
        ("bytes", 300, "level bytes takes no vocabulary"),
    ],
)
def test_levels_that_there_are_not(corpus, level, vocabulary, message):
    with pytest.raises(ValueError, match=message):
        tokens_of(corpus, level, vocabulary)


def test_windows_are_of_a_split(corpus):
    found = tokens_of(corpus, "bytes")
    inputs, _ = found.windows("validation", 10).at(np.array([0]))
    assert inputs[:, 0].tolist() == found.ids["validation"][:10].tolist()
    with pytest.raises(ValueError, match="the test split has .* symbols, and a window of 100,000"):
        found.windows("test", 100_000)

"""Level bpe against a plain implementation of byte pair encoding, and the cache of vocabularies."""

import hashlib
import os
import random
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.corpora import bpe
from rnnctl.corpora.bpe import BytePairs, pieces, trained
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from tests.examples import examples

TEXT = (Path(__file__).parents[2] / "rnnctl/corpora/bpe.py").read_bytes() * 2 + "naïve façade, über 50 €! ".encode() * 9


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNCTL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return trained(TEXT, 600)


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_pieces_of_a_text():
    text = "if x_1 ==  42: # façade\n\n    é€".encode()
    expected = ["if", " x_", "1", " ==", "  ", "42", ":", " #", " façade", "\n\n    ", "é€"]
    assert [piece.decode() for piece in pieces(text)] == expected


@given(st.binary(max_size=300) | st.text(alphabet=" a1.\n", max_size=300).map(str.encode), st.integers(1, 40))
def test_pieces_are_the_text_and_do_not_depend_on_blocks(text, block):
    whole = list(pieces(text))
    assert b"".join(whole) == text
    assert max(map(len, whole), default=0) <= 64
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bpe, "BLOCK", block)
        assert list(pieces(text)) == whole


def test_long_runs_are_cut():
    assert list(map(len, pieces(b"x" * 200 + b" " * 100))) == [63, 63, 63, 11, 64, 36]


# --- training and encoding --------------------------------------------------------------------------------------------


def brute_force(text, symbols):
    """Byte pair encoding by its definition; of equally frequent pairs the one with the smallest ids."""
    words = Counter(tuple(piece) for piece in pieces(text))
    texts = [bytes([byte]) for byte in range(256)]
    while len(texts) < symbols:
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        assert counts[best] >= 2
        texts.append(texts[best[0]] + texts[best[1]])
        words = Counter({merged(word, best, len(texts) - 1): count for word, count in words.items()})
    return texts


def merged(word, pair, symbol):
    symbols, i = [], 0
    while i < len(word):
        if word[i : i + 2] == pair:
            symbols.append(symbol)
            i += 2
        else:
            symbols.append(word[i])
            i += 1
    return tuple(symbols)


def test_symbols_are_those_of_the_plain_algorithm(known):
    assert known.texts == brute_force(TEXT, 600)


def test_encoding_applies_the_merges_in_their_order(known):
    ranks = {text: i for i, text in enumerate(known.texts)}
    for piece in {*pieces(TEXT[:3000]), b" returning", b"unseenWord", "ünïcode".encode()}:
        word = [bytes([byte]) for byte in piece]
        while True:
            joined = [ranks.get(a + b, 10**9) for a, b in pairwise(word)]
            if not joined or min(joined) == 10**9:
                break
            i = joined.index(min(joined))
            word[i : i + 2] = [word[i] + word[i + 1]]
        assert [known.texts[i] for i in known.encode(piece)] == word


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_decoding_undoes_encoding(known, text):
    ids = known.encode(text)
    assert known.decode(ids) == text
    assert ids.dtype == np.uint16
    assert known.bytes_per_symbol[ids].sum() == len(text)


def test_the_text_itself_comes_back_in_fewer_symbols(known):
    ids = known.encode(TEXT)
    assert known.decode(ids) == TEXT
    assert len(ids) < len(TEXT) / 2
    assert known.symbols == 600 > ids.max()


def test_the_cache_of_pieces_changes_nothing(known, monkeypatch):
    expected = known.encode(TEXT)
    monkeypatch.setattr(bpe, "REMEMBERED", 3)
    small_cache = trained(TEXT, 600)
    assert (small_cache.encode(TEXT) == expected).all()
    assert len(small_cache._pieces) <= 3


@examples(25)
@given(st.integers(0, 2**32))
def test_two_merges_for_the_same_bytes_are_one_symbol(seed):
    """With few letters, both "ab" + "a" and "a" + "ba" are merged."""
    rng = random.Random(seed)
    text = b" ".join(bytes(rng.choices(b"ab", k=rng.randint(2, 9))) for _ in range(120))
    vocabulary = BytePairs(bpe._content(bpe._train(text, 290)))
    assert len(set(vocabulary.texts)) == vocabulary.symbols == 290
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_a_text_that_is_too_short_for_the_requested_size():
    with pytest.raises(ValueError, match=r"split \(9 bytes\) yields a bpe vocabulary of only 258 symbols, not 300"):
        trained(b"abc abc d", 300)


@pytest.mark.parametrize("symbols", [0, 256, 65_537])
def test_sizes_outside_the_allowed_range_are_refused(symbols):
    with pytest.raises(ValueError, match="level bpe: a vocabulary has 257 to 65,536 symbols, not"):
        trained(TEXT, symbols)


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'rnnctl[bpe]'")):
        trained(TEXT, 600)


# --- the cache --------------------------------------------------------------------------------------------------------


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_vocabulary_is_trained_once_and_its_file_says_what_it_is(known, cache, monkeypatch):
    first = trained(TEXT, 600)
    (name,) = files(cache)
    content = (cache / name).read_bytes()
    assert first.sha256 == known.sha256 == hashlib.sha256(content).hexdigest()
    assert name.endswith(f"-600-{first.sha256}.json")
    monkeypatch.setattr(bpe, "_train", None)
    again = trained(TEXT, 600)
    assert (again.sha256, again.texts) == (first.sha256, first.texts)


def test_other_texts_and_sizes_have_other_files(cache):
    hashes = {trained(TEXT, 600).sha256, trained(TEXT, 500).sha256, trained(TEXT[:9000], 400).sha256}
    assert len(hashes) == len(files(cache)) == 3


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content.replace(b"32", b"33"),
                                    lambda content: b""])  # fmt: skip
def test_a_damaged_file_is_trained_again(damage, cache):
    first = trained(TEXT, 600)
    (path,) = cache.iterdir()
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert trained(TEXT, 600).sha256 == first.sha256
    assert path.read_bytes() == sound
    assert len(files(cache)) == 1


def test_a_damaged_file_is_not_replaced_by_another_vocabulary(cache, monkeypatch):
    trained(TEXT, 600)
    (path,) = cache.iterdir()
    path.write_bytes(b"damaged")
    train = bpe._train
    monkeypatch.setattr(bpe, "_train", lambda text, symbols: train(text[:9000], 400))
    with pytest.raises(ValueError, match=f"{path}: damaged, and tokenizers .* trains a different vocabulary"):
        trained(TEXT, 600)
    assert path.read_bytes() == b"damaged"


def test_the_folder_of_the_cache(tmp_path, monkeypatch):
    for variable, folder in (
        ("RNNCTL_CACHE", "mine"),
        ("XDG_CACHE_HOME", "xdg/rnnctl"),
        ("HOME", "home/.cache/rnnctl"),
    ):
        value = tmp_path / Path(folder).parts[0]
        monkeypatch.setenv(variable, str(value))
        for other in {"RNNCTL_CACHE", "XDG_CACHE_HOME"} - {variable}:
            monkeypatch.delenv(other, raising=False)
        trained(TEXT[:9000], 300)
        assert len(files(tmp_path / folder)) == 1
    monkeypatch.setenv("RNNCTL_CACHE", "~/named")
    trained(TEXT[:9000], 300)
    assert len(files(tmp_path / "home/named")) == 1


def test_a_folder_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder, reason in (
        (tmp_path / "file" / "below", "Not a directory"),
        (tmp_path / "file", "File exists"),
        ("~nobody-of-that-name/cache", "there is no such home folder"),
    ):
        monkeypatch.setenv("RNNCTL_CACHE", str(folder))
        message = f"level bpe caches vocabularies in {folder}, which cannot be used: {reason}; set RNNCTL_CACHE to"
        with pytest.raises(ValueError, match=re.escape(message)):
            trained(TEXT[:9000], 300)


def test_a_file_that_cannot_be_written_is_not_named_but_its_folder(cache, monkeypatch):
    cache.mkdir()

    def refused(path, target):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(
        ValueError, match=f"caches vocabularies in {re.escape(str(cache))}, which .*: Permission denied"
    ):
        trained(TEXT[:9000], 300)


def test_a_study_is_told_at_the_level_that_needs_the_folder(tmp_path, monkeypatch):
    (tmp_path / "words").write_bytes(TEXT[:9000])
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "words"))
    keys = f"{{name: text, corpus: {tmp_path / 'words'}, level: bpe, vocabulary: 300}}"
    with pytest.raises(SpecError) as error:
        read_study(f"study: s\nbase:\n  task: {keys}\n", "s.yaml")
    assert error.value.key == "base.task.level"
    assert str(tmp_path / "words") in str(error.value)
    assert "RNNCTL_CACHE" in str(error.value)


def test_a_full_disk_leaves_no_file(cache, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left on device"):
        trained(TEXT[:9000], 300)
    assert files(cache) == []


def test_concurrent_processes_and_other_numbers_of_threads_have_the_same_result(cache):
    code = (
        "import sys; from pathlib import Path; from rnnctl.corpora.bpe import trained\n"
        "print(trained(Path(sys.argv[1]).read_bytes() * 2, 600).sha256)"
    )
    source = Path(__file__).parents[2] / "rnnctl/corpora/bpe.py"
    started = [
        subprocess.Popen([sys.executable, "-c", code, source], stdout=subprocess.PIPE, text=True,
                         cwd=Path(__file__).parents[2], env={**os.environ, **extra})
        for extra in ({"RAYON_NUM_THREADS": "1"}, {"RAYON_NUM_THREADS": "5"}, {"TOKENIZERS_PARALLELISM": "false"})
    ]  # fmt: skip
    hashes = {process.communicate()[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    (name,) = files(cache)
    assert len(hashes) == 1
    assert hashes.pop() in name

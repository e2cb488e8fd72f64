"""`rnnctl corpus` as a user types it, right and wrong."""

import hashlib
import json
import math
import re
import sys
from collections import Counter

import pytest

from tests.cli.command_line import in_a_process, one_line, rnnctl

TEXT = ("Ünd die Sonne, sie machte den weiten Ritt um die Welt. " * 60).encode()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    return tmp_path


def shown(*args, cwd):
    return json.loads(rnnctl("corpus", *args, "--json", cwd=cwd, check=0, RNNCTL_CACHE=str(cwd / "cache")).stdout)


def test_a_file_at_level_bytes(folder):
    actual = shown("text", "--split", "0.5,0.25,0.25", cwd=folder)
    assert (actual["corpus"], actual["bytes"], actual["files"]) == ("text", len(TEXT), 1)
    assert actual["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert [part["length"] for part in actual["splits"].values()] == [1680, 840, 840]
    targets = Counter(TEXT[1:1680])
    entropy = -sum(n / 1679 * math.log(n / 1679) for n in targets.values())
    train = actual["splits"]["train"]
    assert train["unigram_entropy"] == pytest.approx(entropy)
    assert train["unigram"]["bits_per_byte"] == pytest.approx(train["unigram"]["nats"] / math.log(2))


def test_levels_have_the_same_splits_and_bpe_is_kept(folder):
    actual = [
        shown("text", *level, cwd=folder)
        for level in (["--level", "chars"], ["--level", "bpe", "--vocabulary", "270"], [])
    ]
    assert len({tuple(part["bytes"] for part in one["splits"].values()) for one in actual}) == 1
    assert [one["symbols"] for one in actual] == [len(set(TEXT.decode())), 270, 256]
    (kept,) = (folder / "cache").iterdir()
    assert actual[1]["vocabulary_sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()


def test_the_table_says_the_same_of_python_s_own_source(folder):
    actual, text = shown(cwd=folder), rnnctl("corpus", cwd=folder, check=0).stdout
    assert actual["corpus"] == "stdlib"
    assert actual["sha256"] in text
    assert actual["vocabulary_sha256"] in text
    for name, part in actual["splits"].items():
        cells = " +([\\d.]+)" * 4
        (row,) = re.findall(rf"^{name} .* bigram +([\d.]+) ±{cells}$", text, re.M)
        bigram = part["bigram"]
        figures = [bigram["nats"], bigram["nats_se"], bigram["bits_per_byte"], 100 * bigram["error"]]
        shown_to = [1e-3, 0.05, 1e-3, 1e-3, 1e-3]
        for cell, figure, digits in zip(row, [*figures, part["bigram_entropy"]], shown_to, strict=True):
            assert float(cell) == pytest.approx(figure, rel=digits)


@pytest.mark.parametrize(
    ("args", "fragments"),
    [
        (["nothing"], ["corpus nothing", "no such file or folder"]),
        (["empty"], ["corpus empty: empty"]),
        (["latin", "--level", "chars"], ["latin, byte 1:", "not valid UTF-8"]),
        (["a\nb"], ["a\\nb"]),
        (["text", "--level", "char"], ["level char; allowed: bytes, chars, bpe; did you mean chars?"]),
        (["text", "--level", "bpe"], ["level bpe needs a vocabulary"]),
        (["text", "--vocabulary", "300"], ["level bytes takes no vocabulary"]),
        (["text", "--level", "bpe", "--vocabulary", "30000"], ["yields a bpe vocabulary of", "not 30,000"]),
        (["text", "--split", "a,b"], ["--split a,b"]),
        (["text", "--split", ".9,.2,.1"], ["whose sum is 1"]),
        (["one"], ["a corpus of 1 bytes is too short"]),
        (["short", "--split", ".6,.2,.2"], ["n-gram floors need a validation split of at least two symbols"]),
    ],
)
def test_what_is_refused(folder, args, fragments):
    (folder / "empty").touch()
    (folder / "latin").write_bytes(b"H\xe9!" * 40)
    (folder / "one").write_bytes(b"1")
    (folder / "short").write_bytes(b"12345")
    one_line(rnnctl("corpus", *args, cwd=folder, check=2, RNNCTL_CACHE=str(folder / "cache")), *fragments)


def without_tokenizers(folder, *args):
    code = (
        "import sys; sys.modules['tokenizers'] = None;"
        "from rnnctl.lab import studies; paths = studies.packaged_studies();"
        "studies.packaged_studies = lambda: {name: paths[name] for name in ('quickstart', 'text-levels')};"
        f"sys.argv = ['rnnctl', *{args}];"
        "from rnnctl.cli.app import main; main()"
    )
    return in_a_process(sys.executable, "-c", code, cwd=folder, RNNCTL_CACHE=str(folder / "cache"))


def test_without_the_library_it_is_told_how_to_get_it(folder):
    done = without_tokenizers(folder, "corpus", "text", "--level", "bpe", "--vocabulary", "300")
    assert done.returncode == 2
    one_line(done, "pip install 'rnnctl[bpe]'")
    assert not (folder / "cache").exists()


def test_without_the_library_the_other_studies_are_listed_all_the_same(folder):
    done = without_tokenizers(folder, "studies", "--json")
    assert done.returncode == 0, done.stderr
    listed = {one["study"]: one for one in json.loads(done.stdout)}
    assert listed["text-levels"]["runs"] is None
    assert "pip install 'rnnctl[bpe]'" in listed["text-levels"]["about"]
    assert all(one["runs"] for name, one in listed.items() if name != "text-levels")

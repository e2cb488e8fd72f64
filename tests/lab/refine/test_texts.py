"""Refined runs of texts: what a study that says the same has, and of their parent's text unless another is named."""

import pytest

from rnnctl.lab.refine.file import written
from rnnctl.lab.refine.offspring import cases, offspring
from rnnctl.lab.refine.selection import select
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.study.recipe import Cut
from rnnctl.tasks import text as text_task
from tests.lab.refine.stock import row

BASE = "study: s\nbase: {task: {name: text, corpus: words, window: 9%s}}\n"
WORDS = b"to be or not to be, that is the question. " * 90


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    text_task.identify.cache_clear()  # its names are those of another folder
    (tmp_path / "words").write_bytes(WORDS)
    (tmp_path / "words2").write_bytes(WORDS[::-1])
    return tmp_path


def run(more=""):
    (actual,) = read_study(BASE % more, "s.yaml").runs
    return actual.spec


def refined(parent, changes):
    recipe = read_study(f"study: s\nbase: {{task: xor}}\nrefine:\n  variants:\n    v: {changes}\n", "r.yaml").recipe
    return offspring(select([row(parent, loss=0.1, label="P seed=1")], Cut(best=1), "loss").chosen, recipe)


@pytest.mark.parametrize("before", ["", ", level: chars", ", level: bpe, vocabulary: 260"])
@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ("{}", None),
        ("{task.window: 11}", None),
        ("{task.level: bpe, task.vocabulary: 265}", ", level: bpe, vocabulary: 265"),
        ("{task.corpus: words2, task.level: bpe, task.vocabulary: 265}", ", level: bpe, vocabulary: 265"),
        ("{task.level: chars, task.vocabulary: null}", ", level: chars"),
    ],
)
def test_a_changed_task_is_the_one_that_a_study_would_have(folder, before, changes, more):
    (child,) = refined(run(before), changes)
    expected = (BASE % (before if more is None else more)).replace(
        "window: 9", "window: 11" if "11" in changes else "window: 9"
    ).replace("corpus: words", "corpus: words2" if "words2" in changes else "corpus: words")  # fmt: skip
    (expected,) = read_study(expected, "s.yaml").runs
    assert child.spec == expected.spec
    assert child.spec.run_id == expected.spec.run_id
    again = read_study(written("w", "Refined.", cases([child])), "w.yaml").runs
    assert [one.spec for one in again] == [child.spec]


@pytest.mark.parametrize(
    ("changes", "key", "what"),
    [
        ("{task.corpus: nosuch}", ".task.corpus", "corpus nosuch: no such file or folder"),
        ("{task.window: 5000}", ".task.window", "the train split has 3,"),
        ("{task.validation: 0.00001}", ".task.validation", "validation"),
        ("{task.level: bpe, task.vocabulary: 60000}", ".task.vocabulary", "60,000"),
        ("{task.sha256: abc}", ".task.sha256", "sha256 abc is not that of corpus"),
    ],
)
def test_a_task_that_cannot_be_is_told_at_its_place_in_the_recipe(changes, key, what):
    with pytest.raises(SpecError) as caught:
        refined(run(), changes)
    assert str(caught.value).startswith(f"r.yaml:5: refine.variants.v{key}: ")
    assert what in str(caught.value)
    assert str(caught.value).endswith(", in the v of P")


@pytest.mark.parametrize("level", ["", ", level: bpe, vocabulary: 260"])
@pytest.mark.parametrize("changes", ["{}", "{train.lr: 0.5}", "{task.window: 11}"])
def test_a_text_that_is_another_by_now_is_no_longer_the_parents(folder, level, changes):
    parent = run(level)
    (folder / "words").write_bytes(WORDS[::-1])
    text_task.identify.cache_clear()  # as in a later process
    with pytest.raises(SpecError) as caught:
        refined(parent, changes)
    what = f"sha256 {parent.task.sha256} is not that of corpus {folder}/words, which is "
    assert str(caught.value).startswith(f"r.yaml:5: refine.variants.v: {what}")
    assert str(caught.value).endswith(", in the v of P")
    (child,) = refined(parent, "{task.corpus: words}")
    assert child.spec.task.sha256 != parent.task.sha256

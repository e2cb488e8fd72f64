"""Studies of texts as a user types them: where a text lies, which text it is, and what is told when it is another."""

import hashlib
import shutil

import pytest

from tests.cli.command_line import one_line, rnnctl, rows, train_here

STUDY = """\
study: a
base:
  task: {name: text, corpus: words, window: 20}
  model: {name: gated, hidden: 8, layers: 1}
  train: {updates: 20, batch: 8, lr: 0.01, optimizer: adam}
  check: {every: 10, samples: 100, chunk: 100, diagnostic_batch: 5}
seeds: [1, 2]
"""
WORDS = b"to be or not to be, that is the question. " * 450


@pytest.fixture
def folder(tmp_path):
    """A folder with a text, a study of it, and no workspace yet."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "words").write_bytes(WORDS)
    (here / "a.yaml").write_text(STUDY)
    return here


def corpora(folder):
    return {row.spec["task"]["corpus"] for row in rows(folder)}


# --- where a text lies
# ----------------------------------------------------------------------------------------------------------


def test_a_copy_of_a_text_makes_the_same_runs_and_the_place_named_last_is_theirs(folder):
    rnnctl("init", "a.yaml", cwd=folder, check=0)
    shutil.copy(folder / "words", folder / "copy")
    (folder / "b.yaml").write_text(STUDY.replace("study: a", "study: b").replace("corpus: words", "corpus: copy"))
    done = rnnctl("init", "b.yaml", cwd=folder, check=0)
    assert "b: 0 new runs, 0 known, 2 shared with other studies" in done.stderr
    assert corpora(folder) == {str(folder / "copy")}
    assert "a: 0 new runs, 2 known" in rnnctl("init", "a.yaml", cwd=folder, check=0).stderr
    assert corpora(folder) == {str(folder / "words")}


def test_runs_whose_text_has_moved_go_on_when_init_says_where_it_lies(folder):
    rnnctl("init", "a.yaml", cwd=folder, check=0)
    (folder / "words").rename(folder / "moved")
    train_here(folder)
    assert {row.status for row in rows(folder)} == {"failed"}
    (folder / "a.yaml").write_text(STUDY.replace("corpus: words", "corpus: moved"))
    assert "a: 0 new runs, 2 known" in rnnctl("init", "a.yaml", cwd=folder, check=0).stderr
    rnnctl("retry", "--failed", cwd=folder, check=0)
    train_here(folder)
    assert {(row.status, row.step) for row in rows(folder)} == {("done", 20)}


# --- which text it is
# ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["init", "plan"])
def test_a_hash_of_another_text_is_told_in_one_line(folder, command):
    (folder / "a.yaml").write_text(STUDY.replace("corpus: words", f"corpus: words, sha256: {'f' * 64}"))
    done = rnnctl(command, "a.yaml", cwd=folder, check=2)
    one_line(done, f"a.yaml:3: base.task.sha256: sha256 {'f' * 64}", hashlib.sha256(WORDS).hexdigest())
    assert not (folder / "rnnctl.db").exists()


def test_refine_takes_other_tasks_as_a_study_does_and_registers_nothing_that_cannot_be(folder):
    recipe = """\
refine:
  variants:
    pieces: {task.level: bpe, task.vocabulary: 270}
"""
    (folder / "a.yaml").write_text(STUDY + recipe)
    rnnctl("init", "a.yaml", cwd=folder, check=0)
    train_here(folder)
    for changes, told in [
        ("{task.corpus: nosuch}", "no.yaml:1: refine.variants.v.task.corpus: corpus nosuch: no such file"),
        ("{task.window: 5000}", "no.yaml:1: refine.variants.v.task.window: the validation split has 945 symbols"),
    ]:
        (folder / "no.yaml").write_text(f"refine: {{variants: {{v: {changes}}}}}\n")
        one_line(rnnctl("refine", "a", "--recipe", "no.yaml", cwd=folder, check=2), told, ", in the v of all")
        assert not (folder / "a-refined.yaml").exists()
        assert len(rows(folder)) == 2
    cache = {"RNNCTL_CACHE": str(folder / "cache")}
    (folder / "elsewhere").mkdir()
    rnnctl("refine", "a", cwd=folder / "elsewhere", check=0, **cache)  # where its corpus, `words`, is not
    (folder / "b.yaml").write_text(
        STUDY.replace("study: a", "study: b").replace("window: 20", "window: 20, level: bpe, vocabulary: 270")
    )
    assert "b: 0 new runs, 0 known, 2 shared" in rnnctl("init", "b.yaml", cwd=folder, check=0, **cache).stderr
    rnnctl("init", "../a-refined.yaml", "-w", ".", cwd=folder / "elsewhere", check=0, **cache)
    ids = {row.run_id for row in rows(folder) if row.spec["task"]["level"] == "bpe"}
    assert {row.run_id for row in rows(folder / "elsewhere")} == ids


def test_the_commands_of_a_study_name_its_text_from_anywhere(folder, tmp_path):
    rnnctl("init", "a.yaml", cwd=folder, check=0)
    (tmp_path / "empty").mkdir()
    for where in (folder, tmp_path / "empty"):  # with and without a file `words` in it
        script = rnnctl("export", "a", "--commands", "-w", folder, cwd=where, check=0).stdout
        assert STUDY.replace("corpus: words", f'corpus: "{folder}/words"') in script
        assert f"# its data: {folder}/words, sha256 {hashlib.sha256(WORDS).hexdigest()}" in script


def test_a_workspace_is_no_part_of_its_text(folder, tmp_path):
    (folder / "a.yaml").write_text(STUDY.replace("corpus: words", "corpus: ."))
    told = f"the corpus folder {folder} contains the workspace {folder}"
    one_line(rnnctl("init", "a.yaml", cwd=folder, check=2), f"{told}; keep them apart")
    one_line(rnnctl("init", "a.yaml", "-w", "sub/lab", cwd=folder, check=2), f"{told}/sub/lab; keep them apart")
    assert sorted(path.name for path in folder.iterdir()) == ["a.yaml", "words"]
    # Beside it, and where no corpus looks, it may lie.
    for lab in (".lab", "../lab"):
        for new in (2, 0):
            done = rnnctl("init", "a.yaml", "-w", lab, cwd=folder, check=0)
            assert f"a: {new} new runs, {2 - new} known" in done.stderr


def test_a_study_that_is_registered_again_after_its_text_has_changed_says_so_once(folder):
    def warnings():
        lines = rnnctl("init", "a.yaml", cwd=folder, check=0).stderr.splitlines()
        told = [line for line in lines if not line.startswith("warning: ")]
        return [line for line in lines if line.startswith("warning: ")], told

    assert warnings()[0] == []
    old, new = (hashlib.sha256(text).hexdigest() for text in (WORDS, WORDS[::-1]))
    (folder / "words").write_bytes(WORDS[::-1])
    (warning,), told = warnings()
    assert f"{folder}/words has other contents than before: sha256 {new[:12]}..., not {old[:12]}..." in warning
    assert "a: 2 new runs, 0 known" in told
    assert warnings() == ([], [f"workspace {folder}", "a: 0 new runs, 2 known"])

"""Registering studies without a command line."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.register import register
from rnnctl.lab.status import status
from rnnctl.lab.workspaces import opened, runs_named, selected
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.study.pack_key import PackKey
from store import queries
from tests.lab.studies import STUDY

TEXT = """\
study: letters
base:
  task: {name: text, corpus: CORPUS, level: bytes, window: 8}
  model: {hidden: 8, init: orthogonal}
  check: {samples: 50, chunk: 50, diagnostic_batch: 5}
"""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(STUDY)
    return file


def test_a_study_is_registered_once_and_gains_replicates(tmp_path, file):
    first = register(tmp_path / "w", [file])
    assert first.workspace == tmp_path / "w"
    assert [(study.study, study.new, study.known, study.shared) for study in first.studies] == [("tiny", 4, 0, 0)]
    (again,) = register(tmp_path / "w", [file], seeds=[2, 3]).studies
    assert (again.new, again.known) == (2, 2)


def test_a_workspace_in_another_one_is_refused_unless_it_is_named(tmp_path, file, monkeypatch):
    register(tmp_path / "ws", [file])
    inner = tmp_path / "ws" / "a folder"
    inner.mkdir()
    monkeypatch.chdir(inner)
    with pytest.raises(LabError, match=f"lies in the workspace {tmp_path}/ws, .*: -w {tmp_path}/ws registers there"):
        register(None, [file])
    assert not list(inner.iterdir())
    assert register(inner, [file]).warnings == [f"this new workspace lies in another one, {tmp_path}/ws"]
    assert register(None, [file]).warnings == []  # it is a workspace now
    assert register(tmp_path / "ws", [file]).warnings == []


def test_runs_of_another_study_are_shared(tmp_path, file):
    register(tmp_path, [file])
    other = tmp_path / "other.yaml"
    other.write_text(STUDY.replace("study: tiny", "study: other"))
    (study,) = register(tmp_path, [other]).studies
    assert (study.new, study.shared) == (0, 4)


def test_a_wrong_file_registers_nothing(tmp_path, file):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(STUDY.replace("hidden: 12", "hiden: 12"))
    with pytest.raises(SpecError, match="did you mean hidden"):
        register(tmp_path / "w", [file, wrong])
    assert not (tmp_path / "w").exists()


def test_a_corpus_folder_must_not_contain_the_workspace(tmp_path):
    (tmp_path / "text.txt").write_text("abracadabra " * 200)
    study = tmp_path / ".study.yaml"
    study.write_text(TEXT.replace("CORPUS", str(tmp_path)))
    with pytest.raises(LabError, match="contains the workspace") as error:
        register(tmp_path / "w", [study])
    assert error.value.code is Code.USAGE
    register(tmp_path / ".w", [study])


def test_a_changed_text_is_a_warning(tmp_path):
    text, study = tmp_path / "text.txt", tmp_path / "letters.yaml"
    study.write_text(TEXT.replace("CORPUS", str(text)))
    text.write_text("abracadabra " * 200)
    assert register(tmp_path, [study]).warnings == []
    text.write_text("hocus pocus " * 200)
    study.write_text(study.read_text().replace("window: 8", "window: 9"))  # a process reads each text once for a task
    (warning,) = register(tmp_path, [study]).warnings
    assert "has other contents than before" in warning


def test_an_edited_study_says_which_runs_it_no_longer_names(tmp_path, file):
    register(tmp_path, [file])
    file.write_text(STUDY.replace("omega: [0, 1.0]", "omega: [0, 2.0]"))
    (study,) = register(tmp_path, [file]).studies
    assert (study.new, study.known) == (2, 2)
    assert [run.label for run in study.unnamed] == ["omega=1.0 seed=1", "omega=1.0 seed=2"]
    with opened(tmp_path, readonly=True) as store:
        assert [row.label for row in selected(store, "tiny")] == [
            "omega=0.0 seed=1", "omega=0.0 seed=2", "omega=2.0 seed=1", "omega=2.0 seed=2",
        ]  # fmt: skip
        assert len(selected(store, "tiny", hidden=True)) == 6
        assert len(runs_named(store, "tiny").runs) == 4
        assert len(runs_named(store, "tiny", hidden=True).runs) == 6
        assert runs_named(store, "omega=1.0 seed=2").runs[0].run_id == study.unnamed[1].run_id
        state = status(store, 0.0)
        assert state.counts["queued"] == state.studies["tiny"]["queued"] == 4
        assert status(store, 0.0, hidden=True).counts["queued"] == 6


def test_a_label_that_another_run_has_now_says_what_differs(tmp_path, file):
    register(tmp_path, [file])
    file.write_text(STUDY.replace("lr: 0.05", "lr: 0.1"))
    (study,) = register(tmp_path, [file]).studies
    assert [run.label for run in study.unnamed][:2] == ["omega=0.0 seed=1 lr=0.05", "omega=0.0 seed=2 lr=0.05"]
    file.write_text(STUDY.replace("lr: 0.05", "lr: 0.2"))
    (study,) = register(tmp_path, [file]).studies
    assert [run.label for run in study.unnamed][0] == "omega=0.0 seed=1 lr=0.1"
    with opened(tmp_path, readonly=True) as store:
        labels = [row.label for row in selected(store, "tiny", hidden=True)]
        assert len(set(labels)) == len(labels) == 12


def test_a_label_says_the_first_of_many_differences_and_how_many_there_are(tmp_path, file):
    register(tmp_path, [file])
    edited = STUDY.replace("batch: 10, lr: 0.05", "batch: 7, lr: 0.1, clip: 3.0").replace("hidden: 12", "hidden: 13")
    file.write_text(edited)
    (study,) = register(tmp_path, [file]).studies
    assert [run.label.removeprefix("omega=0.0 seed=1 ").count("=") for run in study.unnamed][:1] == [3]
    assert all(run.label.endswith(" +1") for run in study.unnamed)


def test_the_source_of_a_study_with_replicates_names_all_of_its_runs(tmp_path, file):
    register(tmp_path, [file])
    (again,) = register(tmp_path, [file], seeds=[2, 3]).studies
    assert again.unnamed == []
    with opened(tmp_path, readonly=True) as store:
        (row,) = queries.studies(store)
        named = {run.spec.run_id for run in read_study(row.source, "tiny").runs}
        assert named == {run.run_id for run in selected(store, "tiny")}
        assert len(named) == 6
    (replicates,) = register(tmp_path, [file]).studies
    assert [run.label for run in replicates.unnamed] == ["omega=0.0 seed=3", "omega=1.0 seed=3"]


def test_other_seeds_for_an_edited_study_name_what_its_text_says(tmp_path, file):
    register(tmp_path, [file])
    file.write_text(STUDY.replace("omega: [0, 1.0]", "omega: [0, 2.0]"))
    (study,) = register(tmp_path, [file], seeds=[2, 3]).studies
    assert (study.new, study.known) == (3, 1)
    with opened(tmp_path, readonly=True) as store:
        (row,) = queries.studies(store)
        named = {run.spec.run_id for run in read_study(row.source, "tiny").runs}
        assert named == {run.run_id for run in selected(store, "tiny")}
        assert len(named) == 4


def test_whether_runs_fit_into_memory_is_asked_once_for_each_pack_key(tmp_path, file, monkeypatch):
    asked = []
    monkeypatch.setattr("rnnctl.lab.register.refuse_here", lambda: asked.append)
    register(tmp_path, [file])
    assert len(asked) == len({PackKey.of(run.spec).text for run in read_study(STUDY, "tiny.yaml").runs}) < 4

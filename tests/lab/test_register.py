"""Registering studies without a command line."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.register import register
from rnnctl.study.errors import SpecError
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
    assert "another text than before" in warning

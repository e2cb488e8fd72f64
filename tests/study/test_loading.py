from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import load_studies, load_study
from rnnctl.words import nearest

GOOD = "study: {name}\nbase: {{task: temporal_order}}\n"


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_a_missing_study_is_told_with_the_nearest_packaged_one():
    with pytest.raises(SpecError) as caught:
        load_study("quickstrat")
    message = str(caught.value)
    assert message.startswith("quickstrat: no such file")
    assert message.endswith("; did you mean quickstart?; rnnctl studies lists all")
    with pytest.raises(SpecError) as caught:
        load_study("s")
    assert str(caught.value) == "s: no such file, and no packaged study of this name; rnnctl studies lists all"


def test_a_missing_file_is_not_taken_for_the_name_of_a_packaged_study():
    with pytest.raises(SpecError) as caught:
        load_study("quickstart.yaml")
    assert str(caught.value) == "quickstart.yaml: no such file"


def test_a_folder_is_no_study(tmp_path):
    with pytest.raises(SpecError, match="Is a directory") as caught:
        load_study(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_path_that_cannot_be_is_one_line():
    for path in ("a\0b", "x" * 5000, "folder\n/a.yaml"):
        with pytest.raises(SpecError) as caught:
            load_study(path)
        assert str(caught.value).isprintable()


def test_a_file_without_permission_is_one_line(tmp_path):
    path = write(tmp_path, "s.yaml", GOOD.format(name="s"))
    path.chmod(0)
    # Root reads everything, so the child gives its rights up, once all modules are loaded.
    code = """if True:
        import os, sys
        from rnnctl.study.loading import SpecError, load_study
        load_study("quickstart")
        os.chdir(sys.argv[1])
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            load_study("s.yaml")
        except SpecError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.stdout == "s.yaml: cannot be read: Permission denied\n", done.stderr


def test_a_packaged_study_is_found_beside_a_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    assert load_study("quickstart").name == "quickstart"


def test_a_file_named_like_a_packaged_study_is_meant_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "quickstart", GOOD.format(name="mine"))
    assert load_study("./quickstart").name == "mine"
    assert load_study(Path("quickstart")).name == "mine"


def test_the_source_is_kept_as_it_was_written(tmp_path):
    text = "# a comment\n" + GOOD.format(name="s")
    study = load_study(write(tmp_path, "s.yaml", text))
    assert study.source == text
    assert study.file == str(tmp_path / "s.yaml")


def test_one_wrong_file_among_several_gives_nothing(tmp_path):
    good = write(tmp_path, "good.yaml", GOOD.format(name="good"))
    wrong = write(tmp_path, "wrong.yaml", "study: wrong\nbase: {task: temporal_oder}\n")
    with pytest.raises(SpecError) as caught:
        load_studies([good, wrong])
    assert str(caught.value).startswith(f"{wrong}:2: base.task: ")


def test_several_files_are_loaded_in_their_order(tmp_path):
    paths = [write(tmp_path, f"{name}.yaml", GOOD.format(name=name)) for name in ("b", "a")]
    assert [study.name for study in load_studies([*paths, "quickstart"])] == ["b", "a", "quickstart"]


def test_two_files_cannot_have_one_study_name(tmp_path):
    paths = [write(tmp_path, name, GOOD.format(name="same")) for name in ("a.yaml", "b.yaml")]
    with pytest.raises(SpecError) as caught:
        load_studies(paths)
    assert str(caught.value).startswith(f'{paths[1]}: study: the study "same" is also in {paths[0]}')


def test_the_nearest_name_does_not_mind_capitals_and_is_none_for_a_stranger():
    assert nearest("LR", ["lr", "batch"]) == "lr"
    assert nearest("zzz", ["lr", "batch"]) is None


def test_seeds_that_a_command_gives_do_not_warn_of_the_seed_in_base(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("study: s\nbase: {task: temporal_order, seed: 7}\n")
    study = load_study(path, seeds=[1, 2])
    assert [run.spec.seed for run in study.runs] == [1, 2]
    assert study.warnings == ()

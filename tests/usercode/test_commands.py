"""Commands with users' parts: refused unasked, trained where allowed or trusted, and read without their code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import Done
from tests.cli.command_line import rnnctl as in_this_process
from tests.usercode.forgetting import forget
from tests.usercode.written import CONVEYOR, SIGNS, STAIRS, STUDY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a study and its parts."""
    home = tmp_path / "home"
    (home / "lab").mkdir(parents=True)
    (home / "signs.py").write_text(SIGNS)
    (home / "lab" / "stairs.py").write_text(STAIRS)
    (home / "mine.yaml").write_text(STUDY)
    return home


def rnnctl(*args: object, cwd: Path, check: int) -> Done:
    """Run a command as a process of its own would: it knows no part that others have imported."""
    forget()
    return in_this_process(*args, cwd=cwd, check=check)


def line_of(done: Done) -> str:
    """The one line of a refusal."""
    (line,) = done.stderr.splitlines()
    assert "Traceback" not in line
    return line


def test_what_must_import_is_refused_in_a_line_that_names_what_to_add(folder: Path) -> None:
    for command in (["init", "mine.yaml"], ["plan", "mine.yaml"]):
        line = line_of(rnnctl(*command, cwd=folder, check=2))
        assert "the code of signs" in line
        assert line.endswith(
            "is not imported unasked: add --allow-code, or run rnnctl trust signs once in this workspace"
        )
    assert not (folder / "rnnctl.db").exists()
    assert "1 run" in rnnctl("plan", "mine.yaml", "--allow-code", cwd=folder, check=0).stdout


def test_from_the_study_to_its_table_with_a_worker_that_may_import(folder: Path) -> None:
    rnnctl("init", "mine.yaml", "--allow-code", cwd=folder, check=0)
    assert "1 run of the queue cannot be trained: the code of" in line_of(rnnctl("train", cwd=folder, check=1))
    rnnctl("train", "--allow-code", cwd=folder, check=0)
    # What was learned is read without the code, and also where it is gone or another one.
    (row,) = json.loads(rnnctl("runs", "--json", cwd=folder, check=0).stdout)
    (folder / "signs.py").write_text(SIGNS.replace("sign()", "tanh()"))
    (folder / "lab" / "stairs.py").unlink()
    assert json.loads(rnnctl("runs", "--json", cwd=folder, check=0).stdout) == [row]
    assert "keep" in rnnctl("show", row["run"], cwd=folder, check=0).stdout
    assert "budget" in rnnctl("examine", "--where", "keep=0.25", cwd=folder, check=0).stdout
    rnnctl("export", "mine", "--format", "csv", "--out", "exported/", cwd=folder, check=0)
    rnnctl("doctor", cwd=folder, check=0)
    rnnctl("backup", "copy", cwd=folder, check=0)
    assert "1 kept" in rnnctl("merge", "copy", cwd=folder, check=3).stdout
    assert "has changed since the run was registered" in line_of(
        rnnctl("evaluate", row["run"], "--lengths", "11", "--allow-code", cwd=folder, check=1)
    )


def test_a_workspace_trusts_modules_for_this_user_alone(folder: Path) -> None:
    rnnctl("init", "mine.yaml", "--allow-code", cwd=folder, check=0)
    assert "trusts no module" in rnnctl("trust", cwd=folder, check=0).stderr
    assert str(folder / "signs.py") in rnnctl("trust", "signs", "lab.stairs:Stairs", cwd=folder, check=0).stdout
    # The run of other code is not named any more, and not trained.
    (folder / "signs.py").write_text(SIGNS.replace("sign()", "tanh()"))
    assert "rnnctl init registers runs with the code as it is now" in line_of(rnnctl("train", cwd=folder, check=1))
    assert "no longer names 1 run" in rnnctl("init", "mine.yaml", cwd=folder, check=0).stderr
    assert "1 run: 1 budget" in rnnctl("train", cwd=folder, check=0).stderr
    assert list(json.loads(rnnctl("trust", "signs", "--undo", "--json", cwd=folder, check=0).stdout)) == ["lab.stairs"]
    assert "not imported unasked" in line_of(rnnctl("init", "mine.yaml", cwd=folder, check=2))
    assert "does not trust signs; it trusts lab.stairs" in line_of(
        rnnctl("trust", "signs", "--undo", cwd=folder, check=3)
    )
    assert "there is no module sings" in line_of(rnnctl("trust", "sings", cwd=folder, check=3))
    rnnctl("trust", "--undo", cwd=folder, check=2)


def test_a_workspace_that_was_copied_is_not_trusted(folder: Path, tmp_path: Path) -> None:
    rnnctl("init", "mine.yaml", "--allow-code", cwd=folder, check=0)
    rnnctl("trust", "signs", "lab.stairs", cwd=folder, check=0)
    copied = tmp_path / "copied"
    folder.rename(copied)
    (copied / "signs.py").write_text(SIGNS + "open('imported', 'w')\n")
    assert "not imported unasked" in line_of(rnnctl("init", "mine.yaml", cwd=copied, check=2))
    for command in ("runs", "examine", "status"):
        rnnctl(command, cwd=copied, check=0)
    assert "cannot be trained" in line_of(rnnctl("train", cwd=copied, check=1))
    assert not (copied / "imported").exists()


def test_a_module_beside_its_study_is_found_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    rnnctl("init", "mine.yaml", "--allow-code", "-w", tmp_path / "w", cwd=folder, check=0)
    assert str(folder / "signs.py") in rnnctl("trust", "signs", cwd=tmp_path / "w", check=0).stdout
    (stored,) = json.loads(rnnctl("runs", "--json", cwd=tmp_path / "w", check=0).stdout)
    assert "keep" in rnnctl("show", stored["run"], cwd=tmp_path / "w", check=0).stdout


def test_a_trusted_cell_whose_state_is_longer_than_its_hidden_units_is_checked(folder: Path) -> None:
    (folder / "conveyor.py").write_text(CONVEYOR)
    rnnctl("init", cwd=folder, check=0)
    command = ["gradcheck", "conveyor:Conveyor", "--hidden", "2", "--large", "3", "--directions", "1"]
    assert "run rnnctl trust conveyor once" in rnnctl(*command, cwd=folder, check=2).stderr
    rnnctl("trust", "conveyor", cwd=folder, check=0)
    table = rnnctl(*command, cwd=folder / "lab", check=0).stdout
    assert "dL/dh_t" in table
    assert "all are within 1e-06" in table

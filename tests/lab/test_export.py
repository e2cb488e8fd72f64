"""Exports without a command line."""

import csv
import json

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.export.files import npz, tensorboard
from rnnctl.lab.export.text import checks, commands
from rnnctl.lab.workspaces import runs_named
from tests.lab.trained import finish


@pytest.fixture
def finished(store):
    finish(store, {"omega=0.0 seed=1": 1.5, "omega=1.0 seed=1": 0.5})
    return store


def test_a_study_is_one_table(finished, tmp_path):
    export = checks(finished, runs_named(finished, "tiny"))
    assert export.notes == ["2 runs not checked yet, left out"]
    path = export.write(f"{tmp_path}/new/")
    assert path == tmp_path / "new" / "tiny.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["label"], row["train.omega"], row["valid_loss"]) for row in rows] == [
        ("omega=0.0 seed=1", "0.0", "1.5"),
        ("omega=1.0 seed=1", "1.0", "0.5"),
    ]


def test_a_run_is_lines_of_json(finished):
    export = checks(finished, runs_named(finished, "omega=1.0 seed=1"), "jsonl", traces=True)
    assert [json.loads(line)["valid_loss"] for line in export.lines] == [0.5]
    assert export.file == "omega=1.0_seed=1.jsonl"
    with pytest.raises(LabError, match="^traces: applies to jsonl"):
        checks(finished, runs_named(finished, "tiny"), traces=True)


def test_commands_repeat_the_workspace(finished):
    export = commands(finished)
    assert export.file == "commands.sh"
    assert "rnnctl init tiny.yaml" in list(export.lines)
    with pytest.raises(LabError, match="no study 'tinny'"):
        commands(finished, "tinny")


def test_runs_without_a_check_cannot_be_exported(store):
    for export in (checks, npz, tensorboard):
        with pytest.raises(LabError, match="study tiny has not been checked yet") as error:
            export(store, runs_named(store, "tiny"))
        assert error.value.code is Code.NOTHING


def test_a_run_without_a_sound_checkpoint_tells_why(finished):
    for path in finished.workspace.checkpoints.glob("*/*"):
        path.write_bytes(b"x")
    files = npz(finished, runs_named(finished, "omega=1.0 seed=1")).files
    (note,) = next(files).notes
    assert "bytes instead of" in note
    with pytest.raises(LabError, match="run tiny/omega=1.0 seed=1: it has no sound checkpoint") as error:
        next(files)
    assert error.value.code is Code.FAILURE


def test_tensorboard_takes_a_folder(finished):
    with pytest.raises(LabError, match="^out x.events: tensorboard reads folders"):
        tensorboard(finished, runs_named(finished, "omega=1.0 seed=1"), "x.events")

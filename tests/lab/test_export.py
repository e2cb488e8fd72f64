"""Exports without a command line."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.examine import draw, examine
from rnnctl.lab.export import text
from rnnctl.lab.export.files import npz, safetensors, tensorboard
from rnnctl.lab.export.text import checks, commands
from rnnctl.lab.workspaces import runs_named
from store import Unwritable, history
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


@pytest.mark.parametrize(("kept", "reads"), [(500, 1), (1, 2)])
def test_histories_of_a_table_are_read_once_unless_they_are_many(finished, monkeypatch, kept, reads):
    asked = []
    real = history.read
    monkeypatch.setattr(text, "MOST_KEPT", kept)
    monkeypatch.setattr(history, "read", lambda store, ids, traces: asked.append(ids) or real(store, ids, traces))
    lines = list(checks(finished, runs_named(finished, "tiny")).lines)
    assert [line.partition(",")[0] for line in lines] == ["study", "tiny", "tiny"]
    assert len(asked) == reads


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


def test_commands_are_those_of_a_whole_study(finished):
    with pytest.raises(LabError, match=r"omega=1.0 seed=1 is a run, .*: rnnctl export tiny --commands"):
        commands(finished, "omega=1.0 seed=1")


@pytest.mark.parametrize("linked", ["exports", "exports/tiny", "figures", "figures/tiny"])
def test_a_link_in_place_of_a_folder_of_the_workspace_is_refused(finished, tmp_path, linked):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = finished.workspace.root / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    writes = {
        "exports": lambda: list(tensorboard(finished, runs_named(finished, "tiny")).files),
        "figures": lambda: draw(finished, examine(finished)),
    }
    with pytest.raises(Unwritable, match=f"{linked} cannot be used: it is a symbolic link"):
        writes[linked.partition("/")[0]]()
    assert not any(outside.iterdir())


def test_files_in_the_workspace_do_not_go_through_links(finished, tmp_path, monkeypatch):
    trained = SimpleNamespace(trained=object(), notes=[])  # its checkpoint is none
    monkeypatch.setattr("rnnctl.lab.export.files.newest", lambda store, row: trained)
    monkeypatch.setattr("rnnctl.report.export.npz.final_state", lambda *arguments: {"weights_at": 120})
    mine = tmp_path / "thesis.tex"
    mine.write_text("years of work")
    named = runs_named(finished, "omega=1.0 seed=1")
    made = finished.workspace.root / "exports" / "tiny" / "omega=1.0_seed=1_final_state.npz"
    figure = finished.workspace.figures / "tiny" / "loss.png"
    for link in (made, figure):
        link.parent.mkdir(parents=True)
        link.symlink_to(mine)
    assert [file.path for file in npz(finished, named).files] == [made]
    draw(finished, examine(finished))
    assert mine.read_text() == "years of work"
    assert not made.is_symlink()
    assert figure.read_bytes()[:4] == b"\x89PNG"
    given = tmp_path / "given.npz"
    given.symlink_to(tmp_path / "linked.npz")
    assert [file.path for file in npz(finished, named, str(given)).files] == [given]
    assert given.is_symlink()


def test_the_file_of_an_unfinished_run_is_named_so(finished, monkeypatch):
    state = SimpleNamespace(trained=object(), notes=[])
    monkeypatch.setattr("rnnctl.lab.export.files.newest", lambda store, row: state)
    monkeypatch.setattr("rnnctl.report.export.npz.final_state", lambda *arguments: {"weights_at": 80})
    named = runs_named(finished, "omega=1.0 seed=1")
    running = replace(named, runs=[replace(named.runs[0], status="running", outcome=None)])
    for runs, best, end in (
        (named, False, "final"),
        (running, False, "unfinished_at_80"),
        (running, True, "best"),
    ):
        (file,) = npz(finished, runs, best=best).files
        assert file.path.name == f"omega=1.0_seed=1_{end}_state.npz"


def test_runs_without_a_check_cannot_be_exported(store):
    for export in (checks, npz, safetensors, tensorboard):
        with pytest.raises(LabError, match="study tiny has not been checked yet") as error:
            export(store, runs_named(store, "tiny"))
        assert error.value.code is Code.NOTHING


@pytest.mark.parametrize("export", [npz, safetensors])
def test_a_run_without_a_sound_checkpoint_tells_why(finished, export):
    for path in finished.workspace.checkpoints.glob("*/*"):
        path.write_bytes(b"x")
    files = export(finished, runs_named(finished, "omega=1.0 seed=1")).files
    (note,) = next(files).notes
    assert "bytes instead of" in note
    with pytest.raises(LabError, match="run tiny/omega=1.0 seed=1: it has no sound checkpoint") as error:
        next(files)
    assert error.value.code is Code.FAILURE


def test_tensorboard_takes_a_folder(finished):
    with pytest.raises(LabError, match="^out x.events: tensorboard reads folders"):
        tensorboard(finished, runs_named(finished, "omega=1.0 seed=1"), "x.events")

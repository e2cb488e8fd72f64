"""Examinations without a command line."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.examine import draw, examine
from rnnctl.lab.records import plain
from tests.lab.trained import CHANCE, FLOOR, finish

LOSSES = {"omega=0.0 seed=1": 1.5, "omega=0.0 seed=2": 1.3, "omega=1.0 seed=1": 0.5, "omega=1.0 seed=2": None}


@pytest.fixture
def finished(store):
    finish(store, LOSSES)
    return store


def test_the_best_configuration_comes_first(finished):
    examination = examine(finished, "tiny")
    assert [group.label for group in examination.configurations] == ["omega=1.0", "omega=0.0"]
    best, other = examination.configurations
    assert (best.floor, best.chance_error, best.broke_floor_at) == (FLOOR, CHANCE, [100])
    assert best.ended == {"budget": 1, "diverged": 1}
    assert (best.spreads["loss"].mean, best.spreads["loss"].n) == (0.5, 1)
    assert other.spreads["loss"].mean == pytest.approx(1.4)
    assert (examination.title, examination.partial, examination.more) == ("tiny", False, 0)


def test_runs_below_a_threshold_are_listed_best_first(finished):
    examination = examine(finished, below=1.4)
    assert [run.loss for run in examination.runs] == [0.5, 1.3]
    assert len(examination.every_run) == 4


def test_a_record_has_one_item_for_each_measure(finished):
    record = plain(examine(finished, where=["omega=1"], top=1))
    assert set(record) == {"configurations", "runs", "below", "notes"}
    assert record["configurations"][0]["loss"] == {"mean": 0.5, "sd": None, "n": 1}
    assert [run["label"] for run in record["runs"]] == ["omega=1.0 seed=1", "omega=1.0 seed=2"]
    assert "stored_spec" not in record["runs"][0]


def test_configurations_are_sorted_by_what_is_asked_for(finished):
    by_omega = examine(finished, sort="omega")
    assert [group.label for group in by_omega.configurations] == ["omega=0.0", "omega=1.0"]
    first = examine(finished, sort="label", top=1)
    assert ([group.label for group in first.configurations], first.more, first.partial) == (["omega=0.0"], 1, True)
    with pytest.raises(LabError, match="^sort: .*did you mean loss") as error:
        examine(finished, sort="los")
    assert error.value.code is Code.USAGE


def test_figures_of_an_earlier_examination_are_replaced(finished):
    folder = finished.workspace.figures / "tiny"
    folder.mkdir(parents=True)
    (folder / "hyperparameters_below.png").write_bytes(b"of an earlier call")
    drawn = draw(finished, examine(finished, "tiny"))
    assert drawn.folder == folder
    assert {path.stem for path in folder.iterdir()} == set(drawn.names)
    assert "loss" in drawn.names
    assert "hyperparameters_below" not in drawn.names

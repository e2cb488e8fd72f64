"""The analysis of hyper-parameters without a command line."""

import pytest

from rnnctl.lab.effects import draw, effects
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import plain
from tests.lab.trained import FLOOR, finish

LOSSES = {"omega=0.0 seed=1": 1.5, "omega=0.0 seed=2": 1.3, "omega=1.0 seed=1": 0.5, "omega=1.0 seed=2": 0.7}


@pytest.fixture
def finished(store):
    finish(store, LOSSES)
    return store


def test_values_of_a_hyper_parameter_are_compared(finished):
    actual = effects(finished, "tiny", below=1.4)
    assert [(each.name, each.value, each.share_below) for each in actual.main_effects] == [
        ("train.omega", 0.0, 0.5),
        ("train.omega", 1.0, 1.0),
    ]
    (difference,) = actual.comparisons
    assert difference.difference.mean == pytest.approx(-0.8)
    assert (difference.configurations.better, difference.runs.better) == (1, 2)
    assert (actual.floor, actual.floor_label) == (FLOOR, "floor 1.386")
    assert set(actual.missing) == {"importance", "stability"}


def test_the_record_has_the_keys_of_json(finished):
    record = plain(effects(finished))
    assert list(record) == [
        "result", "runs", "configurations", "unfinished", "without_result", "below", "hyperparameters", "following",
        "main_effects", "comparisons", "importance", "stability", "missing",
    ]  # fmt: skip
    assert {"from", "to", "alone"} <= set(record["comparisons"][0])
    assert {"mean", "error", "sd", "seeds", "share_below", "below"} <= set(record["main_effects"][0])


def test_figures_are_drawn_and_named(finished):
    drawn = draw(finished, effects(finished, "tiny", by="error"))
    assert drawn.names == ["effects_error", "hyperparameters_error"]
    assert {path.stem for path in drawn.folder.iterdir()} == set(drawn.names)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"by": "los"}, Code.USAGE, "^by los: there is no such measure.*did you mean loss"),
        ({"below": float("nan")}, Code.USAGE, "^below nan: "),
        ({"where": ["omga=1"]}, Code.USAGE, "^where: .*did you mean train.omega"),
        ({"study": "tinny"}, Code.NOTHING, "did you mean tiny"),
    ],
)
def test_mistakes_are_errors(finished, arguments, code, message):
    with pytest.raises(LabError, match=message) as error:
        effects(finished, **arguments)
    assert error.value.code is code


def test_unfinished_runs_have_no_effects(store):
    with pytest.raises(LabError, match="tiny: no run has finished yet") as error:
        effects(store, "tiny")
    assert error.value.code is Code.NOTHING

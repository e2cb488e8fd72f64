"""Fits, and what they are worth: oracles are designs whose every term is known."""

import math
import sys

import numpy as np
import pytest

from rnnctl.report.effects import importance
from rnnctl.report.effects.analysis import analyse
from rnnctl.report.effects.forest import Missing, forest
from rnnctl.report.effects.importance import Table, TooFew, linear
from rnnctl.report.effects.trials import Trials
from rnnctl.report.effects.verdict import worth
from tests.report.effects.design import noise, study

BITS = {f"train.{name}": [0, 1] for name in "abcdef"}


def table(*args, **kwargs):
    return Table.of(Trials.of(study(*args, **kwargs), "loss"))


def test_columns_of_numbers_magnitudes_words_and_both():
    factors = {
        "h": [10, 20, 30],
        "lr": [0.001, 0.01, 0.1],
        "alpha": [0.0, 0.5, 50.0],
        "init": ["b", "a", "c"],
        "flag": [True, False],
        "clip": ["none", 1.0],
        "omega": ["none", 1.0, 3.0],
    }
    actual = table(lambda seed, **one: 1.0 + one["h"], factors, seeds=(1,))
    names = [(actual.names[column.factor], column.text) for column in actual.columns]
    assert names == [
        ("h", ""), ("lr", "log10"), ("alpha", ""), ("init", "b"), ("init", "c"), ("flag", "true"), ("clip", "none"),
        ("omega", ""), ("omega", "none"),
    ]  # fmt: skip
    by_name = dict(zip(names, actual.x.T, strict=True))
    assert set(by_name["lr", "log10"]) == {-3, -2, -1}
    assert set(by_name["alpha", ""]) == {0, 0.5, 50}
    assert set(by_name["init", "b"]) == {0, 1}
    none = by_name["omega", "none"] == 1
    assert set(by_name["omega", ""][~none]) == {1, 3}
    assert set(by_name["omega", ""][none]) == {2}  # their mean: it says nothing
    assert [group.tolist() for group in actual.groups] == [[0], [1], [2], [3, 4], [5], [6], [7, 8]]


def test_a_row_is_a_configuration_and_its_mean_logarithm():
    actual = table(lambda seed, a, b: math.exp(a + 10 * b + (seed - 2)), {"a": [0, 1, 2, 3], "b": [0, 1, 2]})
    assert actual.logarithm
    expected = np.array([a + 10 * b for a in range(4) for b in range(3)])
    assert actual.y == pytest.approx(expected - expected.mean())
    plain = table(lambda seed, a, b: float(a * b), {"a": [0, 1, 2, 3], "b": [0, 1, 2]})
    assert not plain.logarithm  # some are zero
    expected = np.array([a * b for a in range(4) for b in range(3)])
    assert plain.y == pytest.approx(expected - expected.mean())


def test_a_linear_truth_is_found_whole():
    """log loss = 3 a - 1 log10 lr + 2 [init = y]: coefficients are those times the columns' standard deviations."""
    factors = {"a": [0, 1, 2], "lr": [1e-3, 1e-2, 1e-1, 1], "init": ["x", "y", "z"]}
    actual = table(lambda seed, a, lr, init: math.exp(0.3 * a - 0.1 * math.log10(lr) + 0.2 * (init == "y")), factors)
    fit = linear(actual)
    assert fit.determined
    assert (fit.validation.r2, fit.validation.low, fit.r2_fit) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert fit.validation.error == pytest.approx(0)
    sd = actual.y.std()
    lr_sd, share_sd = math.sqrt(5 / 4), math.sqrt(2 / 9)
    expected = [0.3 * math.sqrt(2 / 3), -0.1 * lr_sd, 0.2 * share_sd, 0.0]
    assert fit.coefficients * sd == pytest.approx(expected, abs=1e-9)
    assert fit.size * sd == pytest.approx([abs(expected[0]), abs(expected[1]), expected[2]], abs=1e-9)


def test_noise_alone_is_not_to_be_believed():
    draw = noise(7)
    actual = table(lambda seed, **one: 10 + draw(), BITS)
    assert "do not believe" in worth(linear(actual).validation)
    assert "do not believe" in worth(forest(actual).validation)


def test_an_interaction_that_the_linear_fit_misses_is_seen_by_the_forest():
    """a and b matter only together (exclusive or), c a little by itself, the rest not at all."""
    draw = noise(3, 0.05)

    def result(seed, a, b, c, **rest):
        return math.exp((a != b) + 0.2 * c + draw())

    actual = table(result, BITS)
    line, trees = linear(actual), forest(actual)
    assert line.validation.r2 < 0.1
    assert np.all(line.size[:2] < 0.2)
    assert "do not believe" in worth(line.validation)
    assert trees.validation.r2 > 0.75
    assert "can be believed" in worth(trees.validation)
    assert trees.importance[:2].min() > 5 * np.abs(trees.importance[2:]).max()
    # Those that do nothing lose nothing; a held-out cell of a crossed design even pulls its neighbours the other way.
    assert trees.importance[2] > 0 > trees.importance[3:].max()
    assert np.all(trees.error[3:] < 0.1)
    assert np.all(trees.error[:2] < trees.importance[:2] / 4)


def test_all_columns_of_a_hyper_parameter_are_permuted_together():
    """Of three values each has its column; permuting one alone would leave the others to tell."""
    factors = {"init": ["x", "y", "z"], "a": [0, 1, 2, 3], "b": [0, 1, 2, 3]}
    trees = forest(table(lambda seed, init, a, b: {"x": 1.0, "y": 2.0, "z": 4.0}[init] + 0 * a, factors))
    assert trees.validation.r2 > 0.99
    assert trees.importance.shape == (3,)
    # Answers handed out at random: R^2 is 1 - 2 in expectation, so that it loses 2.
    assert trees.importance[0] == pytest.approx(2, abs=0.3)
    assert trees.importance[1:] == pytest.approx([0, 0], abs=0.01)


def test_the_same_runs_have_the_same_importances():
    draw = noise(3)
    actual = table(lambda seed, a, b: a + b + draw(), {"a": [0, 1, 2], "b": [0, 1, 2, 3]})
    one, two = forest(actual), forest(actual)
    np.testing.assert_array_equal(one.importance, two.importance)
    assert one.validation == two.validation


def test_columns_that_change_together_are_told():
    # c = a + b, though neither alone says it.
    rows = [{"a": a, "b": b} for a in range(4) for b in range(4)]
    results = study(lambda seed, a, b: 1.0 + a, {"a": [0, 1, 2, 3], "b": [0, 1, 2, 3]})
    assert linear(Table.of(Trials.of(results, "loss"))).determined
    for run in results:
        run.stored_spec["c"] = run.stored_spec["a"] + run.stored_spec["b"]
    actual = Table.of(Trials.of(results, "loss"))
    assert len(actual.names) == 3
    assert len(rows) == len(actual.y)
    fit = linear(actual)
    assert not fit.determined
    assert fit.validation.r2 > 0.9


@pytest.mark.parametrize(
    ("result", "factors", "says"),
    [
        (lambda seed, a: float(a), {"a": list(range(9))}, "9 configurations with a result"),
        (lambda seed, a: float(a), {"a": [1]}, "no hyper-parameter varies"),
        (lambda seed, a: 1.0, {"a": list(range(20))}, "all configurations have the same result"),
    ],
)
def test_too_little_to_fit_is_said(result, factors, says):
    with pytest.raises(TooFew, match=says):
        table(result, factors)


def test_more_columns_than_a_fit_can_have_are_said():
    actual = table(lambda seed, a: len(a) + ord(a[0]), {"a": list("abcdefghijkl")})
    with pytest.raises(TooFew, match="9 configurations are too few for a linear fit with 11 columns"):
        linear(actual)


def test_without_the_extra_there_is_one_line_and_all_the_rest(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    draw = noise(3)
    results = study(lambda seed, a, **rest: a + draw(), BITS)
    with pytest.raises(Missing, match=r"pip install 'rnnctl\[effects\]'"):
        forest(Table.of(Trials.of(results, "loss")))
    actual = analyse(results, "loss")
    assert actual.forest is None
    assert list(actual.missing) == ["forest"]
    assert "rnnctl[effects]" in actual.missing["forest"]
    assert actual.linear is not None
    assert actual.stability is not None


def test_an_analysis_of_few_runs_says_what_it_cannot_say():
    actual = analyse(study(lambda seed, a: float(a), {"a": [1, 2]}, seeds=(1,)), "loss")
    assert (actual.table, actual.linear, actual.forest, actual.stability) == (None, None, None, None)
    assert set(actual.missing) == {"importance", "stability"}
    assert len(actual.main) == 2
    assert importance.FEWEST == 10

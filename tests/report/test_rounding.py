"""Spreads that are nothing but rounding are 0, wherever they are computed."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.report.effects.importance import Table, linear
from rnnctl.report.effects.levels import main_effects
from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.trials import Trials
from rnnctl.rounding import EPSILON, beyond_rounding
from rnnctl.spread import Spread
from tests.report.effects.design import study


@pytest.mark.parametrize("value", [0.72, 0.1, 1 / 3, 1.386, 1e-9, 7e5])
@pytest.mark.parametrize("n", [2, 3, 5, 7, 20])
def test_equal_values_have_no_spread(value: float, n: int) -> None:
    spread = Spread.of([value] * n)
    assert spread is not None
    assert spread.sd == 0


def test_a_spread_beyond_rounding_stays_as_it_is() -> None:
    spread = Spread.of([1.0, 1.0 + 1e-12, 1.0])
    assert spread is not None
    assert spread.sd == pytest.approx(1e-12 / 3**0.5, rel=1e-3)
    assert beyond_rounding(7 * EPSILON, 1.0, 3) == 0
    assert beyond_rounding(8 * EPSILON, 1.0, 3) == 8 * EPSILON
    assert np.isnan(beyond_rounding(np.nan, np.inf, 3))


def test_seeds_and_settings_that_change_nothing_have_errors_of_zero() -> None:
    trials = Trials.of(study(lambda seed, a, b: 0.1 + 0.2 * a, {"a": [0, 1, 2], "b": list(range(7))}), "loss")
    for effect in main_effects(trials):
        assert (effect.all.error, effect.all.sd_seeds) == (0, 0)
        if effect.name == "a":
            assert effect.all.sd == 0


def test_pairs_whose_differences_are_equal_but_for_rounding_have_no_spread() -> None:
    """The results are about 100 and differ by .1: the differences have the rounding of 100."""

    def result(seed: int, a: float, b: float, c: float) -> float:
        return 100 + 0.1 * a + seed / 3 + b / 7

    trials = Trials.of(study(result, {"a": [0, 1], "b": [0, 1, 2, 3], "c": [0, 1]}), "loss")
    a, *_, c = comparisons(trials)
    assert a.difference is not None
    assert (a.difference.error, a.difference.sd, a.difference.sd_seeds) == (0, 0, 0)
    assert a.difference.mean == pytest.approx(0.1)
    assert (c.runs.equal, c.lowest, c.highest) == (24, 0, 0)


def test_a_hyper_parameter_that_changes_nothing_has_no_size_in_the_linear_fit() -> None:
    def result(seed: int, a: float, b: float, c: float) -> float:
        return 0.1 + 0.7 * a + 0.3 * c + seed / 3

    fit = linear(Table.of(Trials.of(study(result, {"a": [0, 1, 2], "b": [1, 2, 5], "c": [0, 1]}), "loss")))
    assert fit.size[0] > 0.1
    assert fit.size[1] == 0
    assert fit.coefficients[1] == 0

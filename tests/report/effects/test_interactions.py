"""Interactions and the order of values, with planted effects."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rnnctl.report.effects.interactions import consistencies, interactions, kendall
from rnnctl.report.effects.trials import Trials
from tests.report.effects.design import noise, study

FACTORS = {"m.h": [16, 64, 128], "t.act": ["relu", "tanh"], "t.len": [5, 50]}


def trials(result, **kwargs) -> Trials:
    return Trials.of(study(result, FACTORS, **kwargs), "loss")


def contrasts(result, **kwargs):
    return {
        (each.first, each.second, cell.first, cell.second): cell.contrast
        for each in interactions(trials(result, **kwargs))
        for cell in each.cells
        if cell.contrast is not None
    }


def test_a_planted_interaction_is_found_with_its_size():
    """Length 50 takes off .3, and another .2 with 128 units; a seed adds to all, which cancels."""

    def result(seed, h, act, len):  # noqa: A002
        return 2 + seed - 0.3 * (len == 50) - 0.2 * (len == 50 and h == 128) - 0.1 * (act == "tanh")

    found = contrasts(result)
    for key, contrast in found.items():
        planted = -0.2 if key == ("m.h", "t.len", 128.0, 50.0) else 0.0
        assert contrast.mean == pytest.approx(planted, abs=1e-12), key
        assert contrast.error == 0
    assert len(found) == 2 * 1 + 2 * 1 + 1
    (table,) = (each for each in interactions(trials(result)) if (each.first, each.second) == ("m.h", "t.len"))
    means = {(cell.first, cell.second): cell.mean.mean for cell in table.cells}
    assert means[16.0, 5.0] - means[16.0, 50.0] == pytest.approx(0.3)
    assert means[128.0, 5.0] - means[128.0, 50.0] == pytest.approx(0.5)


def test_where_there_is_none_contrasts_lie_within_their_errors():
    """Of many contrasts of noise, two errors hold about as many as Student's t with 9 degrees of freedom says: 92 %."""
    inside = total = 0
    for number in range(40):
        draw = noise(number, 0.1)
        for contrast in contrasts(lambda seed, h, act, len: h / 100 - (len == 50) + draw(), seeds=range(10)).values():  # noqa: A002, B023
            inside += abs(contrast.mean) <= 2 * contrast.error
            total += 1
    assert 0.86 <= inside / total <= 0.97


def test_the_error_of_a_contrast_is_that_of_its_means_over_seeds():
    draw = noise(3, 0.1)
    values = {key: draw() for key in itertools.product((1, 2, 3), FACTORS["m.h"], FACTORS["t.act"], FACTORS["t.len"])}
    contrast = contrasts(lambda seed, h, act, len: values[seed, h, act, len])["m.h", "t.len", 128.0, 50.0]  # noqa: A002
    by_seed = [
        np.mean(
            [
                values[seed, 128, act, 50] - values[seed, 128, act, 5] - values[seed, 16, act, 50]
                + values[seed, 16, act, 5]
                for act in FACTORS["t.act"]
            ]
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    assert contrast.mean == pytest.approx(np.mean(by_seed))
    assert contrast.error == pytest.approx(np.std(by_seed, ddof=1) / np.sqrt(3))


def test_a_missing_corner_leaves_out_what_needs_it():
    runs = contrasts(
        lambda seed, h, act, len: float(h),  # noqa: A002
        keep=lambda h, act, len: not (h == 128 and len == 50),  # noqa: A002
    )
    assert ("m.h", "t.len", 128.0, 50.0) not in runs
    assert runs["m.h", "t.len", 64.0, 50.0].mean == 0


def test_an_order_that_holds_everywhere_and_one_that_turns_round():
    def result(seed, h, act, len):  # noqa: A002
        better = "tanh" if h < 128 else "relu"
        return 2.0 + h / 1000 - 0.1 * (act == better) + 0.5 * (len == 5)

    found = {each.name: each for each in consistencies(trials(result))}
    assert found["t.len"].order == [50.0, 5.0]
    assert (found["t.len"].tau, found["t.len"].lowest, found["t.len"].settings) == (1, 1, 6)
    turned = found["t.act"]
    assert turned.order == ["tanh", "relu"]
    assert turned.tau == pytest.approx((4 - 2) / 6)
    assert turned.lowest == -1
    ((same, n),) = ((pair.same, pair.n) for pair in turned.pairs)
    assert (same, n) == (4, 6)


def test_kendalls_tau_is_that_of_scipy_without_ties():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    for n in (2, 5, 9):
        a, b = rng.normal(size=n), rng.normal(size=n)
        assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)

"""Which hyper-parameters vary, and their main effects."""

import math
import statistics

import numpy as np
import pytest

from rnnctl.report.effects.levels import main_effects, nested
from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.trials import GROUPS, Trials, factors
from tests.report.effects.design import noise, study

FLAGS = {"train.a": [0, 1], "train.b": [10, 20, 30], "model.c": ["x", "y"]}


def trials(*args, **kwargs):
    return Trials.of(*study(*args, **kwargs), "loss")


def test_means_and_errors_of_a_design_with_known_effects_are_those_of_its_analysis_of_variance():
    """Two replicates of +1 and -1 around every cell of an additive design: all sums of squares are known."""
    a_effect, b_effect = {0: 0.0, 1: 4.0}, {10: -6.0, 20: 0.0, 30: 6.0}

    def result(seed, a, b, c):
        return 50 + a_effect[a] + b_effect[b] + (1 if seed == 1 else -1)

    found = {(each.name, each.value): each.all for each in main_effects(trials(result, FLAGS, seeds=(1, 2)))}
    for a, effect in a_effect.items():
        one = found["train.a", float(a)]
        assert one.mean == pytest.approx(50 + effect)
        assert (one.runs, one.configurations) == (12, 6)
        # Six configuration means, two at each of -6, 0 and 6: their sum of squares is 4 * 36, on 5 degrees of freedom.
        assert one.error == pytest.approx(math.sqrt(4 * 36 / 5 / 6))
        # Within a configuration the sum of squares is 2 on 1 degree: the variance over seeds is 2.
        assert one.sd_seeds == pytest.approx(math.sqrt(2))
        assert one.error_seeds == pytest.approx(math.sqrt(2 / 12))
    for b, effect in b_effect.items():
        one = found["train.b", float(b)]
        assert one.mean == pytest.approx(52 + effect)
        assert one.error == pytest.approx(math.sqrt(4 * 4 / 3 / 4))  # means at -2 and 2, two each
    assert found["model.c", "x"].mean == found["model.c", "y"].mean == pytest.approx(52)


def test_both_standard_errors_are_what_repeating_the_experiment_scatters_by():
    """Simulation: `error` with new configurations and seeds each time, `error_seeds` with new seeds alone."""
    rng = np.random.default_rng(3)
    k, r, between, within = 8, 3, 2.0, 1.0
    groups = np.repeat(np.arange(k), r)
    settings = rng.normal(0, between, k)
    anew, again = [], []
    for _ in range(3000):
        anew.append(nested(rng.normal(0, between, k)[groups] + rng.normal(0, within, k * r), groups))
        again.append(nested(settings[groups] + rng.normal(0, within, k * r), groups))
    scatter = statistics.pstdev(one.mean for one in anew)
    assert scatter == pytest.approx(math.sqrt((between**2 + within**2 / r) / k), rel=0.04)
    assert math.sqrt(statistics.fmean(one.error**2 for one in anew)) == pytest.approx(scatter, rel=0.04)
    scatter = statistics.pstdev(one.mean for one in again)
    assert math.sqrt(statistics.fmean(one.error_seeds**2 for one in again)) == pytest.approx(scatter, rel=0.04)


def test_a_configuration_with_more_seeds_weighs_no_more():
    one = nested(np.array([0.0, 0.0, 0.0, 8.0]), np.array([0, 0, 0, 5]))
    assert one.mean == 4.0
    assert one.error == pytest.approx(4.0)
    assert (one.sd_seeds, one.error_seeds) == (0.0, 0.0)
    uneven = nested(np.array([1.0, 3.0, 7.0]), np.array([0, 0, 1]))
    assert uneven.error_seeds == pytest.approx(math.sqrt(2 * (1 / 2 + 1)) / 2)


def test_errors_that_cannot_be_known_are_none():
    single = nested(np.array([1.0]), np.array([0]))
    assert (single.mean, single.error, single.error_seeds, single.sd_seeds) == (1.0, None, None, None)
    assert nested(np.array([1.0, 2.0]), np.array([0, 1])).sd_seeds is None
    assert nested(np.array([1.0, 2.0]), np.array([0, 0])).error is None
    assert nested(np.array([]), np.array([], dtype=int)) is None


def test_runs_below_a_threshold_are_counted_at_each_value():
    of = trials(lambda seed, a, b, c: a + seed / 10, FLAGS)
    found = {(each.name, each.value): each for each in main_effects(of, below=0.25)}
    zero, one = found["train.a", 0.0], found["train.a", 1.0]
    assert (zero.below.runs, zero.share_below) == (12, pytest.approx(2 / 3))
    assert zero.below.mean == pytest.approx(0.15)
    assert (one.below, one.share_below) == (None, 0.0)
    assert main_effects(of)[0].below is None


# --- the table


def test_runs_without_a_finite_result_and_second_namings_of_a_run_are_left_out():
    results, specs = study(lambda seed, a, b, c: float(a), FLAGS)
    results[0] |= {"loss": None}
    results[1] |= {"loss": math.nan}
    found = Trials.of([*results, *results], [*specs, *specs], "loss")
    assert len(found.values) == len(results) - 2
    assert len(found.labels) == 12
    for run in results[:3]:
        run["loss"] = None
    assert len(Trials.of(results, specs, "loss").labels) == 11
    kept = Trials.of(results, specs, "loss", empty=True)
    assert (len(kept.labels), kept.counts[0], len(kept.values)) == (12, 0, 33)


def test_what_follows_from_another_hyper_parameter_gets_no_entry_of_its_own():
    flat = [
        {"act": act, "init": init, "init.std": std, "low": length, "high": 2 * length, "omega": omega, "clip": clip}
        for init, act, std in [("s", "sigmoid", 0.1), ("b", "tanh", 0.1), ("t", "tanh", 0.01)]
        for length in (10, 20)
        for clip, omega in [("none", 0), (1.0, 0), (1.0, 4)]
    ]
    found = {factor.name: factor.follow for factor in factors(flat)}
    assert found == {"init": ("act", "init.std"), "low": ("high",), "omega": (), "clip": ()}


def test_a_value_of_its_own_in_every_configuration_says_nothing_about_the_others():
    rng = np.random.default_rng(0)
    flat = [{"lr": rng.uniform(), "omega": rng.uniform(), "init": "ab"[i % 2]} for i in range(20)]
    assert [factor.name for factor in factors(flat)] == ["lr", "omega", "init"]
    assert [factor.name for factor in factors(flat[:5])] == ["lr", "init"]  # omega: the same five parts as lr


def test_many_numbers_are_grouped_by_neighbours():
    rng = np.random.default_rng(1)
    (factor,) = factors([{"lr": value} for value in [*10 ** rng.uniform(-5, -1, 40), "none"]])
    assert factor.drawn
    numbers = np.array([value for value in factor.values if isinstance(value, float)])
    *groups, word = factor.levels
    assert (word.value, word.at.sum()) == ("none", 1)
    assert [int(level.at.sum()) for level in groups] == [10] * GROUPS
    assert sum(level.at.astype(int) for level in factor.levels).tolist() == [1] * 41
    highest = [numbers[level.at[:-1]].max() for level in groups]
    lowest = [numbers[level.at[:-1]].min() for level in groups]
    assert all(high < low for high, low in zip(highest, lowest[1:], strict=False))


def test_one_hyper_parameter_with_equal_numbers_only_has_levels_of_its_values():
    of = trials(lambda seed, a, b, c: 1.0, FLAGS)
    assert [(factor.name, [level.value for level in factor.levels]) for factor in of.factors] == [
        ("train.a", [0.0, 1.0]),
        ("train.b", [10.0, 20.0, 30.0]),
        ("model.c", ["x", "y"]),
    ]


def test_nothing_that_varies_has_no_effects():
    of = trials(lambda seed, a: noise()(), {"a": [1]})
    assert (of.factors, main_effects(of), comparisons(of)) == ([], [], [])

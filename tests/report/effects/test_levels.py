"""Which hyper-parameters vary, and their main effects."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest

from rnnctl.report.effects.factors import GROUPS, varied
from rnnctl.report.effects.levels import estimate, main_effects
from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.trials import Trials
from tests.report.effects.design import noise, study

FLAGS = {"train.a": [0, 1], "train.b": [10, 20, 30], "model.c": ["x", "y"]}


def trials(*args, **kwargs):
    return Trials.of(study(*args, **kwargs), "loss")


def test_means_and_errors_of_a_design_with_known_effects_are_those_of_its_analysis_of_variance():
    """An additive design whose first seed adds 1 to every run and whose second takes 1 off: all sums are known."""
    a_effect, b_effect = {0: 0.0, 1: 4.0}, {10: -6.0, 20: 0.0, 30: 6.0}

    def result(seed, a, b, c):
        return 50 + a_effect[a] + b_effect[b] + (1 if seed == 1 else -1)

    actual = {(each.name, each.value): each.all for each in main_effects(trials(result, FLAGS, seeds=(1, 2)))}
    for a, effect in a_effect.items():
        one = actual["train.a", float(a)]
        assert one.mean == pytest.approx(50 + effect)
        assert (one.runs, one.configurations, one.seeds) == (12, 6, 2)
        # Six configuration means, two at each of -6, 0 and 6: their sum of squares is 4 * 36, on 5 degrees of freedom.
        assert one.sd == pytest.approx(math.sqrt(4 * 36 / 5))
        # Within a configuration the sum of squares is 2 on 1 degree: the variance over seeds is 2.
        assert one.sd_seeds == pytest.approx(math.sqrt(2))
        # The mean over all of one seed is 1 above or below: two draws with a variance of 2, however many have them.
        assert one.error == pytest.approx(1)
    for b, effect in b_effect.items():
        one = actual["train.b", float(b)]
        assert one.mean == pytest.approx(52 + effect)
        assert one.sd == pytest.approx(math.sqrt(4 * 4 / 3))  # means at -2 and 2, two each
    assert actual["model.c", "x"].mean == actual["model.c", "y"].mean == pytest.approx(52)


@pytest.mark.parametrize("of_seeds", [0.0, 1.5])
@pytest.mark.parametrize("shared", [True, False])
def test_the_error_is_what_the_mean_scatters_by_with_other_seeds(of_seeds, shared):
    """Simulation: the same settings, trained with new seeds each time; a seed may do something to all that have it."""
    rng = np.random.default_rng(3)
    replicates = np.array([3, 3, 3, 3, 3, 3]) if shared else np.array([2, 3, 4, 3, 2, 4])
    groups = np.repeat(np.arange(len(replicates)), replicates)
    seeds = np.tile(np.arange(3), len(replicates)) if shared else np.arange(len(groups))
    settings = rng.normal(0, 2, len(replicates))
    actual = []
    for _ in range(4000):
        luck = rng.normal(0, of_seeds, seeds.max() + 1)[seeds]
        actual.append(estimate(settings[groups] + luck + rng.normal(0, 1, len(groups)), groups, seeds))
    scatter = statistics.pstdev(one.mean for one in actual)
    assert math.sqrt(statistics.fmean(one.error**2 for one in actual)) == pytest.approx(scatter, rel=0.04)
    total = math.sqrt(1 + of_seeds**2)
    assert math.sqrt(statistics.fmean(one.sd_seeds**2 for one in actual)) == pytest.approx(total, rel=0.04)


def test_with_seeds_that_all_have_it_is_that_of_the_seeds_means():
    rng = np.random.default_rng(8)
    table = rng.normal(size=(7, 4))  # configurations, seeds
    one = estimate(table.ravel(), np.repeat(np.arange(7), 4), np.tile([5, 1, 9, 2], 7))
    assert one.error == pytest.approx(table.mean(0).std(ddof=1) / 2)


def test_a_configuration_with_more_seeds_weighs_no_more():
    one = estimate(np.array([0.0, 0.0, 0.0, 8.0]), np.array([0, 0, 0, 5]), np.array([1, 2, 3, 1]))
    assert one.mean == 4.0
    assert one.sd == pytest.approx(math.sqrt(32))
    assert (one.sd_seeds, one.error) == (0.0, 0.0)
    uneven = estimate(np.array([1.0, 3.0, 7.0]), np.array([0, 0, 1]), np.array([1, 2, 1]))
    assert uneven.error == pytest.approx(1)  # of the one configuration that has two: sqrt(2 / 2)


def test_errors_that_cannot_be_known_are_none():
    single = estimate(np.array([1.0]), np.array([0]), np.array([1]))
    assert (single.mean, single.error, single.sd, single.sd_seeds) == (1.0, None, None, None)
    two = estimate(np.array([1.0, 2.0]), np.array([0, 1]), np.array([1, 2]))
    assert (two.error, two.sd_seeds) == (None, None)
    assert estimate(np.array([1.0, 2.0]), np.array([0, 0]), np.array([1, 2])).sd is None
    nothing = np.array([], dtype=int)
    assert estimate(np.array([]), nothing, nothing) is None


def test_runs_below_a_threshold_are_counted_at_each_value():
    of = trials(lambda seed, a, b, c: a + seed / 10, FLAGS)
    actual = {(each.name, each.value): each for each in main_effects(of, below=0.25)}
    zero, one = actual["train.a", 0.0], actual["train.a", 1.0]
    assert (zero.below.runs, zero.share_below) == (12, pytest.approx(2 / 3))
    assert zero.below.mean == pytest.approx(0.15)
    assert (one.below, one.share_below) == (None, 0.0)
    assert main_effects(of)[0].below is None


# --- the table


def test_runs_without_a_finite_result_and_second_namings_of_a_run_are_left_out():
    results = study(lambda seed, a, b, c: float(a), FLAGS)
    results[0] = replace(results[0], loss=None)
    results[1] = replace(results[1], loss=math.nan)
    actual = Trials.of([*results, *results], "loss")
    assert len(actual.values) == len(results) - 2
    assert len(actual.labels) == 12
    results[:3] = [replace(run, loss=None) for run in results[:3]]
    assert len(Trials.of(results, "loss").labels) == 11
    kept = Trials.of(results, "loss", empty=True)
    assert (len(kept.labels), kept.counts[0], len(kept.values)) == (12, 0, 33)


def test_what_follows_from_another_hyper_parameter_gets_no_entry_of_its_own():
    flat = [
        {"act": act, "init": init, "init.std": std, "low": length, "high": 2 * length, "omega": omega, "clip": clip}
        for init, act, std in [("s", "sigmoid", 0.1), ("b", "tanh", 0.1), ("t", "tanh", 0.01)]
        for length in (10, 20)
        for clip, omega in [("none", 0), (1.0, 0), (1.0, 4)]
    ]
    actual = {factor.name: factor.follow for factor in varied(flat).factors}
    assert actual == {"init": ("act", "init.std"), "low": ("high",), "omega": (), "clip": ()}


def test_a_value_of_its_own_in_every_configuration_says_nothing_about_the_others():
    rng = np.random.default_rng(0)
    flat = [{"lr": rng.uniform(), "omega": rng.uniform(), "init": "ab"[i % 2]} for i in range(20)]
    assert [factor.name for factor in varied(flat).factors] == ["lr", "omega", "init"]
    assert [factor.name for factor in varied(flat[:5]).factors] == ["lr", "init"]  # omega: the same five parts as lr


def test_many_numbers_are_grouped_by_neighbours():
    rng = np.random.default_rng(1)
    (factor,) = varied([{"lr": value} for value in [*10 ** rng.uniform(-5, -1, 40), "none"]]).factors
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

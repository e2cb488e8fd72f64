"""Paired comparisons."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.trials import Trials
from tests.report.effects.design import noise, study

DESIGN = {"train.a": [0, 1], "train.b": [10, 20, 30], "model.c": ["x", "y", "z"]}


def test_pairs_are_all_that_brute_force_finds():
    """A design with holes, of configurations and of single seeds, compared over all pairs of runs."""
    draw = noise(4)
    results = study(lambda seed, a, b, c: draw() + a, DESIGN, keep=lambda a, b, c: not (a == 1 and b == 20))
    rng = np.random.default_rng(5)
    for i in rng.choice(len(results), 6, replace=False):
        results[i] = replace(results[i], loss=None)
    results[:3] = [replace(run, loss=None) for run in results[:3]]  # a configuration without any
    actual = {(each.name, each.first, each.other): each for each in comparisons(Trials.of(results, "loss"))}
    assert set(actual) == {
        ("train.a", 0.0, 1.0),
        ("train.b", 10.0, 20.0),
        ("train.b", 10.0, 30.0),
        ("model.c", "x", "y"),
        ("model.c", "x", "z"),
    }
    runs = [
        (run, {name.rpartition(".")[2]: value for name, value in run.parameters.items()})
        for run in results
        if run.loss is not None
    ]
    for (name, first, other), comparison in actual.items():
        leaf = name.rpartition(".")[2]
        differences: dict[tuple, list[float]] = {}
        at = {run.config for run, one in runs if one[leaf] in (first, other)}
        for one, two in combinations(runs, 2):
            if one[1][leaf] == other:
                one, two = two, one
            same = all(one[1][key] == two[1][key] for key in "abc" if key != leaf)
            if same and one[0].seed == two[0].seed and (one[1][leaf], two[1][leaf]) == (first, other):
                pair = one[0].config, two[0].config
                differences.setdefault(pair, []).append(two[0].loss - one[0].loss)
        means = [np.mean(some) for some in differences.values()]
        every = np.concatenate(list(differences.values()))
        assert comparison.difference.mean == pytest.approx(np.mean(means))
        assert comparison.difference.sd == pytest.approx(np.std(means, ddof=1))
        assert (comparison.lowest, comparison.highest) == pytest.approx((min(means), max(means)))
        assert comparison.difference.runs == len(every)
        assert (comparison.configurations.n, comparison.runs.n) == (len(means), len(every))
        assert comparison.configurations.better == sum(mean < 0 for mean in means)
        assert comparison.runs.better == sum(every < 0)
        assert comparison.alone == len(at) - 2 * len(means)
    assert actual["train.b", 10.0, 20.0].alone > actual["model.c", "x", "y"].alone


def test_an_effect_that_others_hide_in_the_mean_shows_in_pairs():
    """b comes only with a: a's mean has b's effect in it, its pairs do not."""
    of = Trials.of(
        study(lambda seed, a, b: 1.0 + 2 * a - 5 * b, {"a": [0, 1], "b": [0, 1]}, keep=lambda a, b: a or not b), "loss"
    )
    a, b = comparisons(of)
    assert (a.difference.mean, a.configurations.n, a.alone) == (2.0, 1, 1)
    assert (b.difference.mean, b.configurations.n, b.alone) == (-5.0, 1, 1)
    assert a.difference.sd is None
    assert (a.lowest, a.highest) == (2.0, 2.0)


def test_equal_results_are_neither_better_nor_worse():
    of = Trials.of(study(lambda seed, a, b: float(a if b == 1 else 0), {"a": [0, 1], "b": [0, 1]}), "loss")
    a, _ = comparisons(of)
    assert (a.runs.better, a.runs.equal, a.runs.n) == (0, 3, 6)
    assert (a.configurations.better, a.configurations.equal, a.configurations.n) == (0, 1, 2)


def test_what_a_seed_does_to_both_cancels_and_what_it_does_to_one_is_one_draw_for_all():
    """Twelve settings, and seeds 1 to 3: the value costs 1, 2 or 6 by the seed alone, in all settings alike."""
    costs = {1: 1.0, 2: 2.0, 3: 6.0}
    factors = {"a": [0, 1], "b": list("uvwx"), "c": list("yz")}
    of = Trials.of(study(lambda seed, a, b, c: 100 * seed + ord(b) * ord(c) + a * costs[seed], factors), "loss")
    actual = comparisons(of)[0]
    assert actual.difference.mean == pytest.approx(3)
    assert actual.difference.error == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert (actual.difference.configurations, actual.difference.seeds) == (8, 3)
    assert actual.lowest == actual.highest == pytest.approx(3)


def test_a_value_without_any_partner_has_no_difference():
    of = Trials.of(
        study(lambda seed, a, b: 1.0, {"a": [0, 1, 2], "b": [0, 1]}, keep=lambda a, b: a == b or a == 2), "loss"
    )
    first = comparisons(of)[0]
    assert (first.first, first.other, first.difference, first.alone) == (0.0, 1.0, None, 2)
    assert (first.runs.n, first.lowest, first.highest) == (0, None, None)


def test_numbers_that_no_two_runs_share_are_not_paired():
    rng = np.random.default_rng(0)
    of = Trials.of(study(lambda seed, lr: lr, {"lr": list(rng.uniform(size=20))}), "loss")
    assert comparisons(of) == []

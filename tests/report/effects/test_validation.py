"""Cross-validation over configurations and seeds, and the words that follow from it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnctl.report.effects.importance import Table, linear
from rnnctl.report.effects.seed_design import SeedDesign
from rnnctl.report.effects.trials import Trials
from rnnctl.report.effects.validation import Validation, folds, gains, repeats
from rnnctl.report.effects.verdict import worth
from tests.report.effects.design import study
from tests.report.effects.simulated import GRID, OWN, WORDS, Simulation


def design(kind: str, seeds: int = 3, configs: int = 23) -> SeedDesign:
    config, seed = np.repeat(np.arange(configs), seeds), np.tile(np.arange(seeds), configs)
    if kind == "own":
        seed = np.arange(len(config))
    if kind == "shared":
        seed = seed + 100 * (config % 2)
    actual = SeedDesign.of(np.random.default_rng(0).normal(size=len(config)), config, seed)
    assert actual.kind == kind
    return actual


@pytest.mark.parametrize(
    ("kind", "seeds"), [("crossed", 2), ("crossed", 3), ("crossed", 9), ("shared", 3), ("own", 1), ("own", 2)]
)
def test_a_fold_tests_configurations_and_seeds_that_its_fit_has_not_seen(kind: str, seeds: int) -> None:
    of = design(kind, seeds)
    held = np.zeros(len(of.y), dtype=int)
    for fold in folds(of):
        held[fold.held] += 1
        assert not set(fold.configs) & set(of.config[fold.held])
        # Whatever the results at the seeds held out were, the fit would see the same.
        changed = of.y + 1000 * np.isin(of.seed, of.seed[fold.held])
        seen = ~np.isin(of.config, of.config[fold.held]) & ~np.isin(of.seed, of.seed[fold.held])
        for config, mean in zip(fold.configs, fold.y, strict=True):
            used = [runs for runs in _subsets(of, config, kind) if changed[runs].mean() == pytest.approx(mean)]
            assert used, "the mean of a configuration is over seeds that are not held out"
            assert all(seen[runs].all() for runs in used)
    assert np.all(held == repeats(of))


def _subsets(of: SeedDesign, config: int, kind: str) -> list[np.ndarray]:
    """Return the sets of runs that a configuration's mean can be taken over: all, or all without one part of seeds."""
    runs = np.flatnonzero(of.config == config)
    if kind == "own":
        return [runs]
    parts = np.random.RandomState(42).permutation(of.seeds) % min(of.seeds, 5)
    return [kept for part in range(5) if len(kept := runs[parts[of.seed[runs]] != part])]


def test_gains_add_up_to_r_squared_of_the_means() -> None:
    of = design("own", 2)
    predicted = np.random.default_rng(1).normal(size=len(of.counts))
    total = gains(of, np.arange(len(of.y)), predicted[of.config]).sum()
    assert total == pytest.approx(1 - np.sum((of.means - predicted) ** 2) / np.sum(of.means**2))


def test_r_squared_is_what_new_configurations_and_seeds_would_show() -> None:
    """Leave-one-out by hand, for predictions by the mean over the other seeds of a neighbour."""
    of = design("crossed", 3, 8)
    table = of.y.reshape(8, 3)
    predicted = np.array([[np.delete(table[i ^ 1], j).mean() for j in range(3)] for i in range(8)])
    actual = Validation.of(of, gains(of, np.arange(24), predicted.ravel()))
    excess = np.mean((table - predicted) ** 2) - np.mean((table - table.mean(1, keepdims=True)) ** 2)
    assert actual.r2 == pytest.approx(1 - excess / np.mean(table.mean(1) ** 2))
    by_seed = np.sum(2 * table * predicted - predicted**2, axis=0) / np.sum(table.mean(1) ** 2)
    assert actual.r2 == pytest.approx(by_seed.mean())
    assert actual.error == pytest.approx(by_seed.std(ddof=1) / math.sqrt(3))
    assert actual.low == pytest.approx(actual.r2 - 2.92 * actual.error, rel=1e-3)


@pytest.mark.parametrize(
    ("r2", "low", "draws", "words"),
    [
        (0.05, 0.0, 3, "do not believe its importances"),
        (-2.0, None, 1, "do not believe its importances"),
        (0.95, None, 1, "one seed only"),
        (0.95, -0.1, 3, "do not believe these before more seeds confirm them"),
        (0.95, 0.05, 3, "as a hint at most; more seeds could confirm more"),
        (0.95, 0.2, 3, "believe large differences between importances, not small ones; more seeds could confirm more"),
        (0.95, 0.5, 3, "can be believed"),
        (0.95, 0.9, 2, "believe large differences"),
        (0.6, 0.5, 3, "not small ones"),
        (0.2, 0.15, 3, "as a hint at most"),
    ],
)
def test_words_rest_on_the_bound_as_well_as_on_r_squared(r2: float, low: float | None, draws: int, words: str) -> None:
    assert words in worth(Validation(r2, None if low is None else 0.1, low, draws))


def test_importances_that_other_seeds_would_not_show_are_not_vouched_for() -> None:
    """Nothing to find, and seeds that favour some settings. Fits that see the seeds that they are tested at find it."""
    nothing = Simulation(common=0.1, interacting=0.05, independent=0.01)
    words = [worth(linear(table).validation) for table in nothing.tables(30)]
    assert sum("do not believe" in each for each in words) >= 27
    assert all("do not believe" in each or "a hint at most" in each for each in words)


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_real_effect_is_believed_although_seeds_do_much_to_all_alike(seeds: int) -> None:
    real = Simulation(
        common=0.3, independent=0.02, seeds=seeds, grid=WORDS, effects={"a": [0, 0.2], "b": [0, 0.1, 0.3]}
    )
    for table in real.tables(10):
        assert "can be believed" in worth(linear(table).validation)
        assert table.ceiling is not None
        assert table.ceiling > 0.95


def test_with_one_seed_nothing_is_vouched_for() -> None:
    for table in Simulation(interacting=0.05, independent=0.01, seeds=1, effects={"a": [0, 0.2]}).tables(5):
        fit = linear(table)
        assert fit.validation.r2 > 0.4
        assert (fit.validation.low, table.ceiling) == (None, None)
        assert "one seed only" in worth(fit.validation)
        assert "other seeds are unknown" in table.design.unseen


def test_random_studies_whose_configurations_have_their_own_seeds_can_be_judged() -> None:
    real = Simulation(common=0.02, independent=0.05, seeds=1, nested=OWN, effects={"a": [0, 0.4], "b": [0, 0.2, 0.4]})
    nothing = Simulation(common=0.1, interacting=0.05, independent=0.01, seeds=1, nested=OWN)
    for table in real.tables(5):
        assert "can be believed" in worth(linear(table).validation)
    words = []
    for table in nothing.tables(30):
        assert table.design.kind == "own"
        words.append(worth(linear(table).validation))
    assert sum("do not believe" in each for each in words) >= 27
    assert not any("can be believed" in each for each in words)


@pytest.mark.parametrize(
    "noise",
    [{"common": 0.3, "independent": 0.03}, {"interacting": 0.05}, {"independent": 0.1}],
    ids=["common", "interacting", "independent"],
)
@pytest.mark.parametrize("nested", [(), OWN], ids=["crossed", "own"])
def test_the_ceiling_bounds_the_r_squared_that_fits_reach(noise: dict[str, float], nested: tuple[str, ...]) -> None:
    """The fit has the right form, so that it comes near the ceiling where seeds do not keep it from learning."""
    simulation = Simulation(**noise, seeds=4, nested=nested, effects={"a": [0, 0.2], "b": [0, 0.1, 0.2]})
    tables = list(simulation.tables(40))
    ceiling = np.mean([table.ceiling for table in tables])
    r2 = np.mean([linear(table).validation.r2 for table in tables])
    assert r2 < ceiling
    if not nested:
        assert ceiling > 0.7
        assert r2 > ceiling - 0.2


def test_a_seed_that_nobody_else_has_is_left_out_of_fits() -> None:
    runs = study(lambda seed, a, b, c: 1.0 + a + b + 0.01 * seed, GRID, seeds=(1, 2))
    extra = study(lambda seed, a, b, c: 90.0, {"a": [0], "b": [0], "c": [0]}, seeds=(3,))
    table = Table.of(Trials.of([*runs, *extra], "loss"))
    assert (table.design.kind, table.design.left_out) == ("crossed", 1)
    assert linear(table).validation.r2 > 0.9

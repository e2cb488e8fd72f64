"""How seeds are spread over configurations, and how much of the variance is due to them."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.report.effects.seed_design import SeedDesign


def complete(configs: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return configurations and seeds (runs,) of a complete design."""
    return np.repeat(np.arange(configs), seeds), np.tile(np.arange(seeds) + 5, configs)


@pytest.mark.parametrize(
    ("pairs", "kind", "left_out"),
    [
        ([(0, 1), (1, 1), (2, 1)], "one", 0),
        ([(0, 1), (0, 2), (1, 1), (1, 2)], "crossed", 0),
        ([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 1)], "crossed", 0),  # no two configurations have the same seeds
        ([(0, 1), (0, 2), (1, 1), (1, 2), (1, 3)], "crossed", 1),  # nobody else has seed 3
        ([(0, 1), (1, 1), (1, 2)], "one", 1),
        ([(0, 1), (1, 2), (2, 3)], "own", 0),
        ([(0, 1), (0, 2), (1, 3), (1, 4)], "own", 0),
        ([(0, 1), (0, 2), (1, 1), (1, 2), (2, 3), (2, 4), (3, 3), (3, 4)], "shared", 0),  # two blocks
        ([(0, 1), (1, 1), (2, 2), (3, 2)], "shared", 0),
    ],
)
def test_the_kind_of_a_design(pairs: list[tuple[int, int]], kind: str, left_out: int) -> None:
    config, seed = np.array(pairs).T
    design = SeedDesign.of(np.random.default_rng(0).normal(size=len(pairs)), config, seed)
    assert (design.kind, design.left_out) == (kind, left_out)
    assert design.means.mean() == pytest.approx(0, abs=1e-12)


def test_what_a_seed_does_to_all_alike_is_removed_whole_also_where_runs_are_missing() -> None:
    rng = np.random.default_rng(1)
    config, seed = complete(12, 4)
    kept = rng.uniform(size=len(config)) < 0.7
    config, seed = config[kept], seed[kept]
    settings, luck = rng.normal(size=12), rng.normal(0, 10, size=9)
    design = SeedDesign.of(settings[config] + luck[seed], config, seed)
    assert design.kind == "crossed"
    assert design.means == pytest.approx(settings - settings.mean(), abs=1e-9)
    assert design.ceiling == pytest.approx(1)


def test_with_complete_data_the_noise_is_that_of_the_two_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(2)
    table = rng.normal(size=(9, 4)) + rng.normal(0, 3, size=4)
    design = SeedDesign.of(table.ravel(), *complete(9, 4))
    residuals = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    noise = np.sum(residuals**2) / (8 * 3) / 4
    assert design.ceiling == pytest.approx(max(0, 1 - noise / table.mean(1).var(ddof=1)))


def test_without_two_seeds_of_a_configuration_there_is_no_ceiling() -> None:
    values = np.random.default_rng(0).normal(size=6)
    assert SeedDesign.of(values, np.arange(6), np.arange(6)).ceiling is None
    assert SeedDesign.of(values, np.arange(6), np.ones(6, dtype=int)).ceiling is None


def blocks() -> tuple[np.ndarray, np.ndarray]:
    """Return 6 blocks of 4 configurations with 3 seeds each, which no other block has."""
    config, seed = complete(24, 3)
    return config, seed + 10 * (config // 4)


def own() -> tuple[np.ndarray, np.ndarray]:
    config, _ = complete(24, 3)
    return config, np.arange(len(config))


@pytest.mark.parametrize("design", [complete(24, 3), blocks(), own()], ids=["crossed", "shared", "own"])
def test_the_ceiling_is_the_share_that_is_not_due_to_seeds(design: tuple[np.ndarray, np.ndarray]) -> None:
    """Simulation: the noise in the means of configurations is what the same study with other seeds differs by."""
    rng = np.random.default_rng(3)
    config, seed = design
    settings = rng.normal(0, 1.0, 24)
    noise, variance, claimed = [], [], []
    for _ in range(600):
        luck, rest = rng.normal(0, 0.8, seed.max() + 1), rng.normal(0, 0.7, len(config))
        actual = SeedDesign.of(settings[config] + luck[seed] + rest, config, seed)
        assert actual.ceiling is not None
        noise.append((actual.means - (settings - settings.mean())).var(ddof=1))
        variance.append(actual.means.var(ddof=1))
        claimed.append((1 - actual.ceiling) * variance[-1])
    assert np.mean(claimed) == pytest.approx(np.mean(noise), rel=0.05)

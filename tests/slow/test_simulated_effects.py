"""What `effects` claims about simulated studies whose truth is known: rates of its verdicts, and what its errors cover.

Each rate is compared with what it should be, with a margin of four standard deviations of the binomial count. Seeds of
the studies are fixed, so that the figures do not change from run to run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rnnctl.report.effects import forest as forests
from rnnctl.report.effects.forest import forest
from rnnctl.report.effects.importance import linear
from rnnctl.report.effects.levels import main_effects
from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.validation import Validation
from rnnctl.report.effects.verdict import LEVELS, worth
from tests.report.effects.simulated import OWN, WORDS, Simulation

Figure = Callable[[str, object], None]

STUDIES = 200
FORESTS = 100  # studies for which forests grow
FEW_TREES = 10  # in place of a hundred: verdicts are about seeds, and the trees take the time
NEARLY_NEVER = 0.01
NOTHING = {"common": 0.1, "interacting": 0.05, "independent": 0.01}
EFFECTS = {"a": [0.0, 0.4], "b": [0.0, 0.2, 0.4]}
WITHIN_ONE = {2: 0.5, 3: 0.577, 5: 0.626}  # share of Student's t within one standard error, by the number of seeds
WITHIN = {2: 12.706, 3: 4.303, 5: 2.776}  # errors within which 95 % of it lie


def margin(n: int, rate: float) -> float:
    """Return four standard deviations of a share of n independent cases."""
    return 4 * math.sqrt(rate * (1 - rate) / n)


def verdicts(validations: Sequence[Validation]) -> Counter[str]:
    """Return how often each verdict was given: hint, part, most, or nothing to believe."""
    names = {text: name for (_, text), name in zip(LEVELS, ("hint", "part", "most"), strict=True)}
    words = [worth(each) for each in validations]
    return Counter(next((name for text, name in names.items() if text in each), "nothing") for each in words)


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("interacts", [("a", "b", "c"), ("a",)], ids=["all", "one"])
def test_nothing_to_find_is_nearly_never_believed(seeds: int, interacts: tuple[str, ...], figure: Figure) -> None:
    """One hyper-parameter with two values is the worst case: all depends on the signs of few numbers."""
    simulation = Simulation(**NOTHING, seeds=seeds, interacts=interacts)
    counts = verdicts([linear(table).validation for table in simulation.tables(STUDIES)])
    figure(f"verdicts of {STUDIES}", dict(counts))
    assert counts["most"] <= STUDIES * (NEARLY_NEVER + margin(STUDIES, NEARLY_NEVER))
    # A hint or more takes a bound above 0: 5 % of the studies at most, as far as the bound holds.
    assert STUDIES - counts["nothing"] <= STUDIES * (0.05 + margin(STUDIES, 0.05))


@pytest.mark.parametrize("nested", [OWN, ("b",)], ids=["own", "blocks"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_nothing_to_find_where_seeds_are_not_crossed(seeds: int, nested: tuple[str, ...], figure: Figure) -> None:
    simulation = Simulation(**NOTHING, seeds=seeds, nested=nested)
    counts = verdicts([linear(table).validation for table in simulation.tables(STUDIES)])
    figure(f"verdicts of {STUDIES}", dict(counts))
    assert counts["most"] <= STUDIES * (NEARLY_NEVER + margin(STUDIES, NEARLY_NEVER))


@pytest.mark.parametrize(
    ("noise", "least"),
    [
        ({"common": 0.3, "independent": 0.05}, {2: 0.0, 3: 0.9, 5: 0.95}),
        ({"common": 0.1, "interacting": 0.05, "independent": 0.01}, {2: 0.0, 3: 0.35, 5: 0.8}),
        ({"independent": 0.1}, {2: 0.0, 3: 0.5, 5: 0.9}),
    ],
    ids=["common", "interacting", "independent"],
)
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_real_effects_are_believed_where_there_are_seeds_enough(
    noise: dict[str, float], least: dict[int, float], seeds: int, figure: Figure
) -> None:
    simulation = Simulation(**noise, seeds=seeds, grid=WORDS, effects=EFFECTS)
    counts = verdicts([linear(table).validation for table in simulation.tables(STUDIES)])
    figure(f"verdicts of {STUDIES}", dict(counts))
    assert counts["most"] >= STUDIES * least[seeds]
    if seeds == 2:
        assert counts["most"] == 0


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(forests, "TREES", FEW_TREES)


def test_forests_that_find_nothing_say_so(few_trees: None, figure: Figure) -> None:
    tables = Simulation(**NOTHING).tables(FORESTS)
    counts = verdicts([forest(table).validation for table in tables])
    figure(f"verdicts of {FORESTS}", dict(counts))
    assert counts["most"] <= FORESTS * (NEARLY_NEVER + margin(FORESTS, NEARLY_NEVER))
    assert FORESTS - counts["nothing"] <= FORESTS * (0.05 + margin(FORESTS, 0.05))


def test_forests_find_effects_and_their_errors_cover_them(few_trees: None, figure: Figure) -> None:
    """What importances are expected to be is their mean over all studies, which differ in their seeds alone."""
    studies = FORESTS // 2
    fits = [forest(table) for table in Simulation(**NOTHING, effects=EFFECTS).tables(studies)]
    counts = verdicts([fit.validation for fit in fits])
    figure(f"verdicts of {studies}", dict(counts))
    assert counts["part"] + counts["most"] >= 0.7 * studies
    importances = np.array([fit.importance for fit in fits])
    assert all(fit.error is not None for fit in fits)
    errors = np.array([fit.error for fit in fits])
    inside = np.mean(np.abs(importances - importances.mean(0)) < errors, axis=0)
    figure("standard deviation over studies", importances.std(0, ddof=1).round(3).tolist())
    figure("errors", np.sqrt(np.mean(errors**2, axis=0)).round(3).tolist())
    figure("within one error", inside.round(2).tolist())
    assert np.all(inside > WITHIN_ONE[3] - margin(studies, WITHIN_ONE[3]))


@pytest.mark.parametrize("nested", [(), OWN, ("b",)], ids=["crossed", "own", "blocks"])
@pytest.mark.parametrize(
    "noise",
    [{"common": 0.3}, {"interacting": 0.1}, {"independent": 0.2}, {"common": 0.2, "interacting": 0.05}],
    ids=["common", "interacting", "independent", "two kinds"],
)
def test_the_ceiling_bounds_what_fits_reach(nested: tuple[str, ...], noise: dict[str, float], figure: Figure) -> None:
    """A linear fit has the right form here, so that only seeds keep it from an R^2 of 1."""
    simulation = Simulation(**{"independent": 0.02, **noise}, nested=nested, effects=EFFECTS)
    tables = list(simulation.tables(STUDIES))
    ceilings = [table.ceiling for table in tables if table.ceiling is not None]
    assert len(ceilings) == STUDIES
    r2 = np.array([linear(table).validation.r2 for table in tables])
    truths = np.array([simulation.truth(a=a, b=b) for a in (0, 1) for b in (0, 1, 2) for _ in range(4)])
    noises = [np.var(table.y, ddof=1) for table in tables]
    expected = truths.var(ddof=1) / np.mean(noises)
    figure("R²", f"{r2.mean():.2f}")
    figure("ceiling", f"{np.mean(ceilings):.2f}")
    figure("true ceiling", f"{expected:.2f}")
    assert r2.mean() <= np.mean(ceilings)
    assert np.mean(ceilings) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(
    "noise",
    [{"common": 0.1}, {"interacting": 0.05}, {"independent": 0.1}],
    ids=["common", "interacting", "independent"],
)
def test_errors_of_means_and_differences_cover_the_truth(seeds: int, noise: dict[str, float], figure: Figure) -> None:
    """The results are lognormal: the mean over all seeds has half of the variance added to its logarithm."""
    simulation = Simulation(**{"independent": 0.01, **noise}, seeds=seeds, effects=EFFECTS)
    variance = simulation.common**2 + 3 * simulation.interacting**2 + simulation.independent**2
    of_a = [
        float(np.mean([math.exp(1 + variance / 2 + simulation.truth(a=a, b=b)) for b in (0, 1, 2)])) for a in (0, 1)
    ]
    distances: dict[str, list[float]] = {"mean": [], "difference": []}
    for number in range(STUDIES):
        trials = simulation.trials(number)
        mean, difference = main_effects(trials)[0].all, comparisons(trials)[0].difference
        assert mean.error is not None
        assert difference is not None
        assert difference.error is not None
        distances["mean"].append(abs(mean.mean - of_a[0]) / mean.error)
        distances["difference"].append(abs(difference.mean - (of_a[1] - of_a[0])) / difference.error)
    for name, values in distances.items():
        within_one, within = np.mean(np.array(values) < 1), np.mean(np.array(values) < WITHIN[seeds])
        figure(f"{name} within one error", f"{within_one:.2f} (expected {WITHIN_ONE[seeds]:.2f})")
        figure(f"{name} within {WITHIN[seeds]}", f"{within:.2f} (expected 0.95)")
        assert within_one == pytest.approx(WITHIN_ONE[seeds], abs=margin(STUDIES, WITHIN_ONE[seeds]))
        assert within >= 0.95 - margin(STUDIES, 0.95)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("effects", [{}, EFFECTS], ids=["nothing", "effects"])
def test_the_bound_of_r_squared_lies_below_what_is_expected(
    seeds: int, effects: dict[str, list[float]], figure: Figure
) -> None:
    """Or below 0, where there is nothing to find: by how much R^2 is negative says nothing, and no word rests on it."""
    simulation = Simulation(**NOTHING, seeds=seeds, grid=WORDS, effects=effects)
    validations = [linear(table).validation for table in simulation.tables(STUDIES)]
    expected = np.mean([each.r2 for each in validations])
    below = np.mean([each.low is not None and each.low < max(expected, 0.0) for each in validations])
    figure("R² expected", f"{expected:.2f}")
    figure("bounds below it or 0", f"{below:.2f}")
    assert below >= 0.95 - margin(STUDIES, 0.95)

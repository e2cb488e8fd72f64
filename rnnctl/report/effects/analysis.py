"""The whole analysis of a set of runs and their hyper-parameters, and its figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.report.effects.factors import value_text
from rnnctl.report.effects.forest import Forest, Missing, forest
from rnnctl.report.effects.importance import Linear, Table, TooFew, linear
from rnnctl.report.effects.levels import MainEffect, main_effects
from rnnctl.report.effects.pairs import Comparison, comparisons
from rnnctl.report.effects.stability import Stability, stability
from rnnctl.report.effects.trials import Trials
from rnnctl.report.effects.verdict import worth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys


@dataclass(frozen=True)
class Analysis:
    """Effects, comparisons, importances and stability.

    What could not be computed is None; `missing` has the reasons, under `importance`, `linear`, `forest`, `stability`.
    """

    trials: Trials
    main: list[MainEffect]
    pairs: list[Comparison]
    table: Table | None
    linear: Linear | None
    forest: Forest | None
    stability: Stability | None
    missing: dict[str, str]


def analyse(
    results: Iterable[Result], by: str, below: float | None = None, keys: WrittenKeys | None = None
) -> Analysis:
    """Analyse one measure of these runs. below: a threshold on it. keys: those that the studies of these runs set."""
    trials = Trials.of(results, by, keys=keys)
    missing: dict[str, str] = {}
    table, linear_fit, forest_fit = None, None, None
    try:
        table = Table.of(trials)
    except TooFew as reason:
        missing["importance"] = str(reason)
    if table is not None:
        try:
            linear_fit = linear(table)
        except TooFew as reason:
            missing["linear"] = str(reason)
        try:
            forest_fit = forest(table)
        except Missing as reason:
            missing["forest"] = str(reason)
    ranks = stability(trials)
    if ranks is None:
        missing["stability"] = "it takes three configurations with the same two seeds or more"
    return Analysis(
        trials, main_effects(trials, below), comparisons(trials), table, linear_fit, forest_fit, ranks, missing
    )


def draw(analysis: Analysis, *, xlabel: str, floor: float | None, floor_label: str, title: str) -> Figure:
    """Draw main effects and importances.

    xlabel: the name of the result. floor, floor_label: a line that means are compared with.
    """
    from plots.effects import Effect, Importance, effects

    shown = [
        Effect(effect.name, value_text(effect.value), effect.all.mean, effect.all.error) for effect in analysis.main
    ]
    importances = []
    missing = analysis.missing
    notes = [f"no importances: {missing['importance']}"] if "importance" in missing else []
    linear_fit, forest_fit = analysis.linear, analysis.forest
    if linear_fit is not None:
        head = f"linear fit, R² {linear_fit.validation.r2:.2f}"
        importances.append(Importance(head, "contribution, in sd", linear_fit.size.tolist()))
        notes.append(f"linear fit: {worth(linear_fit.validation)}")
    if forest_fit is not None:
        head = f"forest, R² {forest_fit.validation.r2:.2f}"
        errors = None if forest_fit.error is None else forest_fit.error.tolist()
        importances.append(Importance(head, "drop in R² when permuted", forest_fit.importance.tolist(), errors))
        notes.append(f"forest: {worth(forest_fit.validation)}")
        if errors is not None:
            notes.append("bars of the forest: ± standard error over seeds")
    if importances and analysis.table is not None:
        notes.append(f"R² on {analysis.table.design.unseen}")
    notes += [f"no importance: {missing[fit]}" for fit in ("linear", "forest") if fit in missing]
    return effects(
        shown, importances, xlabel=f"mean {xlabel}", floor=floor, floor_label=floor_label, title=title, notes=notes
    )

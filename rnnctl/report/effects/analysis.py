"""All that is said of a set of runs and their hyper-parameters, and its figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.report.effects.forest import Forest, Missing, forest
from rnnctl.report.effects.importance import Linear, Table, TooFew, linear
from rnnctl.report.effects.levels import MainEffect, main_effects
from rnnctl.report.effects.pairs import Comparison, comparisons
from rnnctl.report.effects.stability import Stability, stability
from rnnctl.report.effects.trials import Trials, value_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.results import Result


@dataclass(frozen=True)
class Analysis:
    """What cannot be said is None, and `missing` has the reason: of importance, linear, forest, stability."""

    trials: Trials
    main: list[MainEffect]
    pairs: list[Comparison]
    table: Table | None
    linear: Linear | None
    forest: Forest | None
    stability: Stability | None
    missing: dict[str, str]


def analyse(results: Iterable[Result], by: str, below: float | None = None) -> Analysis:
    """Analyse one measure of these runs. below: a threshold on it."""
    trials = Trials.of(results, by)
    missing: dict[str, str] = {}
    table = of_line = of_forest = None
    try:
        table = Table.of(trials)
    except TooFew as reason:
        missing["importance"] = str(reason)
    if table is not None:
        try:
            of_line = linear(table)
        except TooFew as reason:
            missing["linear"] = str(reason)
        try:
            of_forest = forest(table)
        except Missing as reason:
            missing["forest"] = str(reason)
    stable = stability(trials)
    if stable is None:
        missing["stability"] = "it takes three configurations with the same two seeds or more"
    return Analysis(
        trials, main_effects(trials, below), comparisons(trials), table, of_line, of_forest, stable, missing
    )


def draw(found: Analysis, *, xlabel: str, floor: float | None, floor_label: str, title: str) -> Figure:
    """The figure of main effects and importances. xlabel: what the result is called; floor, floor_label: what means
    are to be compared with.
    """
    from plots.effects import Effect, Importance, effects

    shown = [Effect(each.name, value_text(each.value), each.all.mean, each.all.error) for each in found.main]
    importances = []
    notes = [f"no importances: {found.missing['importance']}"] if "importance" in found.missing else []
    if found.linear is not None:
        head = f"linear fit, R² {found.linear.r2:.2f}"
        importances.append(Importance(head, "its part, in sd", found.linear.size.tolist()))
    if found.forest is not None:
        head = f"forest, R² {found.forest.r2:.2f}"
        sizes, sds = found.forest.importance.tolist(), found.forest.sd.tolist()
        importances.append(Importance(head, "R² lost without it", sizes, sds))
    if importances:
        over = ", its errors over these five" if found.forest is not None else ""
        notes.append(f"R² of configurations that a fit has not seen: five times five-fold cross-validation{over}")
    notes += [f"no importance: {found.missing[fit]}" for fit in ("linear", "forest") if fit in found.missing]
    return effects(
        shown, importances, xlabel=f"mean {xlabel}", floor=floor, floor_label=floor_label, title=title, notes=notes
    )

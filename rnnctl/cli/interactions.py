"""What `effects --interactions` and `effects --spans` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnctl.cli.layout import table
from rnnctl.cli.output import out
from rnnctl.words import counted, number, with_se

if TYPE_CHECKING:
    from rnnctl.lab.interactions import Interactions, StudySpans
    from rnnctl.report.effects.interactions import Cell, Consistency, Interaction
    from rnnctl.report.effects.levels import Estimate


def print_interactions(result: Interactions) -> None:
    """Print a table of means and one of contrasts for each pair of hyper-parameters, and the order of values."""
    out(f"{result.label}, lower is better; {counted(result.runs, 'finished run')}")
    _print_unfinished(result.unfinished)
    for interaction in result.interactions:
        _print_interaction(interaction)
    out()
    out("Order of the values of a hyper-parameter at each setting of the others, by means over seeds")
    rows = [_order(each) for each in result.consistency]
    columns = ["hyper-parameter", "lowest first", "settings", "tau", "lowest tau", "least stable pair"]
    out(*table(columns, rows, ["lowest tau", "settings"]), whole=True)
    out("tau: Kendall's, with the order of the means; 1 is the same order at every setting")


def _print_interaction(interaction: Interaction) -> None:
    first, second = interaction.first, interaction.second
    rows = list(dict.fromkeys(cell.first for cell in interaction.cells))
    columns = list(dict.fromkeys(cell.second for cell in interaction.cells))
    cells = {(cell.first, cell.second): cell for cell in interaction.cells}

    def of(what: str) -> list[list[str]]:
        return [[_text(a), *(_cell(cells.get((a, b)), what) for b in columns)] for a in rows]

    out()
    out(f"{first} (rows) and {second} (columns): means ± standard error over seeds")
    heads = [first, *map(_text, columns)]
    out(*table(heads, of("mean")), whole=True)
    contrasts = [row for row in of("contrast") if any(cell != "" for cell in row[1:])]
    if not contrasts:
        out("no contrasts: no four configurations are alike in all else")
        return
    out(f"contrasts: what {second} adds more than at {first} {_text(rows[0])}, from {_text(columns[0])} on")
    out(*table([first, *map(_text, columns[1:])], [[row[0], *row[2:]] for row in contrasts]), whole=True)


def _cell(cell: Cell | None, what: str) -> str:
    estimate: Estimate | None = getattr(cell, what, None)
    return "" if estimate is None else with_se(estimate.mean, estimate.error)


def _order(consistency: Consistency) -> list[str]:
    least = min(consistency.pairs, key=lambda pair: pair.same / pair.n)
    pair = f"{_text(least.lower)} below {_text(least.higher)} in {least.same} of {least.n}"
    order = " ".join(map(_text, consistency.order))
    tau, lowest = number(consistency.tau, 3), number(consistency.lowest, 3)
    return [consistency.name, order, str(consistency.settings), tau, lowest, pair]


def print_spans(result: StudySpans) -> None:
    """Print a row for each hyper-parameter, the greatest span first."""
    spans = result.spans
    out(f"{result.label}, lower is better; {counted(len(result.studies), 'study')}, baseline {spans.baseline}")
    _print_unfinished(result.unfinished)
    rows = []
    for each in spans.spans:
        low, high = each.values[0], each.values[-1]
        best, worst = (f"{at.value}: {number(at.spread.mean)}" for at in (low, high))
        rows.append([each.name, with_se(each.span, each.error), str(each.seeds), str(len(each.values)), best, worst])
    columns = ["hyper-parameter", "span", "seeds", "values", "lowest at", "highest at"]
    out(*table(columns, rows, ["seeds", "values"]), whole=True)
    if spans.left_out:
        out(f"left out: {counted(spans.left_out, 'configuration')} with several differences from the baseline")


def _print_unfinished(runs: int) -> None:
    if runs:
        out(f"{counted(runs, 'run')} not finished, and not counted")


def _text(value: float | str) -> str:
    from rnnctl.report.effects.factors import value_text

    return value_text(value)

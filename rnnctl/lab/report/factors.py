"""What hyper-parameters did: the analyses of a page, task by task, as tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

from rnnctl.lab.effects import Effects, effects_of
from rnnctl.lab.examine import Examination, TaskTable
from rnnctl.lab.report.pictures import Pictures
from rnnctl.report.effects.factors import value_text
from rnnctl.report.effects.levels import Estimate
from rnnctl.report.page.content import Cell, Column, Picture, Row, Table
from rnnctl.words import counted, number
from store import Store


def analysed(store: Store, examination: Examination) -> list[Effects | str]:
    """Return the effects of hyper-parameters for each table of an examination, or why there are none."""
    return [_analysed(store, examination, table) for table in examination.tables]


def _analysed(store: Store, examination: Examination, table: TaskTable) -> Effects | str:
    unique = {run.run: run for run in table.runs if run.best_at is not None or run.ended == "diverged"}
    finished = [
        run for run in unique.values() if run.ended not in ("queued", "running", "failed", "quarantined", "cancelled")
    ]
    if not finished:
        return "no run has finished yet"
    unfinished = len({run.run for run in table.runs}) - len(finished)
    return effects_of(store, finished, by=examination.by, unfinished=unfinished, title=examination.title)


def tables(effects: Sequence[Effects | str], tasks: Sequence[TaskTable]) -> list[Table]:
    """Return the tables of all analyses: means by value, and importances."""
    result = []
    for position, (each, task) in enumerate(zip(effects, tasks, strict=True), start=1):
        if isinstance(each, str) or not each.hyperparameters:
            continue
        of_task = f" of {task.task}" if len(tasks) > 1 else ""
        result.append(_main(f"effects-{position}", of_task, each))
        if (sizes := _importance(f"importance-{position}", of_task, each)) is not None:
            result.append(sizes)
    return result


def _main(name: str, of_task: str, effects: Effects) -> Table:
    columns = [
        Column("parameter", "hyper-parameter"),
        Column("value", "value"),
        Column("runs", "runs", numbers=True),
        Column("configurations", "configurations", numbers=True, optional=True),
        Column("mean", f"mean of {effects.label}", numbers=True),
        Column("sd", "sd over configurations", numbers=True, optional=True),
        Column("sd_seeds", "sd over seeds", numbers=True, optional=True),
    ]
    rows = [
        Row(
            [
                Cell([each.name]),
                Cell([value_text(each.value)], each.value),
                Cell([f"{each.all.runs:,}"], each.all.runs),
                Cell([f"{each.all.configurations:,}"], each.all.configurations),
                _estimate(each.all),
                Cell([number(each.all.sd, 2)], each.all.sd),
                Cell([number(each.all.sd_seeds, 2)], each.all.sd_seeds),
            ]
        )
        for each in effects.main_effects
    ]
    runs = f"{counted(effects.runs, 'finished run')} of {counted(effects.configurations, 'configuration')}"
    notes = [f"{runs}; lower is better; ± is the standard error of the mean."]
    if effects.unfinished or effects.without_result:
        notes.append(f"Left out: {effects.unfinished} not finished, {effects.without_result} without a finite result.")
    notes += [f"{follower.remark}." for follower in effects.following]
    return Table(name, f"mean result at each value{of_task}", columns, rows, notes)


def _estimate(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(["-"])
    mean = number(estimate.mean)
    return Cell([mean if estimate.error is None else f"{mean} ± {number(estimate.error, 2)}"], estimate.mean)


def _importance(name: str, of_task: str, effects: Effects) -> Table | None:
    importance = effects.importance
    if importance is None:
        return None
    linear, forest = importance.linear, importance.forest
    sizes = forest.importance if forest is not None else {} if linear is None else linear.size
    if not sizes:
        return None
    columns = [Column("parameter", "hyper-parameter")]
    notes = [f"R² is measured on {importance.unseen}."]
    if linear is not None:
        columns.append(Column("linear", "linear fit: contribution in sd", numbers=True))
        notes.append(f"Linear fit: R² {linear.r2:.2f}: {linear.worth}.")
    if forest is not None:
        columns.append(Column("forest", "random forest: drop in R² when permuted", numbers=True))
        notes.append(f"Random forest: R² {forest.r2:.2f}: {forest.worth}.")
    rows = []
    for key in sorted(sizes, key=lambda key: -sizes[key]):
        row = [Cell([key])]
        if linear is not None:
            row.append(Cell([number(linear.size[key], 2)], linear.size[key]))
        if forest is not None:
            lost = f"{forest.importance[key]:.3f}"
            error = "" if forest.error is None else f" ± {forest.error[key]:.3f}"
            row.append(Cell([lost + error], forest.importance[key]))
        rows.append(Row(row))
    return Table(name, f"importance{of_task}", columns, rows, notes)


def drawn(effects: Sequence[Effects | str], pictures: Pictures) -> list[Picture]:
    """Return a figure of each analysis that has main effects."""
    from rnnctl.report.effects.analysis import draw

    about = "mean result at each value of each hyper-parameter, and how much each accounts for"
    result = []
    for each in effects:
        if isinstance(each, str) or not each.main_effects:
            continue
        figure = draw(
            each.analysis, xlabel=each.label, floor=each.floor, floor_label=each.floor_label, title=each.title
        )
        result.append(pictures.of(figure, "effects", "effects", about))
    return result

"""Complete grids of hyper-parameters: a result for every combination of values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnctl.lab.examine import ConfigurationResult, Examination, TaskTable
from rnnctl.lab.report import cells
from rnnctl.lab.report.leaders import heading_of
from rnnctl.measures import MEASURES
from rnnctl.report.page.content import Cell, Column, Grid, Record, Row, Table
from rnnctl.words import counts_in_words

FEWEST_KEYS, FEWEST_CELLS, MOST_CELLS = 2, 6, 600
Value = float | str


def grids(examination: Examination) -> list[Grid]:
    """Return a grid for each task whose configurations are one."""
    some = (
        _grid(f"grid-{position}", table, examination.by) for position, table in enumerate(examination.tables, start=1)
    )
    return [grid for grid in some if grid is not None]


def _grid(name: str, table: TaskTable, by: str) -> Grid | None:
    groups = table.configurations  # best first
    keys = list(dict.fromkeys(key for group in groups for key in group.parameters))
    values = {key: _sorted([group.parameters[key] for group in groups if key in group.parameters]) for key in keys}
    combinations = {tuple(group.parameters.get(key) for key in keys): group for group in groups}
    size = math.prod(len(each) for each in values.values())
    complete = len(groups) == len(combinations) == size and not any(None in at for at in combinations)
    if len(keys) < FEWEST_KEYS or not FEWEST_CELLS <= size <= MOST_CELLS or not complete:
        return None
    ranked = [group for group in groups if group.spreads[by] is not None]
    if len(ranked) < 2:
        return None
    ranks = {group.config: rank for rank, group in enumerate(ranked, start=1)}
    measure = MEASURES[by]
    columns = [
        *(Column(key, key, numbers=not any(isinstance(value, str) for value in values[key])) for key in keys),
        Column("result", heading_of(measure, measure.heading, table.by_unit), numbers=True),
        Column("rank", "rank", numbers=True),
        Column("floor", heading_of(measure, measure.reference.heading, table.by_unit), numbers=True),
        Column("weights", "weights", "number of weights of the network", numbers=True),
        Column("status", "status"),
    ]
    ordered = sorted(groups, key=lambda group: [values[key].index(group.parameters[key]) for key in keys])
    rows = [_row(group, keys, by, ranks.get(group.config)) for group in ordered]
    question = f"Which combination of {', '.join(keys[:-1])} and {keys[-1]} has the lowest {measure.label}? "
    question += "Predict it before you unfold the results."
    return Grid(len(keys), question, Table(name, f"{table.task}: every combination", columns, rows))


def _row(group: ConfigurationResult, keys: Sequence[str], by: str, rank: int | None) -> Row:
    measure = MEASURES[by]
    return Row(
        [
            *(cells.parameter(group.parameters[key]) for key in keys),
            cells.measured(group.spreads[by], measure),
            cells.NOTHING if rank is None else Cell([str(rank)], rank),
            cells.reference(group, measure),
            cells.count(group.parameter_count, "parameter_count"),
            Cell([counts_in_words(group.status, group.runs)]),
        ],
        Record("configurations", {"study": group.study, "config": group.config}),
        best=rank == 1,
    )


def _sorted(values: Sequence[Value]) -> list[Value]:
    """Return the different values: numbers from the least to the greatest, then words in their order."""
    different = list(dict.fromkeys(values))
    numbers = sorted(value for value in different if not isinstance(value, str))
    return [*numbers, *(value for value in different if isinstance(value, str))]

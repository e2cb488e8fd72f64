"""Complete grids of hyper-parameters: a result for every combination of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rnnctl.lab.examine import Examination, TaskTable
from rnnctl.measures import MEASURES

FEWEST_KEYS, FEWEST_CELLS, MOST_CELLS = 2, 6, 600


def grids(examination: Examination) -> list[dict[str, Any]]:
    """Return a grid for each task whose configurations are one, as JSON values: its keys, and a cell a combination."""
    found = (_grid(table, examination.by) for table in examination.tables)
    return [grid for grid in found if grid is not None]


def _grid(table: TaskTable, by: str) -> dict[str, Any] | None:
    groups = table.configurations
    keys = list(dict.fromkeys(key for group in groups for key in group.parameters))
    values = {key: _sorted([group.parameters[key] for group in groups if key in group.parameters]) for key in keys}
    cells = math.prod(len(each) for each in values.values())
    combinations = {tuple(group.parameters.get(key) for key in keys) for group in groups}
    complete = len(groups) == len(combinations) == cells and not any(None in at for at in combinations)
    if len(keys) < FEWEST_KEYS or not FEWEST_CELLS <= cells <= MOST_CELLS or not complete:
        return None
    measure = MEASURES[by]
    return {
        "keys": [{"key": key, "values": values[key]} for key in keys],
        "cells": [
            {
                "at": {key: group.parameters[key] for key in keys},
                "loss": None if (spread := group.spreads[by]) is None else spread.mean,
                "sd": None if spread is None else spread.sd,
                "floor": getattr(group, measure.reference.field),
                "runs": group.runs,
                "parameters": group.parameter_count,
                "status": ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in group.status.items()),
            }
            for group in groups
        ],
    }


def _sorted(values: Sequence[float | str]) -> list[float | str]:
    """Return the different values: numbers from the least to the greatest, then words in their order."""
    different = list(dict.fromkeys(values))
    numbers = sorted(value for value in different if not isinstance(value, str))
    return [*numbers, *(value for value in different if isinstance(value, str))]

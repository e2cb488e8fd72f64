"""How much each hyper-parameter accounts for, as records of the two fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.lab.records import unrecorded
from rnnctl.report.effects.importance import worth

if TYPE_CHECKING:
    from rnnctl.report.effects.analysis import Analysis
    from rnnctl.report.effects.forest import Forest
    from rnnctl.report.effects.importance import Linear, Table


@dataclass(frozen=True)
class Coefficient:
    """The coefficient of a column of a hyper-parameter."""

    name: str
    column: str
    coefficient: float


@dataclass(frozen=True)
class LinearFit:
    """See rnnctl.report.effects.importance.Linear. size: by hyper-parameter."""

    r2_split: float
    r2_fit: float
    held_out: int
    r2: float
    r2_sd: float
    determined: bool
    size: dict[str, float]
    coefficients: list[Coefficient]
    worth: str = unrecorded()  # in words


@dataclass(frozen=True)
class ForestFit:
    """See rnnctl.report.effects.forest.Forest. importance, sd: by hyper-parameter."""

    r2: float
    r2_sd: float
    importance: dict[str, float]
    sd: dict[str, float]
    worth: str = unrecorded()


@dataclass(frozen=True)
class Importances:
    """What the fits say. logarithm: whether they fit the logarithm of the result. ceiling: the R² that seeds allow."""

    logarithm: bool
    ceiling: float | None
    linear: LinearFit | None
    forest: ForestFit | None


def importances(analysis: Analysis) -> Importances | None:
    """Return what the fits of an analysis say; None if nothing could be fitted."""
    table = analysis.table
    if table is None:
        return None
    linear = None if analysis.linear is None else _linear_fit(analysis.linear, table)
    forest = None if analysis.forest is None else _forest_fit(analysis.forest, table)
    return Importances(table.logarithm, table.ceiling, linear, forest)


def _linear_fit(fit: Linear, table: Table) -> LinearFit:
    return LinearFit(
        r2_split=fit.r2_split,
        r2_fit=fit.r2_fit,
        held_out=fit.held_out,
        r2=fit.r2,
        r2_sd=fit.r2_sd,
        determined=fit.determined,
        size=dict(zip(table.names, fit.size.tolist(), strict=True)),
        coefficients=[
            Coefficient(table.names[column.factor], column.text, value)
            for column, value in zip(table.columns, fit.coefficients.tolist(), strict=True)
        ],
        worth=worth(fit.r2),
    )


def _forest_fit(fit: Forest, table: Table) -> ForestFit:
    return ForestFit(
        r2=fit.r2,
        r2_sd=fit.r2_sd,
        importance=dict(zip(table.names, fit.importance.tolist(), strict=True)),
        sd=dict(zip(table.names, fit.sd.tolist(), strict=True)),
        worth=worth(fit.r2),
    )

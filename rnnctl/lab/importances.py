"""How much each hyper-parameter accounts for, as records of the two fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.lab.records import unrecorded
from rnnctl.report.effects.verdict import worth

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
    """See rnnctl.report.effects.importance.Linear. size: by hyper-parameter.

    r2, r2_error, r2_low: see rnnctl.report.effects.validation.Validation.
    """

    r2_fit: float
    r2: float
    r2_error: float | None
    r2_low: float | None
    determined: bool
    size: dict[str, float]
    coefficients: list[Coefficient]
    worth: str = unrecorded()  # in words


@dataclass(frozen=True)
class ForestFit:
    """See rnnctl.report.effects.forest.Forest. importance, error: by hyper-parameter.

    r2, r2_error, r2_low: see rnnctl.report.effects.validation.Validation.
    """

    r2: float
    r2_error: float | None
    r2_low: float | None
    importance: dict[str, float]
    error: dict[str, float] | None
    worth: str = unrecorded()


@dataclass(frozen=True)
class Importances:
    """What the fits say. logarithm: whether they fit the logarithm of the result. ceiling: the R² that seeds allow.

    seeds: how seeds are spread over configurations (see rnnctl.report.effects.seed_design). left_out: the number of
    runs that the fits do not see, because no other configuration has their seed.
    """

    logarithm: bool
    seeds: str
    left_out: int
    ceiling: float | None
    linear: LinearFit | None
    forest: ForestFit | None
    unseen: str = unrecorded()  # what R² is measured on, in words


def importances(analysis: Analysis) -> Importances | None:
    """Return what the fits of an analysis say; None if nothing could be fitted."""
    table = analysis.table
    if table is None:
        return None
    linear = None if analysis.linear is None else _linear_fit(analysis.linear, table)
    forest = None if analysis.forest is None else _forest_fit(analysis.forest, table)
    design = table.design
    return Importances(
        logarithm=table.logarithm,
        seeds=design.kind,
        left_out=design.left_out,
        ceiling=design.ceiling,
        linear=linear,
        forest=forest,
        unseen=design.unseen,
    )


def _linear_fit(fit: Linear, table: Table) -> LinearFit:
    return LinearFit(
        r2_fit=fit.r2_fit,
        r2=fit.validation.r2,
        r2_error=fit.validation.error,
        r2_low=fit.validation.low,
        determined=fit.determined,
        size=dict(zip(table.names, fit.size.tolist(), strict=True)),
        coefficients=[
            Coefficient(table.names[column.factor], column.text, value)
            for column, value in zip(table.columns, fit.coefficients.tolist(), strict=True)
        ],
        worth=worth(fit.validation),
    )


def _forest_fit(fit: Forest, table: Table) -> ForestFit:
    return ForestFit(
        r2=fit.validation.r2,
        r2_error=fit.validation.error,
        r2_low=fit.validation.low,
        importance=dict(zip(table.names, fit.importance.tolist(), strict=True)),
        error=None if fit.error is None else dict(zip(table.names, fit.error.tolist(), strict=True)),
        worth=worth(fit.validation),
    )

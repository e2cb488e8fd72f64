"""How much of the result each hyper-parameter accounts for: the data of a fit, and a linear fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plots.values import category_order
from rnnctl.report.effects.factors import Factor, value_text
from rnnctl.report.effects.seed_design import SeedDesign
from rnnctl.report.effects.trials import Trials
from rnnctl.report.effects.validation import FOLDS, Validation, folds, gains, repeats
from rnnctl.rounding import beyond_rounding

FEWEST = 10  # configurations; a fifth of fewer says nothing about a fit
MAGNITUDES = 10.0  # positive numbers that span more than this factor enter by their logarithm


class TooFew(Exception):
    """There is too little data for a fit. str() says what is missing."""


@dataclass(frozen=True)
class Column:
    """A column of a fit: the numbers of a hyper-parameter, their log10, or 1 and 0 for one of its values."""

    factor: int  # index of the hyper-parameter
    text: str  # its name beside that of the hyper-parameter
    values: np.ndarray  # (configurations,)


def columns(factor: Factor, index: int) -> list[Column]:
    """Return the columns of a hyper-parameter.

    Two or more different numbers are one column, with their mean where a configuration has a word, and each word is a
    column of its own. Otherwise every value except the first has a column: the others are compared with the first.
    """
    distinct = sorted(set(factor.values), key=category_order)
    words: list[float | str] = [value for value in distinct if isinstance(value, str)]
    number_columns = []
    if len(factor.numbers) > 1:
        numbers = np.array([value if isinstance(value, float) else np.nan for value in factor.values])
        low, high = factor.numbers[0], factor.numbers[-1]
        logarithm = low > 0 and high > MAGNITUDES * low
        if logarithm:
            numbers = np.log10(numbers)
        filled = np.where(np.isnan(numbers), np.nanmean(numbers), numbers)
        number_columns.append(Column(index, "log10" if logarithm else "", filled))
    else:
        words = distinct[1:]
    return number_columns + [
        Column(index, value_text(word), np.array([value == word for value in factor.values], float)) for word in words
    ]


@dataclass(frozen=True)
class Table:
    """The data of a fit, a row for each configuration.

    design: the natural logarithms of the results, or the results themselves if one is not positive (`logarithm` says
    which), by configuration and seed. ceiling: the share of the variance between configurations that is not due to
    seeds, an estimate of the highest R^2 that a fit can have; None if no configuration has two seeds.
    """

    x: np.ndarray  # (configurations, columns)
    design: SeedDesign
    columns: list[Column]
    names: list[str]  # of the hyper-parameters
    logarithm: bool

    @property
    def y(self) -> np.ndarray:
        """The means over seeds, (configurations,), less their mean and the common effects of seeds."""
        return self.design.means

    @property
    def ceiling(self) -> float | None:
        return self.design.ceiling

    @classmethod
    def of(cls, trials: Trials) -> Table:
        """Return the table of these runs. Raise TooFew if no fit to it could be judged."""
        n = int(np.count_nonzero(trials.counts))
        if not trials.factors:
            raise TooFew("no hyper-parameter varies")
        if n < FEWEST:
            raise TooFew(
                f"{n} configuration{'s' * (n != 1)} with a result, and a fit that can be judged takes {FEWEST}"
            )
        logarithm = bool(np.all(trials.values > 0))
        values = np.log(trials.values) if logarithm else trials.values
        design = SeedDesign.of(values, trials.config, trials.seed)
        # A logarithm has at least the relative rounding of its number.
        magnitude = max(float(np.abs(values).max()), 1.0 if logarithm else 0.0)
        if beyond_rounding(float(design.means.std(ddof=1)), magnitude, len(values)) == 0:
            raise TooFew("all configurations have the same result")
        all_columns = [column for i, factor in enumerate(trials.factors) for column in columns(factor, i)]
        return cls(
            np.stack([column.values for column in all_columns], axis=1),
            design,
            all_columns,
            [factor.name for factor in trials.factors],
            logarithm,
        )

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """The indices of each hyper-parameter's columns."""
        owner = np.array([column.factor for column in self.columns])
        return [np.flatnonzero(owner == i) for i in range(len(self.names))]


@dataclass(frozen=True)
class Linear:
    """A least-squares fit of the standardised y to standardised columns, over all configurations and seeds.

    coefficients: one for each column, in standard deviations of y per standard deviation of the column; negative is
    better. size: one for each hyper-parameter, the standard deviation of its contribution to the fit; with a single
    column that is the absolute coefficient. r2_fit: R^2 on the fitted data itself. validation: R^2 of such fits on
    configurations and seeds that they have not seen. determined: whether the columns are linearly independent; if not,
    the coefficients are the smallest that fit.
    """

    coefficients: np.ndarray
    size: np.ndarray
    r2_fit: float
    validation: Validation
    determined: bool


def linear(table: Table) -> Linear:
    """Fit all configurations, and judge such fits by cross-validation on the same folds as the forest.

    Everything is standardised over all configurations, which only changes units. Raise TooFew if there are too many
    columns for the configurations.
    """
    n, k = table.x.shape
    fitted = n - -(-n // FOLDS)
    if fitted < k + 2:
        raise TooFew(f"{fitted} configurations are too few for a linear fit with {k} columns")
    y = table.y
    z = (table.x - table.x.mean(0)) / table.x.std(0)
    design = np.column_stack([np.ones(n), z])
    solution, _, rank, _ = np.linalg.lstsq(design, y / y.std(), rcond=None)
    run_gains = np.zeros(len(table.design.y))
    for fold in folds(table.design):
        predicted = design @ np.linalg.lstsq(design[fold.configs], fold.y, rcond=None)[0]
        run_gains[fold.held] += gains(table.design, fold.held, predicted[table.design.config[fold.held]])
    residuals = y / y.std() - design @ solution
    # In units of the standard deviation of y: what rounding leaves of a coefficient of 0 is not an effect.
    coefficients = np.array([beyond_rounding(value, 1.0, n * (k + 1)) for value in solution[1:].tolist()])
    return Linear(
        coefficients,
        np.array([(z[:, group] @ coefficients[group]).std() for group in table.groups]),
        float(1 - np.mean(residuals**2)),
        Validation.of(table.design, run_gains / repeats(table.design)),
        bool(rank == k + 1),
    )

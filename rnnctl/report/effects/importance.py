"""How much of the result each hyper-parameter accounts for: columns of a fit, a linear one, what a fit is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plots import parameter_axis
from rnnctl.report.effects.levels import estimate
from rnnctl.report.effects.trials import Factor, Trials, value_text

FEWEST = 10  # configurations; a fifth of fewer says nothing about a fit
MAGNITUDES = 10.0  # positive numbers that span more than this factor are taken by their logarithm
SEED = 42  # of the split; repeats of cross-validation count on from it
REPEATS, FOLDS = 5, 5


class TooFew(Exception):
    """There is too little to fit. str() says what is missing."""


@dataclass(frozen=True)
class Column:
    """A hyper-parameter's numbers, or their log10, or, as 1 and 0, whether it has a certain value."""

    factor: int
    text: str  # what it is called beside its hyper-parameter's name
    values: np.ndarray  # (configurations,)


def columns(factor: Factor, index: int) -> list[Column]:
    """Two or more different numbers are one column, their mean where there is none, and each word one of its own. Where
    there are no such numbers, each value but the first has a column: two values are zeros and ones, categories one-hot
    but for the one that the others are compared with.
    """
    distinct = sorted(set(factor.values), key=parameter_axis.category_order)
    words = [value for value in distinct if isinstance(value, str)]
    found = []
    if len(factor.numbers) > 1:
        numbers = np.array([value if isinstance(value, float) else np.nan for value in factor.values])
        low, high = factor.numbers[0], factor.numbers[-1]
        logarithm = low > 0 and high > MAGNITUDES * low
        if logarithm:
            numbers = np.log10(numbers)
        filled = np.where(np.isnan(numbers), np.nanmean(numbers), numbers)
        found.append(Column(index, "log10" if logarithm else "", filled))
    else:
        words = distinct[1:]
    return found + [
        Column(index, value_text(word), np.array([value == word for value in factor.values], float)) for word in words
    ]


@dataclass(frozen=True)
class Table:
    """What is fitted: a row for each configuration.

    y: mean over seeds of the natural logarithm of the result, or of the result where one is not positive
    (`logarithm` says which). ceiling: the share of the variance of y that is not due to seeds, an estimate of the
    greatest R^2 that a fit can have on configurations that it has not seen; None of single seeds.
    """

    x: np.ndarray  # (configurations, columns)
    y: np.ndarray  # (configurations,)
    columns: list[Column]
    names: list[str]  # of the hyper-parameters
    logarithm: bool
    ceiling: float | None

    @classmethod
    def of(cls, trials: Trials) -> Table:
        """Raises TooFew."""
        n = int(np.count_nonzero(trials.counts))
        if not trials.factors:
            raise TooFew("no hyper-parameter varies")
        if n < FEWEST:
            raise TooFew(
                f"{n} configuration{'s' * (n != 1)} with a result, and a fit that can be judged wants {FEWEST}"
            )
        logarithm = bool(np.all(trials.values > 0))
        values = np.log(trials.values) if logarithm else trials.values
        y = np.bincount(trials.config, values) / trials.counts
        variance = float(y.var(ddof=1))
        if variance <= 1e-24 * float(np.mean(y**2)):
            raise TooFew("all configurations have the same result")
        within = estimate(values, trials.config, trials.seed).sd_seeds
        noise = None if within is None else within**2 * float(np.mean(1 / trials.counts))
        found = [column for i, factor in enumerate(trials.factors) for column in columns(factor, i)]
        return cls(
            np.stack([column.values for column in found], axis=1),
            y,
            found,
            [factor.name for factor in trials.factors],
            logarithm,
            None if noise is None else max(0.0, 1 - noise / variance),
        )

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """The indices of each hyper-parameter's columns."""
        owner = np.array([column.factor for column in self.columns])
        return [np.flatnonzero(owner == i) for i in range(len(self.names))]


def r_squared(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 - sum (y - predicted)^2 / sum (y - mean y)^2: 1 is perfect, 0 no better than the mean; it can be negative."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def folds(n: int, repeat: int) -> tuple[np.random.RandomState, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """The numbers of one repeat of cross-validation, and its (fitted, held-out) configurations fold by fold."""
    rng = np.random.RandomState(SEED + repeat)
    order = rng.permutation(n)
    return rng, ((np.setdiff1d(order, order[fold::FOLDS]), order[fold::FOLDS]) for fold in range(FOLDS))


def worth(r2: float) -> str:
    """In words whether to believe the importances of a fit with this R^2 on configurations that it has not seen."""
    if r2 < 0.1:
        return "no better than guessing the mean: do not believe its importances"
    if r2 < 0.4:
        return "it explains little: take its importances as a hint at most"
    if r2 < 0.75:
        return "it explains a part: believe large differences between importances, not small ones"
    return "it explains most: its importances can be believed"


@dataclass(frozen=True)
class Linear:
    """Least squares of the standardised y on standardised columns.

    coefficients: a column's, in standard deviations of y per standard deviation of the column; negative is better.
    size: of each hyper-parameter, the standard deviation of its columns' part in the fit; of a single column that is
    its coefficient without a sign. r2_fit: on the configurations of the fit; r2_split: on the held-out fifth.
    r2, r2_sd: of configurations predicted by fits that have not seen them, in five times five-fold cross-validation,
    mean and standard deviation over repeats: less at the mercy of one split. determined: whether the columns are
    independent; otherwise, coefficients are the least that fit.
    """

    coefficients: np.ndarray
    size: np.ndarray
    r2_fit: float
    r2_split: float
    held_out: int
    r2: float
    r2_sd: float
    determined: bool


def linear(table: Table) -> Linear:
    """Coefficients of a fit to four fifths of the configurations, judged on the other fifth, drawn with seed 42; judged
    again by cross-validation, on the folds of the forest.

    All is standardised over all configurations, which changes units alone. Raises TooFew where there are more columns
    than the fit can have.
    """
    n, k = table.x.shape
    order = np.random.RandomState(SEED).permutation(n)
    held, fitted = order[: -(-n // 5)], order[-(-n // 5) :]
    if len(fitted) < k + 2:
        raise TooFew(f"{len(fitted)} configurations are too few for a linear fit with {k} columns")
    if np.ptp(table.y[held]) == 0:
        raise TooFew("the held-out configurations all have the same result")
    z = (table.x - table.x.mean(0)) / table.x.std(0)
    y = (table.y - table.y.mean()) / table.y.std()
    design = np.column_stack([np.ones(n), z])
    solution, _, rank, _ = np.linalg.lstsq(design[fitted], y[fitted], rcond=None)
    predicted = design @ solution
    r2 = np.empty(REPEATS)
    for repeat in range(REPEATS):
        unseen = np.empty(n)
        for seen, out in folds(n, repeat)[1]:
            unseen[out] = design[out] @ np.linalg.lstsq(design[seen], y[seen], rcond=None)[0]
        r2[repeat] = r_squared(y, unseen)
    return Linear(
        solution[1:],
        np.array([(z[:, group] @ solution[1:][group]).std() for group in table.groups]),
        r_squared(y[fitted], predicted[fitted]),
        r_squared(y[held], predicted[held]),
        len(held),
        float(r2.mean()),
        float(r2.std(ddof=1)),
        bool(rank == k + 1),
    )

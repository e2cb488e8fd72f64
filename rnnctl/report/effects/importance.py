"""How much of the result each hyper-parameter accounts for: the columns of a fit, a linear fit, how good a fit is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plots import parameter_axis
from rnnctl.report.effects.levels import estimate
from rnnctl.report.effects.trials import Factor, Trials, value_text

FEWEST = 10  # configurations; a fifth of fewer says nothing about a fit
MAGNITUDES = 10.0  # positive numbers that span more than this factor enter by their logarithm
SEED = 42  # of the split; the repeats of cross-validation take this seed and the following ones
REPEATS, FOLDS = 5, 5


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
    distinct = sorted(set(factor.values), key=parameter_axis.category_order)
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

    y: the mean over seeds of the natural logarithm of the result, or of the result itself if one is not positive
    (`logarithm` says which). ceiling: the share of the variance of y that is not due to seeds, an estimate of the
    highest R^2 that a fit can have on configurations that it has not seen; None if no configuration has two seeds.
    """

    x: np.ndarray  # (configurations, columns)
    y: np.ndarray  # (configurations,)
    columns: list[Column]
    names: list[str]  # of the hyper-parameters
    logarithm: bool
    ceiling: float | None

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
        y = np.bincount(trials.config, values) / trials.counts
        variance = float(y.var(ddof=1))
        if variance <= 1e-24 * float(np.mean(y**2)):
            raise TooFew("all configurations have the same result")
        over_seeds = estimate(values, trials.config, trials.seed)
        within = None if over_seeds is None else over_seeds.sd_seeds
        noise = None if within is None else within**2 * float(np.mean(1 / trials.counts))
        all_columns = [column for i, factor in enumerate(trials.factors) for column in columns(factor, i)]
        return cls(
            np.stack([column.values for column in all_columns], axis=1),
            y,
            all_columns,
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
    """Return 1 - sum (y - predicted)^2 / sum (y - mean y)^2 of y (n,): 1 is perfect, 0 as good as the mean."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def folds(n: int, repeat: int) -> tuple[np.random.RandomState, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Return the random numbers of one repeat of cross-validation, and its (fitted, held-out) indices fold by fold."""
    rng = np.random.RandomState(SEED + repeat)
    order = rng.permutation(n)
    return rng, ((np.setdiff1d(order, order[fold::FOLDS]), order[fold::FOLDS]) for fold in range(FOLDS))


def worth(r2: float) -> str:
    """Return in words how far to trust the importances of a fit with this R^2 on configurations it has not seen."""
    if r2 < 0.1:
        return "no better than guessing the mean: do not believe its importances"
    if r2 < 0.4:
        return "it explains little: take its importances as a hint at most"
    if r2 < 0.75:
        return "it explains a part: believe large differences between importances, not small ones"
    return "it explains most: its importances can be believed"


@dataclass(frozen=True)
class Linear:
    """A least-squares fit of the standardised y to standardised columns.

    coefficients: one for each column, in standard deviations of y per standard deviation of the column; negative is
    better. size: one for each hyper-parameter, the standard deviation of its contribution to the fit; with a single
    column that is the absolute coefficient. r2_fit: R^2 on the fitted configurations. r2_split: R^2 on the held_out
    configurations, a fifth of all. r2, r2_sd: R^2 on configurations that a fit has not seen, in five repeats of
    five-fold cross-validation, mean and standard deviation over repeats. determined: whether the columns are linearly
    independent; if not, the coefficients are the smallest that fit.
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
    """Fit four fifths of the configurations and judge the fit on the other fifth, drawn with seed 42.

    It is judged again by cross-validation, on the same folds as the forest. Everything is standardised over all
    configurations, which only changes units. Raise TooFew if there are too many columns for the configurations.
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

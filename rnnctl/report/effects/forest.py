"""Permutation importance of a random forest: a fit that sees interactions, by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.importance import REPEATS, Table, folds, r_squared

PERMUTATIONS, TREES = 4, 100


class Missing(Exception):
    """scikit-learn is not installed. str() says how to get it."""


@dataclass(frozen=True)
class Forest:
    """r2: of configurations predicted by forests that have not seen them, mean and standard deviation over repeats.

    importance, sd: (hyper-parameters,) what that R^2 loses when the values of one are handed out anew among all
    configurations, mean and standard deviation over repeats. A hyper-parameter loses as much as the fit needs it, alone
    or together with others, so the losses of two that only work together both count what they do together.
    """

    r2: float
    r2_sd: float
    importance: np.ndarray
    sd: np.ndarray


def forest(table: Table) -> Forest:
    """Five times five-fold cross-validation over configurations, with new folds, trees and permutations each time.

    Replicates are one row, their mean, so that no fold knows another's by its seeds. All columns of a hyper-parameter
    are permuted together (Breiman, Random Forests, 2001, section 10, here on held-out configurations). Raises Missing.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise Missing("importance with interactions needs scikit-learn: pip install 'rnnctl[effects]'") from None
    n, x, y = len(table.y), table.x, table.y
    r2 = np.empty(REPEATS)
    losses = np.empty((REPEATS, len(table.groups)))
    for repeat in range(REPEATS):
        rng, parts = folds(n, repeat)
        orders = np.array([[rng.permutation(n) for _ in range(PERMUTATIONS)] for _ in table.groups])
        predicted = np.empty(n)
        permuted = np.empty((len(table.groups), PERMUTATIONS, n))
        for fitted, held in parts:
            model = RandomForestRegressor(n_estimators=TREES, random_state=rng).fit(x[fitted], y[fitted])
            # One call for all permutations: a hundred trees take their time to start.
            asked = np.tile(x[held], (1 + len(table.groups) * PERMUTATIONS, 1, 1))
            for i, group in enumerate(table.groups):
                for j in range(PERMUTATIONS):
                    asked[1 + i * PERMUTATIONS + j][:, group] = x[np.ix_(orders[i, j][held], group)]
            answers = model.predict(asked.reshape(-1, x.shape[1])).reshape(-1, len(held))
            predicted[held] = answers[0]
            permuted[:, :, held] = answers[1:].reshape(len(table.groups), PERMUTATIONS, len(held))
        r2[repeat] = r_squared(y, predicted)
        for i, of_one in enumerate(permuted):
            losses[repeat, i] = r2[repeat] - np.mean([r_squared(y, each) for each in of_one])
    return Forest(float(r2.mean()), float(r2.std(ddof=1)), losses.mean(0), losses.std(0, ddof=1))

"""Permutation importance of a random forest (scikit-learn): a fit that sees interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.importance import REPEATS, Table, folds, r_squared

PERMUTATIONS, TREES = 4, 100


class Missing(Exception):
    """scikit-learn is not installed. str() says how to install it."""


@dataclass(frozen=True)
class Forest:
    """How well forests predict configurations, and how much of that each hyper-parameter accounts for.

    r2, r2_sd: R^2 on configurations that a forest has not seen, mean and standard deviation over repeats. importance,
    sd: (hyper-parameters,) how much lower R^2 is after the values of one hyper-parameter are permuted among all
    configurations, mean and standard deviation over repeats. The effect of an interaction counts in full for each
    hyper-parameter that takes part in it.
    """

    r2: float
    r2_sd: float
    importance: np.ndarray
    sd: np.ndarray


def forest(table: Table) -> Forest:
    """Cross-validate forests over configurations: five repeats of five folds, with new trees and permutations each.

    Replicates are one row, their mean, so that a fold cannot predict another by their common seeds. All columns of a
    hyper-parameter are permuted together (Breiman, Random Forests, 2001, section 10, here on held-out configurations).
    Raise Missing if scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise Missing("importance with interactions needs scikit-learn: pip install 'rnnctl[effects]'") from None
    n, x, y = len(table.y), table.x, table.y
    r2 = np.empty(REPEATS)
    losses = np.empty((REPEATS, len(table.groups)))
    for repeat in range(REPEATS):
        rng, splits = folds(n, repeat)
        orders = np.array([[rng.permutation(n) for _ in range(PERMUTATIONS)] for _ in table.groups])
        predicted = np.empty(n)
        permuted = np.empty((len(table.groups), PERMUTATIONS, n))
        for fitted, held in splits:
            model = RandomForestRegressor(n_estimators=TREES, random_state=rng).fit(x[fitted], y[fitted])
            # One call for all permutations: each call of a hundred trees has a high fixed cost.
            inputs = np.tile(x[held], (1 + len(table.groups) * PERMUTATIONS, 1, 1))
            for i, group in enumerate(table.groups):
                for j in range(PERMUTATIONS):
                    inputs[1 + i * PERMUTATIONS + j][:, group] = x[np.ix_(orders[i, j][held], group)]
            answers = model.predict(inputs.reshape(-1, x.shape[1])).reshape(-1, len(held))
            predicted[held] = answers[0]
            permuted[:, :, held] = answers[1:].reshape(len(table.groups), PERMUTATIONS, len(held))
        r2[repeat] = r_squared(y, predicted)
        for i, predictions in enumerate(permuted):
            losses[repeat, i] = r2[repeat] - np.mean([r_squared(y, prediction) for prediction in predictions])
    return Forest(float(r2.mean()), float(r2.std(ddof=1)), losses.mean(0), losses.std(0, ddof=1))

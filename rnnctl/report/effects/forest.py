"""Permutation importance of a random forest (scikit-learn): a fit that sees interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.report.effects.importance import Table
from rnnctl.report.effects.validation import Validation, error_of_losses, folds, gains, repeats

PERMUTATIONS, TREES = 4, 100


class Missing(Exception):
    """scikit-learn is not installed. str() says how to install it."""


@dataclass(frozen=True)
class Forest:
    """How well forests predict configurations, and how much of that each hyper-parameter accounts for.

    validation: R^2 on configurations and seeds that a forest has not seen. importance: (hyper-parameters,) how much
    lower R^2 is after the values of one hyper-parameter are permuted among all configurations. error: (hyper-
    parameters,) its standard error over seeds, None with fewer than three seeds. The effect of an interaction counts in
    full for each hyper-parameter that takes part in it.
    """

    validation: Validation
    importance: np.ndarray
    error: np.ndarray | None


def forest(table: Table) -> Forest:
    """Cross-validate forests over configurations and seeds, with new trees and permutations for each.

    All columns of a hyper-parameter are permuted together (Breiman, Random Forests, 2001, section 10, here on held-out
    configurations). Raise Missing if scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise Missing("importance with interactions needs scikit-learn: pip install 'rnnctl[effects]'") from None
    x, design = table.x, table.design
    n, factors = len(x), len(table.groups)
    run_gains = np.zeros(len(design.y))
    losses = np.zeros((factors, len(design.y)))
    for fold in folds(design):
        model = RandomForestRegressor(n_estimators=TREES, random_state=fold.rng).fit(x[fold.configs], fold.y)
        # Each configuration is predicted once, for all of its runs, and all permutations in one call: each call of a
        # hundred trees has a high fixed cost.
        held, at = np.unique(design.config[fold.held], return_inverse=True)
        inputs = np.tile(x[held], (1 + factors * PERMUTATIONS, 1, 1))
        for i, group in enumerate(table.groups):
            for j in range(PERMUTATIONS):
                inputs[1 + i * PERMUTATIONS + j][:, group] = x[np.ix_(fold.rng.permutation(n)[held], group)]
        predicted = model.predict(inputs.reshape(-1, x.shape[1])).reshape(-1, len(held))[:, at]
        all_gains = gains(design, fold.held, predicted)
        run_gains[fold.held] += all_gains[0]
        permuted = all_gains[1:].reshape(factors, PERMUTATIONS, -1).mean(axis=1)
        losses[:, fold.held] += all_gains[0] - permuted
    losses /= repeats(design)
    validation = Validation.of(design, run_gains / repeats(design))
    return Forest(validation, losses.sum(axis=1), error_of_losses(design, losses))

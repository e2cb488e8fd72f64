"""The answers that batches ask for, and what predictors without memory that are fitted to answers reach on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnctl.question import NOT_ASKED, Question
from rnnctl.tasks.base import Baseline, Batch


@dataclass(frozen=True)
class Answers:
    """Answers that are asked, with their weights in the loss. symbols_N: the present input; None if it is not one."""

    targets: np.ndarray  # (N,) classes, or (N, O) float64
    weights_N: np.ndarray
    steps_N: np.ndarray
    symbols_N: np.ndarray | None

    @classmethod
    def of(cls, batches: Sequence[Batch], question: Question) -> Answers:
        """Return the answers of some batches. Each sequence counts the same, and each answer of a sequence."""
        parts = [cls._of(batch, question) for batch in batches]
        targets, weights, steps = (np.concatenate([part[i] for part in parts]) for i in range(3))
        symbols = np.concatenate([part[3] for part in parts]) if batches[0].inputs.ndim == 2 else None
        return cls(targets, weights / weights.sum(), steps, symbols)

    @staticmethod
    def _of(batch: Batch, question: Question) -> tuple[np.ndarray, ...]:
        targets = batch.targets if question.every_step else batch.targets[None]
        if question.loss == "squared_error":
            targets = targets.astype(np.float64).reshape(*targets.shape[:2], question.values)
            asked_SB = ~np.isnan(targets).any(2)
        else:
            asked_SB = targets != NOT_ASKED
        steps, columns = np.nonzero(asked_SB)
        weights_N = 1 / asked_SB.sum(0)[columns]
        at = steps if question.every_step else np.full_like(steps, batch.length - 1)
        return targets[steps, columns], weights_N, at, batch.inputs[at, columns]

    def mean(self) -> np.ndarray:
        """Return the mean answer, (1, O)."""
        result: np.ndarray = (self.weights_N @ self.targets)[None]
        return result

    def mean_by(self, keys_N: np.ndarray, others_M: np.ndarray) -> np.ndarray:
        """Return, for each of other keys, the mean of the answers with that key, (M, O); of all if there are none."""
        size = int(max(keys_N.max(), others_M.max())) + 1
        sums_KO, totals_K = np.zeros((size, self.targets.shape[1])), np.zeros(size)
        np.add.at(sums_KO, keys_N, self.weights_N[:, None] * self.targets)
        np.add.at(totals_K, keys_N, self.weights_N)
        known_K1 = (totals_K > 0)[:, None]
        means_KO = np.where(known_K1, sums_KO / np.maximum(totals_K, 1e-300)[:, None], self.mean())
        result: np.ndarray = means_KO[others_M]
        return result

    def shares(self, classes: int, smoothing: float = 1.0) -> np.ndarray:
        """Return the share of each class, (1, C). smoothing: answers that are added to each class."""
        counts_C = np.bincount(self.targets, self.weights_N, classes) * len(self.targets) + smoothing
        result: np.ndarray = (counts_C / counts_C.sum())[None]
        return result

    def shares_by(self, keys_N: np.ndarray, others_M: np.ndarray, classes: int) -> np.ndarray:
        """Return, for each of other keys, the share of each class among the answers with that key, (M, C), to which one
        answer in the proportions of all answers is added.
        """
        size = int(max(keys_N.max(), others_M.max())) + 1
        counts_KC = np.zeros((size, classes))
        np.add.at(counts_KC, (keys_N, self.targets), self.weights_N * len(self.targets))
        counts_KC += self.shares(classes)
        result: np.ndarray = (counts_KC / counts_KC.sum(1, keepdims=True))[others_M]
        return result

    def of_values(self, guesses: np.ndarray, tolerance: float) -> Baseline:
        """Return loss and error of guesses, (N, O) or (1, O)."""
        distances = np.abs(self.targets - guesses)
        losses_N, wrong_N = (distances**2).mean(1), (distances > tolerance).any(1)
        return Baseline(float(self.weights_N @ losses_N), float(self.weights_N @ wrong_N))

    def of_classes(self, shares: np.ndarray) -> Baseline:
        """Return loss and error of probabilities, (N, C) or (1, C)."""
        shares_NC = np.broadcast_to(shares, (len(self.targets), shares.shape[1]))
        own_N = shares_NC[np.arange(len(self.targets)), self.targets]
        wrong_N = shares_NC.argmax(1) != self.targets
        return Baseline(0.0 - float(self.weights_N @ np.log(own_N)), float(self.weights_N @ wrong_N))

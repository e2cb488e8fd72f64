"""Which vector is the n-th farthest from vector m? The task of Santoro et al. (2018), "Relational recurrent neural
networks", section 4.1.

A sequence shows k vectors, one a step, each with its label. Labels are 1 to k in random order, and the components of
vectors are uniform in [-1, 1]. The question is a pair (n, m) of uniform numbers from 1 to k. The answer is the label of
the vector whose Euclidean distance from the one with label m is the n-th largest. The k-th farthest is vector m itself,
at distance 0.

The inputs of a step are the vector, its label, n and m, the last three as one-hots of k. Santoro et al. show the
question at every step. It can also be asked once, at one more step after the vectors: then a network has to remember
all of them, and no distance can be computed before the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl import seeds
from rnnctl.question import Question
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.section import FixedSection

# Vectors drawn for the chance that the last vector is the answer: those that the question can be about, and others.
REFERENCES, OTHERS = 256, 4096
ROWS = 4096  # sequences whose chances are computed at a time


class NthFarthestSection(FixedSection):
    """Which of some labelled vectors is the n-th farthest from vector m? Santoro et al. 2018, section 4.1."""

    name: Annotated[Literal["nth_farthest"], also_called(nth_farthest=("n_farthest", "nth_farthest_vector"))]
    vectors: Annotated[int, also_called("num_vectors", "n_vectors", "num_objects", "length", "seq_len")] = Field(
        8, ge=3, le=64, description="number of vectors in a sequence, and of classes"
    )
    dimensions: Annotated[int, also_called("num_features", "vector_size", "n_dims", "dim")] = Field(
        16, ge=1, le=256, description="numbers of a vector"
    )
    asked: Annotated[Literal["always", "last"], also_called(last=("end", "after"), always=("every", "every_step"))] = (
        Field("always", description="whether the question is shown at every step, or once, at a step after the vectors")
    )

    real_inputs: ClassVar[bool] = True

    @property
    def steps(self) -> int:
        return self.vectors + (self.asked == "last")

    def make(self) -> NthFarthest:
        return NthFarthest(self.vectors, self.dimensions, self.asked)


class NthFarthest(GeneratedTask):
    """The generator. asked: whether the question is shown `always`, or once, `last`."""

    question = Question()

    def __init__(self, vectors: int, dimensions: int, asked: Literal["always", "last"]) -> None:
        self.vectors, self.dimensions, self.asked = vectors, dimensions, asked
        self.n_inputs, self.n_outputs = dimensions + 3 * vectors, vectors
        self.max_steps = vectors + (asked == "last")
        self.plateaus: Plateaus = ((math.log(vectors), "uniform guess"),)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences. Distances are computed in float64 from the float32 inputs."""
        k, columns = self.vectors, np.arange(batch)
        vectors_KBD = rng.uniform(-1, 1, size=(k, batch, self.dimensions)).astype(np.float32)
        labels_KB = rng.random((k, batch)).argsort(0)
        rank_B, reference_B = rng.integers(k, size=(2, batch))  # n - 1 and m - 1
        inputs_TBV = np.zeros((self.max_steps, batch, self.n_inputs), dtype=np.float32)
        inputs_TBV[:k, :, : self.dimensions] = vectors_KBD
        first = self.dimensions
        np.put_along_axis(inputs_TBV[:k, :, first : first + k], labels_KB[..., None], 1, axis=2)
        shown = slice(None) if self.asked == "always" else slice(k, None)
        for block, values_B in ((1, rank_B), (2, reference_B)):
            inputs_TBV[shown, columns, first + block * k + values_B] = 1
        at_B = (labels_KB == reference_B).argmax(0)
        differences_KBD = vectors_KBD.astype(np.float64) - vectors_KBD[at_B, columns]
        squares_KB = (differences_KBD**2).sum(2)
        squares_KB[at_B, columns] = -1.0  # vector m itself is the nearest, also where another one lies at its place
        answers_B = (-squares_KB).argsort(0, kind="stable")[rank_B, columns]
        return Batch(inputs_TBV, labels_KB[answers_B, columns].astype(np.int64))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return what the best predictor reaches that sees only the last step.

        With n = k the answer is m. Otherwise it is another vector. Where the last step shows the question alone, all
        k - 1 others are equally likely: the loss is (k - 1) / k ln (k - 1) in the mean. Where it also shows a vector
        that is not m, that one is the answer with probability p, which depends on n and on where the vector lies, and
        the k - 2 others are equally likely. The loss is then H(p) + (1 - p) ln (k - 2) in the mean; it is computed for
        the questions and last vectors of these batches, with p from a fixed sample of vectors.
        """
        losses_N, errors_N = (
            np.concatenate(values) for values in zip(*(self._without_memory(batch) for batch in batches), strict=True)
        )
        return Baseline(float(losses_N.mean()), float(errors_N.mean()))

    def _without_memory(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected loss and error of each sequence, (B,), for the best predictor without memory."""
        k, d = self.vectors, self.dimensions
        last_BV = batch.inputs[-1]
        label_B, rank_B, reference_B = (last_BV[:, d + i * k : d + (i + 1) * k].argmax(1) for i in range(3))
        losses_B = np.full(len(last_BV), math.log(k - 1))
        errors_B = np.full(len(last_BV), 1 - 1 / (k - 1))
        if self.asked == "always":
            seen_B = np.flatnonzero(label_B != reference_B)
            p_S = chance_of_rank(last_BV[seen_B, :d], rank_B[seen_B], k)
            rest_S = 1 - p_S
            others = max(k - 2, 1)
            entropy_S = -_x_log_x(p_S) - _x_log_x(rest_S)
            losses_B[seen_B] = entropy_S + rest_S * math.log(others)
            errors_B[seen_B] = 1 - np.maximum(p_S, rest_S / others)
        losses_B[rank_B == k - 1] = errors_B[rank_B == k - 1] = 0.0
        return losses_B, errors_B


def chance_of_rank(vectors_SD: np.ndarray, rank_S: np.ndarray, k: int) -> np.ndarray:
    """Return the probability, (S,), that a vector is the (rank + 1)-th farthest from another one that is uniform in
    [-1, 1]^D, among k - 1 with k - 2 others that are uniform too.

    For a reference at u the number of others that are farther away is binomial: each is, with the probability q(u). The
    mean over u is that of fixed points, and q that of a fixed sample.
    """
    references_RD, distances_RM = _sample(vectors_SD.shape[1])
    ranks = np.arange(k - 1)
    ways_K = np.array([math.comb(k - 2, rank) for rank in ranks], dtype=np.float64)
    chances_S = np.empty(len(vectors_SD))
    for start in range(0, len(vectors_SD), ROWS):
        part = slice(start, start + ROWS)
        vectors_PD, rank_P = vectors_SD[part].astype(np.float64), np.minimum(rank_S[part], k - 2)
        total_P = np.zeros(len(vectors_PD))
        for reference_D, sorted_M in zip(references_RD, distances_RM, strict=True):
            own_P = ((vectors_PD - reference_D) ** 2).sum(1)
            farther_P = 1 - np.searchsorted(sorted_M, own_P) / OTHERS
            total_P += ways_K[rank_P] * farther_P**rank_P * (1 - farther_P) ** (k - 2 - rank_P)
        chances_S[part] = total_P / REFERENCES
    return chances_S


@lru_cache(maxsize=4)
def _sample(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return references, (R, D), and the sorted squared distances of other vectors from each, (R, M).

    The references are more evenly spread than random points: point r is r times a vector of powers of 1 / g modulo 1,
    where g is the root above 1 of x^(D + 1) = x + 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom
    sequences"). There is the negative of each, too.
    """
    root = 1.5
    for _ in range(60):
        root = (1 + root) ** (1 / (dimensions + 1))
    powers_D = root ** -np.arange(1.0, dimensions + 1)
    half_RD = 2 * ((0.5 + np.arange(1, REFERENCES // 2 + 1)[:, None] * powers_D) % 1) - 1
    references_RD = np.concatenate([half_RD, -half_RD])
    others_MD = seeds.generator(0, seeds.FLOOR).uniform(-1, 1, (OTHERS, dimensions))
    cross_RM = references_RD @ others_MD.T
    squares_RM = (references_RD**2).sum(1)[:, None] - 2 * cross_RM + (others_MD**2).sum(1)
    return references_RD, np.sort(squares_RM, axis=1)


def _x_log_x(p: np.ndarray) -> np.ndarray:
    """Return p ln p, which is 0 at 0."""
    result: np.ndarray = p * np.log(np.where(p > 0, p, 1.0))
    return result

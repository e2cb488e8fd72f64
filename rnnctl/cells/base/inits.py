"""Initial weights that several cells share, drawn in float64 from a run's own generator.

Row-vector convention: a row of W_hh holds a unit's outgoing connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from rnnctl.cells.base.section import InitSection, Shapes
from rnnctl.section import also_called

Weights = dict[str, np.ndarray]
MatrixShapes = Mapping[str, tuple[int, ...]]


def spectral_radius(w_HH: np.ndarray) -> float:
    """Return the largest modulus of an eigenvalue of a finite square matrix."""
    return float(np.abs(np.linalg.eigvals(w_HH)).max())


def matrices(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the matrices; the other weights are biases."""
    return {name: shape for name, shape in shapes if len(shape) == 2}


def normal(rng: np.random.Generator, std: float, shapes: MatrixShapes) -> Weights:
    """Draw N(0, std) for each shape, in their order."""
    return {name: std * rng.standard_normal(shape) for name, shape in shapes.items()}


def glorot_uniform(rng: np.random.Generator, gain: float, shapes: MatrixShapes) -> Weights:
    """Draw uniformly in +-gain sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010, eq. 16), in the shapes' order."""

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        bound = gain * np.sqrt(6 / sum(shape))
        return rng.uniform(-bound, bound, shape)

    return {name: draw(shape) for name, shape in shapes.items()}


class OrthogonalInit(InitSection):
    """Recurrent matrices orthogonal times gain; the other matrices Glorot uniform; biases 0."""

    name: Annotated[Literal["orthogonal"], also_called(orthogonal=("ortho", "orth"))] = "orthogonal"
    gain: float = Field(1.0, gt=0, description="factor of the recurrent matrices")

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        by_name = matrices(shapes)
        weights = glorot_uniform(rng, 1.0, by_name)
        for name in recurrent:
            q, r = np.linalg.qr(rng.standard_normal(by_name[name]))
            # The signs make the draw uniform over the orthogonal group (Mezzadri 2007).
            weights[name] = self.gain * q * np.sign(np.diag(r))
        return weights


class XavierInit(InitSection):
    """All matrices Glorot uniform times gain; biases 0 (Glorot and Bengio 2010, eq. 16)."""

    name: Annotated[Literal["xavier"], also_called(xavier=("glorot", "glorot_uniform", "xavier_uniform"))] = "xavier"
    gain: float = Field(1.0, gt=0, description="factor of all matrices")

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        return glorot_uniform(rng, self.gain, matrices(shapes))


def linear_uniform(rng: np.random.Generator, shapes: Iterable[tuple[str, tuple[int, ...]]]) -> Weights:
    """Draw weights and biases uniformly in +-1 / sqrt(fan in), in the order of `shapes`, in which each bias follows the
    matrix whose fan in it shares.
    """
    weights, fan_in = {}, 0
    for name, shape in shapes:
        if len(shape) == 2:
            fan_in = shape[0]
        weights[name] = rng.uniform(-1, 1, shape) / np.sqrt(fan_in)
    return weights

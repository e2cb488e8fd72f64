"""Initial weights that several cells share, drawn in float64 from a run's own generator.

Row-vector convention: a row of W_hh holds a unit's outgoing connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from rnnctl.cells.base.section import InitSection, Shapes
from rnnctl.section import LATER, also_called

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


def glorot_normal(rng: np.random.Generator, gain: float, shapes: MatrixShapes) -> Weights:
    """Draw N(0, std) with std = gain sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010, eq. 12), in the shapes'
    order.
    """
    return {name: gain * np.sqrt(2 / sum(shape)) * rng.standard_normal(shape) for name, shape in shapes.items()}


class RandomInit(InitSection):
    """All matrices N(0, std), whatever their size; biases 0. W_hh, and in gated cells each recurrent matrix, is
    rescaled to `spectral_radius` if that is given.

    The spectral radius of an H x H matrix of such numbers is near std sqrt(H) (the circular law, Tao and Vu 2010), and
    somewhat above it at small H: for std 0.1 and H 64 it is 0.85 on average, with a standard deviation of 0.04.
    """

    name: Annotated[Literal["random"], also_called(random=("normal", "gaussian", "randn"))] = "random"
    std: float = Field(0.1, gt=0, description="standard deviation of all matrices")
    spectral_radius: Annotated[float | None, also_called("rho", "radius")] = Field(
        None, gt=0, description="spectral radius that each recurrent matrix is rescaled to; as drawn if left out"
    )

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        weights = normal(rng, self.std, matrices(shapes))
        if self.spectral_radius is not None:
            for name in recurrent:
                weights[name] *= self.spectral_radius / spectral_radius(weights[name])
        return weights


class OrthogonalInit(InitSection):
    """Recurrent matrices orthogonal times gain; the other matrices Glorot uniform; biases 0.

    All eigenvalues of an orthogonal matrix have modulus 1, so gain is the spectral radius.
    """

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
    """All matrices Glorot times gain, biases 0: uniform within sqrt(6 / (fan in + fan out)), or normal with the
    standard deviation sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010, eqs. 16 and 12).

    Both give an H x H matrix entries of standard deviation 1 / sqrt(H). Its spectral radius is near 1 (the circular
    law, Tao and Vu 2010), and somewhat above it at small H: at H 64 it is 1.05 on average, with a standard deviation
    of 0.05.
    """

    name: Annotated[Literal["xavier"], also_called(xavier=("glorot", "glorot_uniform", "xavier_uniform"))] = "xavier"
    gain: float = Field(1.0, gt=0, description="factor of all matrices")
    distribution: Annotated[Literal["uniform", "normal"], LATER] = Field(
        "uniform", description="what all matrices are drawn from"
    )

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        draw = {"uniform": glorot_uniform, "normal": glorot_normal}[self.distribution]
        return draw(rng, self.gain, matrices(shapes))


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

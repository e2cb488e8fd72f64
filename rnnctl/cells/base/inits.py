"""Initial weights, drawn in float64 from a run's own generator. Biases start at zero, but for a cell's own `biases`.

sigmoid, basic_tanh, smart_tanh: the program of Pascanu et al. (2013). Row-vector convention, so a row of W_hh holds a
unit's outgoing connections (their paper says incoming; their program does this). course: the GRU of a PyTorch port of
that program that courses hand out. Recurrent matrices are those named W_h* but W_hy. linear: what torch.nn.Linear
starts with, biases included.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rnnctl.study.models import BasicTanhInit, CourseInit, OrthogonalInit, SigmoidInit, SmartTanhInit, XavierInit

Weights = dict[str, np.ndarray]


def spectral_radius(w_HH: np.ndarray) -> float:
    """Largest modulus of an eigenvalue of a finite square matrix."""
    return float(np.abs(np.linalg.eigvals(w_HH)).max())


def _recurrent(shapes: Iterable[str]) -> list[str]:
    return [name for name in shapes if name.startswith("W_h") and name != "W_hy"]


def _normal(rng: np.random.Generator, std: float, shapes: dict[str, tuple[int, int]]) -> Weights:
    return {name: std * rng.standard_normal(shape) for name, shape in shapes.items()}


def _glorot(rng: np.random.Generator, gain: float, shapes: dict[str, tuple[int, int]]) -> Weights:
    def draw(shape: tuple[int, int]) -> np.ndarray:
        bound = gain * np.sqrt(6 / sum(shape))
        return rng.uniform(-bound, bound, shape)

    return {name: draw(shape) for name, shape in shapes.items()}


def _smart_tanh(spec: SmartTanhInit, rng: np.random.Generator, shapes: dict[str, tuple[int, int]]) -> Weights:
    weights = _normal(rng, spec.std, shapes)
    hidden = shapes["W_hh"][0]
    kept = np.zeros((hidden, hidden), dtype=bool)
    for row in kept:
        row[rng.permutation(hidden)[: spec.count(hidden)]] = True
    sparse = np.where(kept, weights["W_hh"], 0.0)
    return {**weights, "W_hh": sparse * (spec.spectral_radius / spectral_radius(sparse))}


def _orthogonal(spec: OrthogonalInit, rng: np.random.Generator, shapes: dict[str, tuple[int, int]]) -> Weights:
    weights = _glorot(rng, 1.0, shapes)
    for name in _recurrent(shapes):
        q, r = np.linalg.qr(rng.standard_normal(shapes[name]))
        # The signs make the draw uniform over the orthogonal group (Mezzadri 2007).
        weights[name] = spec.gain * q * np.sign(np.diag(r))
    return weights


def _course(spec: CourseInit, rng: np.random.Generator, shapes: dict[str, tuple[int, int]]) -> Weights:
    gates = {name: shapes[name] for name in _recurrent(shapes) if name != "W_hh"}
    others = {name: shape for name, shape in shapes.items() if name not in gates}
    return {**_normal(rng, spec.std, others), **_normal(rng, spec.gate_std, gates)}


def draw_linear(rng: np.random.Generator, shapes: Iterable[tuple[str, tuple[int, ...]]]) -> Weights:
    """Weights and biases uniform in +-1 / sqrt(fan in), float64, drawn in the order of `shapes`, in which each bias
    follows the matrix whose fan in is its own.
    """
    drawn, fan_in = {}, 0
    for name, shape in shapes:
        if len(shape) == 2:
            fan_in = shape[0]
        drawn[name] = rng.uniform(-1, 1, shape) / np.sqrt(fan_in)
    return drawn


def draw_weights(
    spec: SigmoidInit | BasicTanhInit | SmartTanhInit | OrthogonalInit | XavierInit | CourseInit,
    rng: np.random.Generator,
    shapes: dict[str, tuple[int, int]],
) -> Weights:
    """Weight matrices by name for the given shapes ((fan in, fan out) each, recurrent ones square), float64."""
    match spec:
        case SigmoidInit() | BasicTanhInit():
            return _normal(rng, spec.std, shapes)
        case SmartTanhInit():
            return _smart_tanh(spec, rng, shapes)
        case CourseInit():
            return _course(spec, rng, shapes)
        case OrthogonalInit():
            return _orthogonal(spec, rng, shapes)
        case XavierInit():
            return _glorot(rng, spec.gain, shapes)

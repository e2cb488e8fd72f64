"""What happens in a network while it reads a sentence: states, predictions, gradient and eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import scales, style

MOST_ROWS = 30  # symbols in a panel of probabilities
LIKELY = 0.01  # symbols that never reach it are left out there
STATES, PROBABILITIES = "RdBu_r", "Blues"


@dataclass(frozen=True, eq=False)
class Reading:
    """A sentence of n characters, and what a network of H units made of it.

    symbols: the K that can come next. h: (n, H). network, truth: the probabilities of the next character after each,
    (n, K); truth is None if it is not known. gradient: (n - 1,), the norm of dL/dh_t. eigenvalues, product: complex
    eigenvalues of W_hh and of the product of the n - 2 Jacobians from h_1 to h_{n-1}, or None.
    """

    characters: Sequence[str]
    symbols: Sequence[str]
    h: np.ndarray
    network: np.ndarray
    gradient: np.ndarray
    eigenvalues: np.ndarray
    truth: np.ndarray | None = None
    product: np.ndarray | None = None


def reading(shown: Reading, title: str = "") -> Figure:
    """Draw states and probabilities below each other, character by character, and below them gradient and eigenvalues.

    The character that does come next is a dot in the panels of probabilities. Units are in the order of their mean
    state. Eigenvalues of a product of many Jacobians would all be one point at 0: what is drawn of them is the factor
    per step, the T-th root of their modulus. Those below the rounding of the largest one are left out.
    """
    tables = [("network", shown.network), *([("truth", shown.truth)] if shown.truth is not None else [])]
    rows = _likely(shown, [values for _, values in tables])
    heights = [2.0, *([0.6 + 0.13 * len(rows)] * len(tables)), 2.6]
    figure = style.new_figure(title, 0.8 + sum(heights))
    places = figure.add_gridspec(len(heights), 3, height_ratios=heights)
    wide = [figure.add_subplot(places[i, :]) for i in range(len(heights) - 1)]
    order = np.argsort(shown.h.mean(0), kind="stable")
    limit = float(np.abs(shown.h).max()) or 1.0
    _image(figure, wide[0], shown.h[:, order].T, STATES, (-limit, limit), "$h$")
    style.set_up_axes(wide[0], title="hidden states", ylabel="unit (ordered)", grid=None)
    for axes, (name, values) in zip(wide[1:], tables, strict=True):
        _image(figure, axes, values[:, rows].T, PROBABILITIES, (0.0, 1.0), "probability")
        style.set_up_axes(axes, title=f"next character: {name}", grid=None)
        axes.set_yticks(range(len(rows)), [style.shorten(shown.symbols[row], 6) for row in rows])
        axes.tick_params(axis="y", labelsize=style.SMALL - 2)
        _mark_next(axes, shown, rows)
    for axes in wide:
        axes.set_xticks(range(len(shown.characters)), [style.shorten(text, 6) for text in shown.characters])
        axes.tick_params(axis="x", labelsize=style.SMALL - (2 if len(shown.characters) > 50 else 0), length=0)
    _gradient(figure.add_subplot(places[-1, 0]), shown)
    _eigenvalues(figure.add_subplot(places[-1, 1]), shown.eigenvalues, "eigenvalues of $W_{hh}$")
    if shown.product is not None:
        _per_step(figure.add_subplot(places[-1, 2]), shown.product, max(1, len(shown.characters) - 2))
    return figure


def _likely(shown: Reading, tables: Sequence[np.ndarray]) -> list[int]:
    """Return the symbols that are likely somewhere, in their order; the most likely of them if they are many."""
    greatest = np.max([values.max(0) for values in tables], axis=0)
    chosen = np.argsort(-greatest, kind="stable")[:MOST_ROWS]
    return sorted(int(i) for i in chosen if greatest[i] >= LIKELY)


def _image(
    figure: Figure, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float], label: str
) -> None:
    look: style.Look = {"cmap": colours, "vmin": limits[0], "vmax": limits[1], "aspect": "auto"}
    image = axes.imshow(values, interpolation="nearest", **look)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    bar.set_label(label, fontsize=style.SMALL, color=style.INK)
    bar.ax.tick_params(labelsize=style.SMALL - 1)


def _mark_next(axes: Axes, shown: Reading, rows: Sequence[int]) -> None:
    place = {shown.symbols[row]: i for i, row in enumerate(rows)}
    points = [(t, place[text]) for t, text in enumerate(shown.characters[1:]) if text in place]
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    look: style.Look = {"linestyle": "none", "marker": "o", "markersize": 2.5, "color": style.EXPLODING}
    axes.plot(x, y, gid="next", **look)


def _gradient(axes: Axes, shown: Reading) -> None:
    style.set_up_axes(axes, title="gradient of the last loss", xlabel="time step $t$", ylabel=r"$|dL/dh_t|$")
    steps, positive = np.arange(1, len(shown.gradient) + 1), np.where(shown.gradient > 0, shown.gradient, np.nan)
    axes.plot(steps, positive, color=style.HUES[0], linewidth=1.7, marker="o", markersize=2.5, gid="gradient")
    if np.isfinite(positive).any():
        scales.value_axis(axes, positive, figure="reading", label=r"$|dL/dh_t|$", scale="log")
    style.count_axis(axes.xaxis, 3)


def _eigenvalues(axes: Axes, values: np.ndarray, title: str) -> None:
    style.set_up_axes(axes, title=title, xlabel="real part", ylabel="imaginary part")
    angles = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angles), np.sin(angles), color=style.MUTED, linewidth=1.0, linestyle=(0, (4, 3)), gid="circle")
    look: style.Look = {"linestyle": "none", "marker": "o", "markersize": 3, "color": style.HUES[0], "alpha": 0.7}
    axes.plot(values.real, values.imag, gid="eigenvalues", **look)
    axes.set_aspect("equal", adjustable="datalim")


def _per_step(axes: Axes, values: np.ndarray, steps: int) -> None:
    """Draw the moduli's T-th roots, the largest first, and a line at 1, above which gradients grow."""
    moduli = np.sort(np.abs(values))[::-1]
    rounding = len(moduli) * np.finfo(float).eps * moduli[0]
    factors = np.where(moduli > rounding, moduli, np.nan) ** (1 / steps)
    label = rf"$|\lambda|^{{1/T}}$, $T$ = {steps}"
    style.set_up_axes(axes, title="Jacobians' product, per step", xlabel="eigenvalue (largest first)", ylabel=label)
    axes.axhline(1, color=style.MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    look: style.Look = {"linestyle": "none", "marker": "o", "markersize": 3, "color": style.HUES[0], "alpha": 0.7}
    axes.plot(np.arange(1, len(factors) + 1), factors, gid="per step", **look)
    axes.set_xlim(0, len(factors) + 1)
    axes.set_ylim(bottom=0)
    style.count_axis(axes.xaxis, 3)

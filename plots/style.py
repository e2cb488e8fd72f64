"""The house style: colours, sizes and words that every figure shares.

Figures are made without pyplot and without touching rcParams, so that drawing one changes nothing for
anybody else. Colours after Okabe and Ito (2008), chosen to stay apart for colour-blind readers and in
print.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

WIDTH = 9.5  # inches: at 100 dpi a figure fills a README's column
TITLE, TEXT, SMALL = 12.0, 10.0, 8.5  # points
INK, MUTED, GRID, STRIP = "#222222", "#666666", "#e4e4e4", "#f1f1f1"
VANISHING, EXPLODING = "#56B4E9", "#D55E00"

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", (0, (4, 1.5)))
NAMED_GROUPS = len(HUES) * len(DASHES)  # more than this, and colours no longer tell groups apart


class Ending(NamedTuple):
    """How a run's end looks: marker, size in points, colour where colour is free to say it, and in words."""

    marker: str
    size: float
    colour: str
    word: str


ENDINGS = {
    "solved": Ending("*", 11.0, "#009E73", "solved"),
    "budget": Ending("o", 5.5, "#0072B2", "budget used up"),
    "early_stop": Ending("s", 5.5, "#E69F00", "stopped early"),
    "diverged": Ending("X", 8.0, "#D55E00", "diverged"),
    "failed": Ending("v", 7.0, "#CC79A7", "failed"),
    "quarantined": Ending("^", 7.0, "#CC79A7", "quarantined"),
    "cancelled": Ending("P", 7.0, "#999999", "cancelled"),
    None: Ending("o", 5.5, "#999999", "not ended"),
}

# Light to dark for early to late; both ends of viridis that drown in white or look alike are cut off.
RAMP = ListedColormap(colormaps["viridis_r"](np.linspace(0.12, 1.0, 256)), name="ramp")


def new_figure(title: str, height: float) -> Figure:
    """An empty figure of house width and this height (inches) on an Agg canvas, its title at the left."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        look = {"fontsize": TITLE, "fontweight": "bold", "color": INK, "parse_math": False}
        figure.suptitle(textwrap.fill(title, 82), x=0.01, ha="left", **look)
    return figure


def say(title: str, words: str) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = new_figure(title, 1.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=TEXT, color=MUTED, transform=axes.transAxes)
    return figure


def dress(axes: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "both") -> Axes:
    """Give an axes the house look and its texts; returns it."""
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(labelsize=SMALL, color="#9a9a9a", labelcolor=INK)
    axes.set_title(title, fontsize=TEXT, loc="left", color=INK)
    axes.set_xlabel(xlabel, fontsize=TEXT, color=INK)
    axes.set_ylabel(ylabel, fontsize=TEXT, color=INK)
    return axes


def footer(figure: Figure, handles: Sequence, notes: Sequence[str] = ()) -> None:
    """The legend below the panels, with notes on what is not shown above it.

    One legend carries both, because constrained layout reserves room below the panels for one thing only.
    The figure grows by what a long legend takes, so that the panels keep their height.
    """
    words = [text for text in notes if text]
    if not handles and not words:
        return
    longest = max((len(handle.get_label()) for handle in handles), default=1)
    columns = max(1, min(len(handles), int(WIDTH / (0.07 * longest + 0.65))))
    rows = -(-len(handles) // columns) + len(words)
    figure.set_figheight(figure.get_figheight() + 0.2 * max(0, rows - 2))
    legend = figure.legend(
        handles=list(handles),
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=SMALL + 0.5,
        title="\n".join(words) or None,
        title_fontsize=SMALL,
        alignment="left",
        labelcolor=INK,
        handlelength=2.2,
        columnspacing=1.6,
    )
    legend.get_title().set_color(MUTED)


def group_keys(looks: Mapping[str, tuple[str, object]], groups: Sequence[str]) -> list[Line2D]:
    """The legend entries for groups in their looks, with the number of runs where it is not one.

    groups: that of every run.
    """
    sizes = Counter(groups)
    return [
        Line2D([], [], color=colour, linestyle=dash, linewidth=1.8, label=shorten(group) + counted(sizes[group]))
        for group, (colour, dash) in looks.items()
    ]


def counted(runs: int) -> str:
    return f" ({runs} runs)" if runs > 1 else ""


def ending_key(ended: str | None, *, coloured: bool = False) -> Line2D:
    """The legend entry for an ending: its marker in its colour, or in grey where lines have their own."""
    ending = ENDINGS[ended]
    look = {"marker": ending.marker, "markersize": 0.9 * ending.size, "markeredgecolor": "white"}
    look |= {"linestyle": "none", "color": ending.colour if coloured else MUTED}
    return Line2D([], [], label=ending.word, **look)


def ramp_bar(
    figure: Figure,
    axes: Sequence[Axes],
    norm: Normalize,
    label: str,
    *,
    cmap: ListedColormap = RAMP,
    extend: str = "neither",
) -> Colorbar:
    """A colour bar right of all these panels."""
    shape = {"fraction": 0.03, "pad": 0.01, "aspect": 30}
    bar = figure.colorbar(ScalarMappable(norm, cmap), ax=list(axes), extend=extend, **shape)
    bar.set_label(label, fontsize=TEXT, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, color="#9a9a9a", labelcolor=INK)
    return bar


def count_axis(axis: Axis, across: int = 1) -> None:
    """Ticks of an axis that counts (updates, time steps): whole numbers with thousands separated.

    across: how many panels stand side by side; long numbers would touch in narrow ones.
    """
    axis.set_major_locator(MaxNLocator(nbins=5 if across <= 2 else 3 if across == 3 else 2, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def share_axis(axis: Axis, top: float) -> None:
    """Ticks of an axis of shares up to `top`, in per cent: whole ones unless there are only few."""
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1, decimals=0 if top > 0.05 else 1))


def whole(value: float) -> str:
    """A whole number with a true minus sign, as matplotlib's own ticks have it."""
    return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")


def number(value: float) -> str:
    """A number as short as it can be read: 0.01, 16, 2,000, and 3 times 10^7 as a power in mathtext."""
    if value == 0 or not np.isfinite(value) or 1e-4 <= abs(value) < 1e5:
        return f"{value:,.6g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = rf"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa}\times{power}$"


def shorten(text: str, most: int = 48) -> str:
    """The text with its middle left out, if it is longer than `most` characters; `$` stays a dollar sign."""
    if len(text) > most:
        head = (most - 1) // 2
        text = f"{text[:head]}…{text[-(most - 1 - head) :]}"
    return text.replace("$", r"\$")


def shared_looks(groups: Sequence[str], known: Sequence[str]) -> dict[str, tuple[str, object]]:
    """`looks` of these groups, the same in all figures over the `known` groups, as long as these can be told apart."""
    every = list(dict.fromkeys([*known, *groups]))
    if len(every) > NAMED_GROUPS:
        return looks(groups)
    return {group: look for group, look in looks(every).items() if group in set(groups)}


def looks(groups: Sequence[str]) -> dict[str, tuple[str, object]]:
    """Group -> (colour, line style) in order of first appearance: six hues solid, then dashed, then over again."""
    return {
        group: (HUES[i % len(HUES)], DASHES[i // len(HUES) % len(DASHES)])
        for i, group in enumerate(dict.fromkeys(groups))
    }

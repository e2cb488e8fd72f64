"""The common style: colours, sizes and wording that all figures share.

Figures are made without pyplot and without changing rcParams, so drawing one has no side effects. Colours follow Okabe
and Ito (2008): they can be told apart by colour-blind readers and in print.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from matplotlib.typing import ColorType, LineStyleType

Look = dict[str, Any]  # keyword arguments of matplotlib's artists


class GroupLook(NamedTuple):
    """How the runs of a group are drawn in every figure: colour, line style, and the marker of single points."""

    colour: ColorType
    dash: LineStyleType
    marker: str = "o"


WIDTH = 9.5  # inches; at 100 dpi a figure fills the column of a README
NARROW = 5.0  # inches; narrower figures, such as a column of a paper, have their labels inside of the panels
TITLE, TEXT, SMALL = 12.0, 10.0, 8.5  # points
INK, MUTED, GRID, STRIP = "#222222", "#666666", "#e4e4e4", "#f1f1f1"
VANISHING, EXPLODING = "#56B4E9", "#D55E00"

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[LineStyleType, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
MARKERS = ("o", "D", ">", "p", "<")  # none of an ending but the circle, which marks no end of a line
LONGEST = 48  # characters of a label
NAMED_GROUPS = 12  # the greatest number of groups in a figure whose runs have the looks of their groups


class Ending(NamedTuple):
    """How the end of a run is drawn: marker, size in points, colour (if lines have none), text of the legend."""

    marker: str
    size: float
    colour: str
    word: str


ENDINGS: dict[str | None, Ending] = {
    "solved": Ending("*", 11.0, "#009E73", "solved"),
    "budget": Ending("o", 5.5, "#0072B2", "budget used up"),
    "early_stop": Ending("s", 5.5, "#E69F00", "stopped early"),
    "diverged": Ending("X", 8.0, "#D55E00", "diverged"),
    "failed": Ending("v", 7.0, "#CC79A7", "failed"),
    "quarantined": Ending("^", 7.0, "#CC79A7", "quarantined"),
    "cancelled": Ending("P", 7.0, "#999999", "cancelled"),
    None: Ending("o", 5.5, "#999999", "not ended"),
}

# Light to dark for early to late. The light end of viridis is cut off: it is hard to see on white.
RAMP = ListedColormap(colormaps["viridis_r"](np.linspace(0.12, 1.0, 256)), name="ramp")


_width: ContextVar[float] = ContextVar("width", default=WIDTH)


@contextmanager
def page(width: float | None) -> Iterator[None]:
    """Lay out the figures that are drawn inside for this width in inches; None for the common width.

    Narrow figures have fewer panels side by side, fewer ticks, and shorter lines of text.
    """
    token = _width.set(width or WIDTH)
    try:
        yield
    finally:
        _width.reset(token)


def page_width() -> float:
    """Return the width of the figures that are drawn now, in inches."""
    return _width.get()


def is_narrow() -> bool:
    """Return whether the figures that are drawn now are as narrow as a column of a paper."""
    return page_width() < NARROW


def new_figure(title: str, height: float) -> Figure:
    """Return an empty figure of the page's width and this height (inches) on an Agg canvas, the title at the left."""
    figure = Figure(figsize=(page_width(), height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        size = TEXT if is_narrow() else TITLE
        look: Look = {"fontsize": size, "fontweight": "bold", "color": INK, "parse_math": False}
        most = int(82 * page_width() / WIDTH * TITLE / size)
        figure.suptitle(textwrap.fill(drawable(title), most), x=0.01, ha="left", **look)
    return figure


def axis_label(text: str) -> str:
    """Return the label of a vertical axis, on several lines if the panels of the page are low."""
    return textwrap.fill(text, 26) if is_narrow() and "\n" not in text else text


def text_figure(title: str, text: str) -> Figure:
    """Return a figure whose only content is a text that says why there is nothing to draw."""
    figure = new_figure(title, 1.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=TEXT, color=MUTED, transform=axes.transAxes)
    return figure


def set_up_axes(
    axes: Axes,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    grid: Literal["both", "x", "y"] | None = "both",
) -> Axes:
    """Apply the common style, the title and the labels to an axes, and return it. grid: None for no grid lines."""
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(labelsize=SMALL, color="#9a9a9a", labelcolor=INK)
    axes.set_title(title, fontsize=TEXT, loc="left", color=INK)
    axes.set_xlabel(xlabel, fontsize=TEXT, color=INK)
    axes.set_ylabel(axis_label(ylabel), fontsize=TEXT, color=INK)
    return axes


def footer(figure: Figure, handles: Sequence[Artist], notes: Sequence[str] = ()) -> None:
    """Draw the legend below the panels, with the notes above it.

    One legend carries both, because constrained layout reserves space below the panels for one artist only. The figure
    grows by the height of a long legend, so that the panels keep their height.
    """
    lines = [line for note in notes for line in textwrap.wrap(note, int(140 * page_width() / WIDTH))]
    if not handles and not lines:
        return
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    columns = max(1, min(len(handles), int(page_width() / (0.07 * longest + 0.65))))
    rows = -(-len(handles) // columns) + len(lines)
    figure.set_figheight(figure.get_figheight() + 0.2 * max(0, rows - 2))
    legend = figure.legend(
        handles=list(handles),
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=SMALL + 0.5,
        title="\n".join(lines) or None,
        title_fontsize=SMALL,
        alignment="left",
        labelcolor=INK,
        handlelength=2.2,
        columnspacing=1.6,
    )
    legend.get_title().set_color(MUTED)


def group_keys(
    looks: Mapping[str, GroupLook], groups: Sequence[str], *, lines: bool = True, points: bool = False
) -> list[Line2D]:
    """Return the legend entries of the groups, with the number of their runs where it is not 1.

    groups: the group of every run. lines: whether runs are lines; else they are points, whose markers do not stand for
    groups. points: whether lines have markers at their points.
    """
    sizes = Counter(groups)
    names = shorten_apart(looks, min(LONGEST, int(11 * page_width() - 10)))
    points = points or need_markers(looks.values())
    keys = []
    for group, look in looks.items():
        shape: Look = {"linestyle": look.dash, "linewidth": 1.8}
        if not lines:
            shape = {"linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": face(look)}
        if lines and points:
            shape |= point_marker(look)
        label = names[group] + counted(sizes[group])
        keys.append(Line2D([], [], color=look.colour, label=label, **shape))
    return keys


def point_marker(look: GroupLook) -> Look:
    """Return the marker of a group's points, hollow if its lines are not solid: single points show no dashes."""
    return {"marker": look.marker, "markersize": 4, "markerfacecolor": face(look)}


def face(look: GroupLook) -> ColorType:
    """Return the colour inside the markers of a group: white if its lines are not solid."""
    return look.colour if look.dash == DASHES[0] else "white"


def counted(runs: int) -> str:
    """Return the remark " (2 runs)", or nothing for a single run."""
    return f" ({runs} runs)" if runs > 1 else ""


def ending_key(ended: str | None, *, coloured: bool = False) -> Line2D:
    """Return the legend entry of an ending: its marker in its colour, or in grey where lines have colours of groups."""
    ending = ENDINGS[ended]
    look: Look = {"marker": ending.marker, "markersize": 0.9 * ending.size, "markeredgecolor": "white"}
    look |= {"linestyle": "none", "color": ending.colour if coloured else MUTED}
    return Line2D([], [], label=ending.word, **look)


def ramp_bar(
    figure: Figure,
    axes: Sequence[Axes],
    norm: Normalize,
    label: str,
    *,
    cmap: Colormap = RAMP,
    extend: Literal["neither", "max"] = "neither",
) -> Colorbar:
    """Draw a colour bar to the right of these panels, and return it."""
    shape: Look = {"fraction": 0.03, "pad": 0.01, "aspect": 30}
    bar = figure.colorbar(ScalarMappable(norm, cmap), ax=list(axes), extend=extend, **shape)
    bar.set_label(label, fontsize=TEXT, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, color="#9a9a9a", labelcolor=INK)
    return bar


def count_axis(axis: Axis, across: int = 1) -> None:
    """Set the ticks of an axis of counts (updates, time steps): whole numbers with thousands separators.

    across: number of panels side by side; narrow panels get fewer ticks, so that long numbers do not touch.
    """
    inches = page_width() / across
    axis.set_major_locator(MaxNLocator(nbins=5 if inches >= 4 else 3 if inches >= 3 else 2, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def share_axis(axis: Axis, top: float) -> None:
    """Set the ticks of an axis of shares from 0 to `top`, in per cent: whole numbers if `top` is above 5 %."""
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1, decimals=0 if top > 0.05 else 1))


def whole(value: float) -> str:
    """Format a whole number with a true minus sign, like the ticks of matplotlib."""
    return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")


def decimal(value: float) -> str:
    """Format a number with up to three decimals and a true minus sign."""
    return f"{round(value, 3) + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def number(value: float) -> str:
    """Format a number in a short readable form: 0.01, 16, 2,000, and 3e7 as a power of ten in mathtext."""
    if value == 0 or not np.isfinite(value) or 1e-4 <= abs(value) < 1e5:
        return f"{value:,.6g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = rf"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa}\times{power}$"


def shorten(text: str, most: int = LONGEST) -> str:
    """Return a text from outside, such as a label, as figures show it.

    It is shortened to `most` characters by leaving out its middle. Characters that cannot be drawn are escaped, and so
    is `$`, which would start mathtext.
    """
    text = drawable(text)
    if len(text) > most:
        head = (most - 1) // 2
        text = f"{text[:head]}…{text[-(most - 1 - head) :]}"
    return text.replace("$", r"\$")


def shorten_apart(texts: Iterable[str], most: int = LONGEST) -> dict[str, str]:
    """Return texts as `shorten` does, by the texts, so that two that differ are never shortened to the same text.

    Texts that would be are told without the words that all of them have, which a `…` stands for, or else by numbers.
    """
    shown = {text: shorten(text, most) for text in texts}
    for alike in _alike(shown):
        common = set.intersection(*(set(text.split()) for text in alike))
        for text in alike:
            shown[text] = shorten(" ".join(["…", *(word for word in text.split() if word not in common)]), most)
    for alike in _alike(shown):
        for number_of, text in enumerate(alike, 1):
            ending = f" #{number_of}"
            shown[text] = shorten(text, most - len(ending)) + ending
    return shown


def _alike(shown: Mapping[str, str]) -> list[list[str]]:
    """Return the texts that are shown as another one is, those that are shown alike together."""
    by_form: dict[str, list[str]] = {}
    for text, form in shown.items():
        by_form.setdefault(form, []).append(text)
    return [texts for texts in by_form.values() if len(texts) > 1]


def drawable(text: str) -> str:
    """Return a text on one line, with the characters escaped that are not printable or that the font lacks.

    Control characters would make an SVG malformed, and the font draws all that it lacks as the same empty box.
    """
    if text.isascii() and text.isprintable():
        return text
    known = _code_points(tuple(rcParams["font.family"]), tuple(rcParams["font.sans-serif"]))
    return "".join(
        c if c.isprintable() and ord(c) in known else c.encode("unicode_escape").decode("ascii") for c in text
    )


@cache
def _code_points(families: tuple[str, ...], _sans_serif: tuple[str, ...]) -> frozenset[int]:
    """Return the code points that can be drawn in normal and in bold type with these families of fonts.

    _sans_serif: what the family `sans-serif` stands for.
    """
    weights = []
    for weight in ("normal", "bold"):
        points: set[int] = set()
        for family in families:
            try:
                font = findfont(FontProperties(family=[family], weight=weight), fallback_to_default=False)
            except ValueError:  # it is not installed
                continue
            points |= get_font(font).get_charmap().keys()
        # Without any of the families, matplotlib takes this one, which it brings along.
        weights.append(
            points or get_font(findfont(FontProperties(family=["DejaVu Sans"], weight=weight))).get_charmap()
        )
    return frozenset(weights[0]) & frozenset(weights[1])


def looks(groups: Sequence[str], known: Sequence[str] = ()) -> dict[str, GroupLook]:
    """Return group -> look of these groups, by their places among the known ones: the same in all figures of a study.

    known: all groups of the study; groups that are not among them come after them. Of 24 groups in a row all differ in
    colour or line style, and of 120 in one of these or the marker.
    """
    places = {group: place for place, group in enumerate(dict.fromkeys([*known, *groups]))}
    return {
        group: GroupLook(
            HUES[places[group] % len(HUES)],
            DASHES[places[group] // len(HUES) % len(DASHES)],
            MARKERS[places[group] % len(MARKERS)],
        )
        for group in sorted(dict.fromkeys(groups), key=places.__getitem__)
    }


def need_markers(shown: Iterable[GroupLook]) -> bool:
    """Return whether markers are needed to tell the lines of these looks apart."""
    lines = [(look.colour, look.dash) for look in set(shown)]
    return len(set(lines)) < len(lines)

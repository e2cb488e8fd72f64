"""Figures inside a page: SVG whose text is text, or PNG where an SVG would be too large."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Set
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.words import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_MARKS = 3000  # markers, lines and areas of an SVG; figures with more become images
MOST_VERTICES = 30_000  # of all lines of an SVG
IMAGE_DPI = 120
COLOURS = 128  # of an image

_TAG = re.compile(r"<[^>]*>")  # matplotlib escapes > in attributes
_IMAGE = re.compile(r"data:image/png;base64,([^\"]*)")
_ID = re.compile(r'\sid="([^"]*)"')
_REFERENCES = re.compile(r'(?:url\(#|href="#)([^)"]*)')
_DECIMALS = re.compile(r"(-?\d+\.\d)\d+")
_LINES = re.compile(r"\s+L ")  # after M, and after another point, a pair of numbers is a line
_COORDINATES = re.compile(r'\s(?:d|x|y|points|transform)="[^"]*"')
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>.*?</style>\s*</defs>", re.DOTALL)
_SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', re.DOTALL)
# Inks, grounds and hues of our figures, which the style sheet of the page may replace where the page is dark.
_COLOURS = {
    "#0072b2": "var(--hue-0, #0072b2)",
    "#d55e00": "var(--hue-1, #d55e00)",
    "#009e73": "var(--hue-2, #009e73)",
    "#cc79a7": "var(--hue-3, #cc79a7)",
    "#e69f00": "var(--hue-4, #e69f00)",
    "#56b4e9": "var(--hue-5, #56b4e9)",
    "#222222": "var(--figure-ink, #222222)",
    "#666666": "var(--figure-muted, #666666)",
    "#e4e4e4": "var(--figure-grid, #e4e4e4)",
    "#f1f1f1": "var(--figure-strip, #f1f1f1)",
    "#9a9a9a": "var(--figure-axis, #9a9a9a)",
    "#ffffff": "var(--figure-paper, #ffffff)",
    "#000000": "var(--figure-ink, #000000)",
}
_COLOUR = re.compile("|".join(_COLOURS))
_OTHER_COLOUR = re.compile(r"(?:fill|stroke): #([0-9a-f]{6})")
DARK = 0.09  # relative luminance, as WCAG 2 defines it; on a dark page less has a contrast below 2
_STYLE_ATTRIBUTE = re.compile(r'\sstyle="[^"]*"')
_FONT = re.compile(r"'DejaVu Sans'[^;\"]*")
FONTS = "'DejaVu Sans', Verdana, sans-serif"  # of nearly the same widths


def svg_of(figure: Figure, salt: str, alternative: str) -> str:
    """Return a figure as an `svg` element for a page.

    salt: begins all ids, which are unique in a page by it. alternative: what the figure shows, in words.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(file, format="svg")
    text = _PROLOGUE.sub("", file.getvalue(), count=1)
    text = _STYLE.sub("", _METADATA.sub("", text, count=1), count=1)
    box = _SIZE.match(text)
    assert box is not None
    label = html.escape(escaped(alternative))
    body = text[box.end() :]
    named = {name for tag in _TAG.findall(body) for name in _REFERENCES.findall(tag)}
    body = _TAG.sub(lambda tag: _rewritten(tag[0], salt, named), body).strip()
    light = 'class="light" ' if _is_dark(body) else ""
    head = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {light}viewBox="{box[1]}" role="img" aria-label="{label}" '
        'stroke-linejoin="round" stroke-linecap="butt">'
    )
    return head + body


def _is_dark(body: str) -> bool:
    """Return whether a figure has dark colours besides those that a page replaces, so that it needs a light ground."""
    colours = {bytes.fromhex(digits) for digits in _OTHER_COLOUR.findall(body)}
    return any(_luminance(colour) < DARK for colour in colours)


def _luminance(rgb: bytes) -> float:
    linear = [(value / 255 + 0.055) ** 2.4 / 1.055**2.4 if value > 10 else value / 255 / 12.92 for value in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rewritten(tag: str, salt: str, named: Set[str]) -> str:
    """Return a tag with salted ids, coordinates to a tenth of a point, and colours that the page may replace.

    named: the ids that something refers to. All others go: several artists can have the same.
    """
    tag = _IMAGE.sub(lambda match: _as_uri(_small(base64.b64decode(match[1]))), tag)
    tag = _ID.sub(lambda match: f' id="{salt}-{match[1]}"' if match[1] in named else "", tag)
    tag = _REFERENCES.sub(lambda match: match[0].replace(match[1], f"{salt}-{match[1]}", 1), tag)
    tag = _COORDINATES.sub(lambda match: _LINES.sub(" ", _DECIMALS.sub(r"\1", match[0])), tag)
    return _STYLE_ATTRIBUTE.sub(_themed, tag)


def _themed(match: re.Match[str]) -> str:
    style = _COLOUR.sub(lambda colour: _COLOURS[colour[0]], match[0])
    return _FONT.sub(FONTS, style)


def png_of(figure: Figure) -> str:
    """Return a figure as the data URI of a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=IMAGE_DPI)
    return _as_uri(_small(file.getvalue()))


def _small(png: bytes) -> bytes:
    """Return a PNG with few colours, which takes a fifth of the bytes; the same one if that would not be smaller."""
    from PIL import Image

    file = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGBA").quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    return min(file.getvalue(), png, key=len)


def _as_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def is_large(figure: Figure) -> bool:
    """Return whether a figure has too many marks for an SVG."""
    marks = vertices = 0
    for axes in figure.axes:
        for line in axes.lines:
            points = len(np.asarray(line.get_xdata(orig=False)))
            vertices += points
            marks += 1 if line.get_marker() in (None, "None", "", " ") else points
        for collection in axes.collections:
            marks += max(len(np.asarray(collection.get_offsets())), len(collection.get_paths()))
        marks += len(axes.patches) + len(axes.texts)
    return marks > MOST_MARKS or vertices > MOST_VERTICES

"""Markdown, as the generated parts of the reference need it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. Line breaks in cells become spaces, and vertical bars are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: str) -> str:
    """Return a text as inline code, or "" for an empty one."""
    return f"`{text}`" if text else ""


def listed(words: Iterable[str]) -> str:
    """Return words as inline code, separated by commas."""
    return ", ".join(map(code, words))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

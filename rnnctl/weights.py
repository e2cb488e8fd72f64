"""The names of a run's weights. This module loads no torch: the command line and the probes use it too."""

from __future__ import annotations

BEST = "best"  # those at the lowest validation loss
LAST = "last"  # those after the newest update


def weights_name(text: str) -> str:
    """Return the name that a text stands for: `best`, `last`, or an update in decimal. Raise ValueError for others."""
    if text in (BEST, LAST):
        return text
    if text.isascii() and text.isdigit():
        return text.lstrip("0") or "0"
    raise ValueError(f"{text!r} is neither {BEST} nor {LAST} nor an update such as 1000")


def in_words(name: str) -> str:
    """Return the weights of a name in words, such as `weights after 1,000 updates`."""
    return f"weights after {int(name):,} updates" if name.isdigit() else f"{name} weights"

"""Names of weights. Loads no torch, so that a study that names weights can be checked without it."""

from __future__ import annotations

from collections.abc import Sequence

HEAD = ("W_hy", "b_hy")


def bias_name(branch: str) -> str:
    """Return the name of a branch's bias: `b_hh` for new content, `b_z` and the like for a gate."""
    return "b_hh" if branch == "h" else f"b_{branch}"


def names_of_branches(branches: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the weights of a cell with these branches, and of the head, in the order of the layout."""
    names = (name for branch in branches for name in (f"W_u{branch}", f"W_h{branch}", bias_name(branch)))
    return (*names, *HEAD)

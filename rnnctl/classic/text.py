"""The lines that functions print when they are asked to, and a training history as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ROWS = 20  # epochs of a table: the first and the last among them, the others evenly spaced
COLUMNS = ("train_loss", "train_metric", "val_loss", "val_metric", "learning_rates", "grad_norms")


def say(line: str) -> None:
    """Print a line of our own words and numbers. This is a library for teaching: what it says is its output."""
    print(line)


def table(history: Mapping[str, Sequence[float]]) -> str:
    """Return a training history as a table of at most 20 epochs. Columns without values are left out."""
    names = [name for name in COLUMNS if len(history.get(name, ()))]
    epochs = len(history[names[0]]) if names else 0
    step = max(1, -(-(epochs - 1) // (ROWS - 1)))
    shown = [*range(0, epochs - 1, step), epochs - 1] if epochs else []
    head = "epoch" + "".join(f"{name:>16}" for name in names)
    return "\n".join([head, *(f"{i + 1:>5}" + "".join(f"{history[name][i]:>16.6g}" for name in names) for i in shown)])

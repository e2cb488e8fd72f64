"""The figure of a training history, two by two; a table of text where matplotlib is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING

from rnnctl.arguments import checked
from rnnctl.classic.text import say, table
from rnnctl.errors import InvalidArgument
from rnnctl.words import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = ("train_loss", "train_metric", "val_loss", "val_metric", "learning_rates", "grad_norms")


@checked
def plot_training_curves(
    history: Mapping[str, Sequence[float]], save_path: str | PathLike[str] | None = None
) -> Figure | None:
    """Draw loss, metric, learning rate and gradient norm of every epoch, and return the figure.

    history: of `train_model`. save_path: a file for the figure, of a kind that matplotlib knows by its ending. Where
    matplotlib is missing, print a table of the history instead, say that no file was written, and return None. Raise
    InvalidArgument if the history lacks a key.
    """
    if missing := [name for name in NAMES if name not in history]:
        raise InvalidArgument(f"history lacks {', '.join(missing)}; train_model returns one that has all keys")
    try:
        from plots.epochs import training_history
    except ImportError:
        say(table(history))
        if save_path is not None:
            say("matplotlib is missing: no file was written")
        return None
    figure = training_history(history)
    if save_path is not None:
        try:
            figure.savefig(save_path)
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"save_path {fspath(save_path)}: {one_line(str(error))}") from None
    return figure

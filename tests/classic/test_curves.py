"""The figure of a history, and the text where matplotlib is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from rnnctl.classic import plot_training_curves
from rnnctl.classic.text import table
from rnnctl.errors import InvalidArgument

HISTORY = {
    "train_loss": [1.0, 0.5, 0.25],
    "train_metric": [0.3, 0.6, 0.9],
    "val_loss": [1.1, 0.7, 0.6],
    "val_metric": [0.2, 0.5, 0.7],
    "learning_rates": [0.1, 0.1, 0.05],
    "grad_norms": [2.0, 1.0, 0.5],
}
WITHOUT_VALIDATION = {**HISTORY, "val_loss": [], "val_metric": []}


def lines(figure):
    return {line.get_gid(): line.get_xydata() for axes in figure.axes for line in axes.get_lines()}


def test_the_figure_has_four_panels_with_all_values(tmp_path):
    figure = plot_training_curves(HISTORY, save_path=tmp_path / "curves.png")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["loss", "metric", "learning rate", "gradient norm before clipping"]
    spans = {(axes.get_subplotspec().rowspan.start, axes.get_subplotspec().colspan.start) for axes in figure.axes}
    assert spans == {(0, 0), (0, 1), (1, 0), (1, 1)}
    drawn = lines(figure)
    assert drawn.keys() == HISTORY.keys()
    for key, values in HISTORY.items():
        np.testing.assert_array_equal(drawn[key], np.column_stack([[1, 2, 3], values]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_a_history_without_validation_has_no_such_lines():
    figure = plot_training_curves(WITHOUT_VALIDATION)
    assert lines(figure).keys() == HISTORY.keys() - {"val_loss", "val_metric"}


def test_a_history_without_epochs_says_so():
    figure = plot_training_curves({key: [] for key in HISTORY})
    assert [text.get_text() for text in figure.axes[0].texts] == ["There is no epoch to draw."]


def test_text_stands_in_where_matplotlib_is_missing(monkeypatch, capsys, tmp_path):
    for name in [name for name in sys.modules if name == "plots" or name.startswith("plots.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot_training_curves(HISTORY, save_path=tmp_path / "curves.png") is None
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["epoch", *HISTORY]
    assert out[1].split() == ["1", "1", "0.3", "1.1", "0.2", "0.1", "2"]
    assert out[-1] == "matplotlib is missing: no file was written"
    assert not list(tmp_path.iterdir())


def test_a_long_table_has_the_first_and_the_last_epoch():
    history = {key: list(range(1000)) for key in WITHOUT_VALIDATION} | {"val_loss": [], "val_metric": []}
    rows = table(history).splitlines()
    assert len(rows) <= 21
    assert rows[0].split() == ["epoch", "train_loss", "train_metric", "learning_rates", "grad_norms"]
    assert [row.split()[0] for row in (rows[1], rows[-1])] == ["1", "1000"]
    assert table({key: [] for key in HISTORY}) == "epoch"
    assert [row.split()[0] for row in table(HISTORY).splitlines()[1:]] == ["1", "2", "3"]


def test_a_history_without_a_key_is_refused():
    with pytest.raises(InvalidArgument, match="history lacks val_loss, grad_norms"):
        plot_training_curves({key: HISTORY[key] for key in HISTORY if key not in ("val_loss", "grad_norms")})

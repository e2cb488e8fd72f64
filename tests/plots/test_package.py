"""Importing and using the package has no side effects."""

import subprocess
import sys

import matplotlib as mpl

import plots


def test_importing_plots_loads_neither_pyplot_nor_the_other_packages():
    unwanted = {"matplotlib.pyplot", "torch", "rnnctl", "store", "jobs", "sqlite3"}
    code = f"import sys, plots; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_leaves_rcparams_as_they_were():
    before = dict(mpl.rcParams)
    plots.curves([plots.Curves([plots.Series("a", "g", [0, 1], [1, 2])], "loss")]).canvas.draw()
    assert dict(mpl.rcParams) == before


def test_every_figure_function_draws_a_text_if_there_are_no_runs():
    empty = [
        plots.curves([], title="t"),
        plots.curves([plots.Curves([], "loss")], title="t"),
        plots.saturation([], title="t"),
        plots.spectral([], title="t"),
        plots.hyperparameters([], title="t"),
        plots.gradient_through_time([], title="t"),
        plots.saturation_through_time([], title="t"),
        plots.gradient_image([], title="t"),
        plots.gradient_histogram([], title="t"),
        plots.gradient_histogram_image([], title="t"),
        plots.distance_histogram([], xlabel="d", title="t"),
        plots.distance_image([], ylabel="d", title="t"),
    ]
    for figure in empty:
        figure.canvas.draw()
        (axes,) = figure.axes
        assert axes.texts[0].get_text().endswith("to draw.")
        assert figure.get_suptitle() == "t"

"""What goes into the figures, on histories made by hand."""

import subprocess
import sys

import numpy as np
import pytest

from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.report.figures import NAMES, choose, figures
from rnnctl.report.leaderboard import result
from store.history import History
from tests.report.test_leaderboard import row

CHECKS, STEPS = 4, 6


def history(diagnosed=(0, 1, 2, 3), zero_share=0.0):
    there = np.isin(np.arange(CHECKS), diagnosed)
    ones = np.ones(CHECKS)
    once = np.where(there, 0.5, np.nan)
    names = ("reach", "rho", "sigma_max", "saturation", "saturation_p10", "saturation_p90")
    counts = np.zeros(len(LOG10_EDGES) - 1, dtype=np.uint32)
    counts[10] = 30
    return History(
        steps=np.arange(1, CHECKS + 1) * 10,
        scalars={
            **dict.fromkeys(("valid_loss", "valid_error", "train_loss"), ones),
            **dict.fromkeys(names, once),
            "grad_zero_share": np.where(there, zero_share, np.nan),
        },
        traces={
            "grad_time": [np.full(STEPS, 1e-3) if seen else None for seen in there],
            "grad_hist": [counts if seen else None for seen in there],
            "saturation_time": [np.full(STEPS, 0.5) if seen else None for seen in there],
        },
    )


def draw(rows, histories, **options):
    options = {"title": "t", "below": None, "plateaus": (), **options}
    read = lambda run_ids, traces: {run: histories[run] for run in run_ids if run in histories}  # noqa: E731
    return dict(figures([result(one) for one in rows], [{"lr": 0.1} for _ in rows], read, **options))


def lines(figure, axes=0):
    return [line.get_xdata().tolist() for line in figure.axes[axes].get_lines() if len(line.get_xdata()) > 2]


def test_all_figures_are_drawn_and_have_known_names():
    one = row()
    drawn = draw([one], {one.run_id: history()}, below=1.5)
    assert list(drawn) == list(NAMES)


def test_without_a_run_that_was_checked_there_is_nothing_to_draw():
    assert draw([row(loss=None)], {}) == {}


def test_a_run_that_diverged_at_its_first_check_is_drawn():
    one = row(loss=float("nan"), best_loss=None, last={"valid_loss": None, "valid_error": None})
    past = history()
    past.scalars["valid_loss"][:] = np.nan
    drawn = draw([one], {one.run_id: past})
    assert [10, 20, 30, 40] in lines(drawn["spectrum"])


def test_labels_over_several_studies_say_which():
    rows = [row("base", study="one"), row("base", study="two", config="c2")]
    rows[1].run_id = "r1-other"
    drawn = draw(rows, {one.run_id: history() for one in rows})
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in drawn["gradient"].axes]
    assert {"one/base", "two/base"} <= set(titles)


def test_figures_of_diagnoses_use_the_checks_that_made_one():
    one = row()
    drawn = draw([one], {one.run_id: history(diagnosed=(1, 2, 3))})
    assert [10, 20, 30, 40] in lines(drawn["loss"])
    assert [20, 30, 40] in lines(drawn["spectrum"])
    assert not any(10 in xs for xs in lines(drawn["spectrum"]) if len(xs) > 2)


def test_the_share_of_exact_zeros_reaches_the_histogram():
    one = row()
    drawn = draw([one], {one.run_id: history(zero_share=0.25)})
    bars = [
        patch for axes in drawn["gradient_histogram"].axes for patch in axes.patches if hasattr(patch, "get_height")
    ]
    assert any(bar.get_height() == pytest.approx(0.25) for bar in bars)


def test_the_first_replicate_of_each_configuration_is_chosen_first():
    rows = [row(f"{config} seed={seed}", config, seed) for config in "abc" for seed in (1, 2, 3)]
    chosen = choose([result(one) for one in rows], 4)
    assert [run["label"] for run in chosen] == ["a seed=1", "a seed=2", "b seed=1", "c seed=1"]


def test_drawing_loads_no_torch():
    code = "import sys, rnnctl.report.figures; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"

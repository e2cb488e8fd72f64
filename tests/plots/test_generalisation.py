"""Error against length: what is drawn is what was given."""

import numpy as np
import pytest

from plots.generalisation import ByLength, generalisation

RUNS = [
    ByLength("a seed=1", "a", [50, 100, 1000], [0.0, 0.001, 0.5]),
    ByLength("a seed=2", "a", [50, 100, 1000], [0.0, 0.0, 0.0]),
    ByLength("b", "b", [50], [0.75]),
]


def test_every_run_is_a_line_through_its_points_in_its_groups_colour(read):
    figure = read(generalisation(RUNS, "errors", trained=(50, 199), without=(0.75, "chance"), samples=1000, title="t"))
    lines = figure.lines("run")
    assert [line.get_label() for line in lines] == ["a seed=1", "a seed=2", "b"]
    for line, run in zip(lines, RUNS, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([run.lengths, run.values]))
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert figure.panels[0].get_xscale() == "log"
    assert figure.panels[0].get_yscale() == "symlog"
    assert figure.panels[0].get_ylabel() == "errors"
    assert figure.level("chance") == 0.75
    assert figure.legend == ["a (2 runs)", "b"]
    assert "training lengths" in figure.notes


def test_no_error_is_inside_the_panel(read):
    figure = read(generalisation(RUNS, "errors", samples=1000))
    low, high = figure.panels[0].get_ylim()
    assert low < 0 < 0.75 < high


def test_a_quantity_that_is_not_a_share_of_answers_is_linear_and_all_of_it_is_inside(read):
    runs = [ByLength("a", "a", [50, 100], [2.5, 2.25]), ByLength("b", "b", [50, 100], [3.0, np.nan])]
    figure = read(generalisation(runs, "bits per byte", without=(3.5, "bigram")))
    assert figure.panels[0].get_yscale() == "linear"
    low, high = figure.panels[0].get_ylim()
    assert 2.0 < low < 2.25 < 3.5 < high < 4
    assert figure.level("bigram") == 3.5


def test_without_a_run_it_says_so(read):
    assert "No run was evaluated." in read(generalisation([], "errors")).words


@pytest.mark.parametrize(("lengths", "values"), [([], []), ([50, 50], [0, 0]), ([50], [0, 1]), ([0, 1], [0, 0])])
def test_unfit_arrays_are_refused(lengths, values):
    with pytest.raises(ValueError, match="ByLength 'x'"):
        ByLength("x", "x", lengths, values)

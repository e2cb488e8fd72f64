"""Curves by lag: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from plots.by_lag import ByLag, by_lag

ALONE = ByLag("a", "a", [0, 1, 2], [1.0, 0.5, np.nan], [1.0, 0.5, np.nan], [1.0, 0.5, np.nan])
MEAN = ByLag("b", "b", [0, 1, 2], [1.0, 0.4, 0.0], [0.9, 0.3, 0.0], [1.0, 0.5, 0.1], runs=3)


def test_every_curve_is_a_line_and_means_have_a_band(read):
    figure = read(by_lag([ALONE, MEAN], "share", levels=[(0.1, "1/10")], title="t", notes=["100 sequences"]))
    for line, curve in zip(figure.lines("run"), (ALONE, MEAN), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([curve.lags, curve.values]))
    (band,) = figure.panels[0].collections
    assert band.get_gid() == "band"
    assert figure.level("1/10") == 0.1
    assert figure.legend == ["a", "b (3 runs)"]
    assert "100 sequences" in figure.notes
    assert "lowest to highest seed" in figure.notes


def test_a_logarithmic_axis_leaves_zeros_out_and_ends_where_it_is_told(read):
    figure = read(by_lag([MEAN], "norm", least=1e-3))
    (line,) = figure.lines("run")
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 0.4, np.nan])
    assert figure.panels[0].get_yscale() == "log"
    assert figure.panels[0].get_ylim()[0] == 1e-3


def test_references_are_grey_lines_with_their_names(read):
    figure = read(by_lag([ALONE, MEAN], "accuracy", share=True, references={"majority": np.array([0.2, 0.2, 0.2])}))
    (line,) = figure.lines("reference")
    np.testing.assert_array_equal(line.get_ydata(), [0.2, 0.2, 0.2])
    assert figure.legend[-1] == "majority"
    assert figure.panels[0].get_ylim()[0] == 0


def test_nothing_to_draw_and_arrays_that_do_not_fit(read):
    assert not read(by_lag([], "share")).lines("run")
    with pytest.raises(ValueError, match="allowed"):
        ByLag("a", "a", [0, 1], [1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="strictly increasing"):
        ByLag("a", "a", [1, 1], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])

"""Values of hidden units: what is drawn is what was given."""

from __future__ import annotations

import numpy as np

from plots.hidden_state import StateCurves, hidden_state

SMALL = StateCurves("a", "a", np.array([-1.0, 0.0, 1.0]), np.array([0.1, 0.2]))
LARGE = StateCurves("b", "b", np.array([-300.0, 0.0, 9.0]), np.array([1.0, 50.0]), runs=2)


def test_percentiles_and_sizes_are_drawn_for_each(read):
    figure = read(hidden_state([SMALL, LARGE], notes=["10 sequences"]))
    for line, states in zip(figure.lines("percentiles"), (SMALL, LARGE), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([[0, 0.5, 1], states.percentiles]))
    for line, states in zip(figure.lines("rms", 1), (SMALL, LARGE), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([[1, 2], states.rms]))
    assert figure.legend == ["a", "b (2 runs)"]
    assert "10 sequences" in figure.notes


def test_large_values_get_a_logarithmic_axis(read):
    assert [axes.get_yscale() for axes in read(hidden_state([SMALL, LARGE])).panels] == ["symlog", "symlog"]
    assert [axes.get_yscale() for axes in read(hidden_state([SMALL])).panels] == ["linear", "linear"]
    assert not read(hidden_state([])).lines("rms")

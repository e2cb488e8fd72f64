"""Traces are rounded to what can be drawn."""

import numpy as np
import pytest

from rnnctl.diagnostics.precision import as_drawn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_curves_are_right_to_four_thousandths_over_the_whole_range(dtype):
    info = np.finfo(dtype)
    exact = np.logspace(np.log10(info.tiny) + 1, np.log10(info.max) - 1, 1000, dtype=dtype)
    drawn = as_drawn(np.concatenate([exact, -exact]))
    assert drawn.dtype == dtype
    np.testing.assert_allclose(drawn, np.concatenate([exact, -exact]), rtol=0.004)
    assert not np.array_equal(drawn[:1000], exact)
    assert np.array_equal(as_drawn(drawn), drawn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_and_numbers_at_the_end_of_the_range_stay(dtype):
    special = np.array([0.0, -0.0, 1.0, 0.5, np.inf, -np.inf, np.nan, np.finfo(dtype).max], dtype)
    assert as_drawn(special).tobytes() == special.tobytes()


def test_counts_are_exact():
    counts = np.arange(1000, dtype=np.uint32) * 4001
    assert as_drawn(counts) is counts

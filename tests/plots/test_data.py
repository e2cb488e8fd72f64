"""The records that figures are drawn from: what they accept, and the errors for what they do not."""

import numpy as np
import pytest

from plots import Histogram, Point, Series, Trace


def test_a_series_keeps_a_copy_of_its_arrays_as_floats():
    updates = np.array([0, 20, 40])
    series = Series("a", "g", updates, [3, 2, 1])
    updates[0] = 7
    assert series.updates.tolist() == [0.0, 20.0, 40.0]
    assert series.values.dtype == float


@pytest.mark.parametrize(("values", "last"), [([2, 1, np.nan, np.inf], 1.0), ([np.inf, np.nan], np.nan), ([], np.nan)])
def test_the_last_value_is_the_last_finite_one(values, last):
    np.testing.assert_equal(Series("a", "g", range(len(values)), values).last, last)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Series("a", "g", [0, 1], [1]), "Series 'a': values has 1 rows for 2 updates"),
        (lambda: Series("a", "g", [0, 0], [1, 1]), "updates are not in order"),
        (lambda: Series("a", "g", [0, np.nan], [1, 1]), "updates are not in order"),
        (lambda: Series("a", "g", [0], [[1]]), "values has 2 dimensions, allowed: 1"),
        (lambda: Series("a", "g", [0], ["x"]), "values is not an array of numbers"),
        (lambda: Series("a", "g", [0], [1], "exploded"), "ended is 'exploded', allowed: solved, budget"),
        (lambda: Series("a", "g", [0], [1], low=[0]), "a band has one edge, allowed: low and high"),
        (lambda: Series("a", "g", [0], [1], low=[0], high=[1, 2]), "high has 2 rows for 1 updates"),
        (lambda: Trace("a", "g", [0], [1.0]), "Trace 'a': values has 1 dimensions, allowed: 2"),
        (lambda: Trace("a", "g", [0, 1], [[1.0]]), "values has 1 rows for 2 updates"),
        (lambda: Trace("a", "g", [0], [[]]), "values has no time step"),
        (lambda: Histogram("a", "g", [0], [0, 1], [[1, 2]], [0]), "counts has 2 bins, allowed: 1"),
        (lambda: Histogram("a", "g", [0], [1, 0], [[1]], [0]), "edges are not in order"),
        (lambda: Histogram("a", "g", [0], [0, 1], [[-1]], [0]), "counts holds negative numbers"),
        (lambda: Histogram("a", "g", [0], [0, 1], [[1]], [0, 0]), "zeros has 2 rows for 1 updates"),
        (lambda: Histogram.from_trace(Trace("a", "g", [0], [[-1.0]])), "Histogram 'a': values hold negative"),
        (lambda: Point("a", "g", 1, "low"), "Point 'a': loss is 'low', allowed: a number"),
        (lambda: Point("a", "g", 1, 1.0, {}, "done"), "ended is 'done', allowed: solved, budget"),
    ],
)
def test_a_wrong_record_is_named_with_its_variable_and_what_is_allowed(make, says):
    with pytest.raises(ValueError, match="allowed|not an array") as caught:
        make()
    assert says in str(caught.value)


def test_a_histogram_of_a_trace_counts_zeros_and_overflows_apart_and_loses_no_value():
    values = [[0.0, 1e-12, 1.0, np.nan], [0.0, 0.0, np.inf, 100.0]]
    histogram = Histogram.from_trace(Trace("a", "g", [0, 20], values))
    assert histogram.zeros.tolist() == [1, 2]
    assert histogram.infinite.tolist() == [0, 1]
    assert histogram.counts.sum(axis=1).tolist() == [2, 1]
    assert histogram.edges[0] <= -12
    assert histogram.edges[-1] >= 2
    at = np.flatnonzero(histogram.counts[1])
    assert histogram.edges[at] <= 2 <= histogram.edges[at + 1]


def test_a_histogram_over_many_decades_has_few_bins_and_one_over_none_has_one():
    wide = Histogram.from_trace(Trace("a", "g", [0], [[1e-300, 1e300]]))
    assert 25 <= wide.counts.shape[1] <= 52
    assert wide.counts.sum() == 2
    assert Histogram.from_trace(Trace("a", "g", [0], [[1.0, 1.0]])).counts.tolist() == [[2]]
    assert Histogram.from_trace(Trace("a", "g", [0], [[0.0, 0.0]])).counts.sum() == 0

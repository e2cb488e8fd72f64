"""The verdict on a histogram against the verdict on the values themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.diagnostics.histogram import LOG10_EDGES, log10_histogram
from rnnctl.diagnostics.verdict import Verdict, percent, verdict

# Further from the thresholds than the rounding error of a logarithm, and also beyond the outer edges.
LOGS = st.one_of(st.floats(-60, -8.01), st.floats(-7.99, 1.99), st.floats(2.01, 60))
VALUES = st.lists(st.one_of(st.just(0.0), st.just(math.inf), st.just(math.nan), LOGS.map(lambda log: 10.0**log)))


@given(VALUES.filter(bool))
def test_shares_are_those_of_the_values_themselves(values):
    values = np.array(values)
    zero = np.mean(values == 0)
    shares = verdict(log10_histogram(values), float(zero), len(values))
    with np.errstate(invalid="ignore"):
        vanishing = np.mean((values > 0) & (values < 1e-8))
        exploding = np.mean(~np.isfinite(values) | (values >= 1e2))
    np.testing.assert_allclose(shares, [zero, vanishing, 1 - zero - vanishing - exploding, exploding], atol=1e-12)


@given(VALUES)
def test_without_the_number_of_values_all_are_taken_to_be_finite(values):
    values = np.array([value for value in values if math.isfinite(value)])
    if not len(values):
        return
    zero = float(np.mean(values == 0))
    counts = log10_histogram(values)
    np.testing.assert_allclose(verdict(counts, zero), verdict(counts, zero, len(values)), atol=1e-12)


def test_exact_zeros_are_told_from_small_values():
    counts = np.zeros(len(LOG10_EDGES) - 1)
    counts[np.searchsorted(LOG10_EDGES, -12)] = 62
    counts[np.searchsorted(LOG10_EDGES, -3)] = 38
    assert str(verdict(counts, 0.0)) == "vanished below 1e-8: 62 %, exact zeros 0 %\nexploded from 1e2: 0 %"
    assert (
        str(verdict(np.zeros_like(counts), 1.0))
        == "vanished below 1e-8: 0 %, exact zeros 100 %\nexploded from 1e2: 0 %"
    )


def test_small_and_large_shares_are_not_rounded_to_none_and_all():
    words = str(Verdict(zero=0.001, vanishing=0.998, ordinary=0.001, exploding=0.0))
    assert words == "vanished below 1e-8: >99 %, exact zeros <1 %\nexploded from 1e2: 0 %"


def test_without_values_there_is_no_verdict():
    shares = verdict(np.zeros(len(LOG10_EDGES) - 1), 0.0)
    assert all(math.isnan(share) for share in shares)
    assert "vanished below 1e-8: -" in str(shares)


def test_wrong_counts_and_shares_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\), and should have \(172,\)"):
        verdict(np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="zero_share is 2"):
        verdict(np.zeros(172), 2)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"), (0.001, "<1 %"), (0.3, "30 %"), (0.998, ">99 %"), (1.0, "100 %"), (math.nan, "-"),
        (0.0996, "9.96 %"), (0.0704, "7 %"), (0.0696, "6.96 %"), (0.1, "10 %"), (0.1004, "10 %"), (0.49999, "49.999 %"),
        (math.nextafter(0.1, 0), "just below 10 %"), (math.nextafter(0.07, 0), "just below 7 %"),
    ],
)  # fmt: skip
def test_a_share_is_on_its_side_of_the_bounds_of_verdicts(share, text):
    assert percent(share, 0.07, 0.1, 0.5) == text

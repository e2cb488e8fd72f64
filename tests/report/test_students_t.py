"""Student's t: quantiles of the tables, and of SciPy where it is installed."""

from __future__ import annotations

import pytest

from rnnctl.report.students_t import probability_below, quantile

# One-sided 95 % and 97.5 %, of Abramowitz and Stegun (1964), table 26.10.
TABLE = {1: (6.314, 12.706), 2: (2.920, 4.303), 3: (2.353, 3.182), 4: (2.132, 2.776), 5: (2.015, 2.571),
         7: (1.895, 2.365), 10: (1.812, 2.228), 30: (1.697, 2.042), 120: (1.658, 1.980)}  # fmt: skip


@pytest.mark.parametrize("freedom", TABLE)
def test_quantiles_are_those_of_the_tables(freedom: int) -> None:
    assert [quantile(p, freedom) for p in (0.95, 0.975)] == pytest.approx(TABLE[freedom], abs=6e-4)


def test_it_is_symmetric_and_its_quantiles_invert_it() -> None:
    for freedom in (1, 2, 5, 8):
        for t in (0.0, 0.3, 2.5):
            assert probability_below(-t, freedom) == pytest.approx(1 - probability_below(t, freedom))
        assert probability_below(quantile(0.99, freedom), freedom) == pytest.approx(0.99, abs=1e-12)
    assert quantile(0.5, 3) == pytest.approx(0, abs=1e-12)


def test_it_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 4, 9, 20, 51):
        for p in (0.6, 0.975, 0.9975):
            assert quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-9)

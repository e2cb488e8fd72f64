"""Tests of what is drawn."""

import math


def is_uniform(counts, expected_values):
    """Pearson's chi-square within six of its standard deviations, and every value seen."""
    values = list(expected_values)
    total = sum(counts.values())
    assert set(counts) == set(values)
    expected = total / len(values)
    chi2 = sum((counts[v] - expected) ** 2 / expected for v in values)
    freedom = len(values) - 1
    return chi2 < freedom + 6 * math.sqrt(2 * freedom)

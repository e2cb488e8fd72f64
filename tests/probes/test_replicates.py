"""Means and spreads of answers over the replicates of each configuration."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.probes.base import Asked
from rnnctl.probes.replicates import (
    configurations,
    mean_curves,
    mean_over,
    means_table,
    number_named,
    range_named,
    the_answer,
)
from rnnctl.study.run import RunSpec

SPEC = RunSpec.model_validate({"task": {"name": "temporal_order"}})


def asked(group: str, seed: int, step: int = 100, study: str = "s", **answer: object) -> Asked:
    return Asked(study, f"{group} seed={seed}", group, f"{group}{seed}", SPEC, step, [({}, answer)])


RUNS = [
    asked("a", 1, 100, x=1.0, curve=[1.0, 2.0, None]),
    asked("b", 1, 50, x=7.0, curve=[5.0, None, None]),
    asked("a", 2, 2_000, x=3.0, curve=[3.0, 2.0, None]),
    asked("a", 3, 300, x=None, curve=[2.0, None, None]),
]


def test_runs_that_differ_in_their_seed_are_a_configuration_in_the_order_of_its_first_run() -> None:
    a, b = configurations(RUNS)
    assert [a.label, a.group, b.label, b.group] == ["a", "a", "b seed=1", "b"]
    assert [run.label for run in a.runs] == ["a seed=1", "a seed=2", "a seed=3"]
    assert (a.updates, b.updates) == ("100 to 2,000", "50")
    assert len(configurations([*RUNS, asked("a", 4, study="t", x=0.0)])) == 3


def test_spread_is_the_sample_standard_deviation_and_says_how_many_runs_have_the_number() -> None:
    a, b = configurations(RUNS)
    spread = a.spread(number_named("x"))
    assert spread is not None
    assert (spread.mean, spread.sd, spread.n) == (2.0, pytest.approx(2**0.5), 2)
    assert a.cell(number_named("x"), scale=10) == "20 ± 14 (2 of 3)"
    assert b.cell(number_named("x")) == "7"
    assert configurations([asked("c", 1, x=None)])[0].cell(number_named("x")) == "-"


def test_a_table_has_a_row_for_each_configuration_and_counts_runs_only_where_there_are_several() -> None:
    table = means_table(RUNS, {"x": number_named("x")})
    assert list(table.heads) == ["configuration", "runs", "best weights of", "x"]
    assert table.rows == [["a", "3", "100 to 2,000", "2 ± 1.4 (2 of 3)"], ["b seed=1", "1", "50", "7"]]
    below = means_table(RUNS, {"x": number_named("x")}, updates=False)
    assert list(below.heads) == ["configuration", "runs", "x"]
    assert below.rows == [["a", "3", "2 ± 1.4 (2 of 3)"], ["b seed=1", "1", "7"]]
    alone = means_table(RUNS[1:2], {"x": number_named("x")})
    assert list(alone.heads) == ["label", "best weights of", "x"]
    assert alone.rows == [["b seed=1", "50", "7"]]


def test_what_all_runs_share_is_one_number_and_else_a_range() -> None:
    assert range_named(RUNS, "x") == "1 to 7"
    assert range_named(RUNS[:1] * 2, "x") == "1"
    assert range_named(RUNS[3:], "x") == range_named(RUNS, "y") == "-"


def test_a_mean_curve_leaves_out_what_runs_do_not_have() -> None:
    a, b = mean_curves(RUNS, lambda run: the_answer(run)["curve"])
    np.testing.assert_array_equal(a.mean, [2.0, 2.0, np.nan])
    np.testing.assert_array_equal(a.low, [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(a.high, [3.0, 2.0, np.nan])
    for values in (b.mean, b.low, b.high):
        np.testing.assert_array_equal(values, [5.0, np.nan, np.nan])
    np.testing.assert_array_equal(mean_over([a, b]), [3.5, 2.0, np.nan])

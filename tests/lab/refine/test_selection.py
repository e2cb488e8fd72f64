"""Which configurations are chosen, against a search that is too plain to be wrong."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.lab.refine.selection import select
from rnnctl.study.recipe import Cut
from tests.lab.refine.stock import row, spec

LOSSES = st.one_of(st.none(), st.integers(0, 8).map(lambda n: n / 4))  # few values, so that some are equal
RUNS = st.dictionaries(
    st.tuples(st.integers(20, 26), st.integers(1, 3)),
    st.tuples(LOSSES, LOSSES, st.sampled_from(["done", "done", "done", "failed", "running", "queued"])),
)
CUTS = st.one_of(
    st.integers(1, 9).map(lambda n: Cut(best=n)),
    st.integers(1, 100).map(lambda n: Cut(best=Fraction(n, 100))),
    st.integers(0, 9).map(lambda n: Cut(below=n / 4)),
)
SPECS = {(hidden, seed): spec(model={"hidden": hidden}, seed=seed) for hidden in range(20, 27) for seed in range(1, 4)}


@given(RUNS, CUTS, st.sampled_from(["loss", "last_loss"]))
def test_the_best_are_those_that_a_plain_search_finds(runs, cut, by):
    rows = [row(SPECS[key], loss, status=status, last_loss=last) for key, (loss, last, status) in runs.items()]
    means = {}
    for hidden in dict.fromkeys(hidden for hidden, _ in runs):
        figures = [
            figure
            for (h, _), (loss, last, status) in runs.items()
            for figure in [loss if by == "loss" else (None if loss is None else last)]
            if h == hidden and status == "done" and figure is not None
        ]
        if figures:
            means[hidden] = statistics.fmean(figures), len(figures)
    order = sorted(means, key=lambda hidden: means[hidden][0])
    if cut.below is not None:
        wanted = [hidden for hidden in order if means[hidden][0] < cut.below]
    elif isinstance(cut.best, Fraction):
        wanted = order[: -(-cut.best.numerator * len(order) // cut.best.denominator)]
    else:
        wanted = order[: cut.best]
    actual = select(rows, cut, by)
    # Which of equals goes first is the order of the study's finished runs; the means are what must be right.
    assert [one.spread.mean for one in actual.chosen] == pytest.approx([means[hidden][0] for hidden in wanted])
    assert [(one.spread.mean, one.judged) for one in actual.chosen] == [
        (pytest.approx(means[one.rows[0].spec["model"]["hidden"]][0]), means[one.rows[0].spec["model"]["hidden"]][1])
        for one in actual.chosen
    ]
    assert actual.judged == len(means)
    assert set(actual.without) == {f"hidden={hidden}" for hidden, _ in runs if hidden not in means}
    ended = {f"hidden={hidden}" for (hidden, _), (*_, status) in runs.items() if status == "done"}
    assert set(actual.diverged) == set(actual.without) & ended
    for one in actual.chosen:
        hidden = one.rows[0].spec["model"]["hidden"]
        assert {r.run_id for r in one.rows} == {SPECS[key].run_id for key in runs if key[0] == hidden}


def test_equals_keep_their_order():
    rows = [row(SPECS[hidden, 1], 0.5) for hidden in (24, 21, 26, 20)]
    actual = select(rows, Cut(best=3), "loss")
    assert [one.label for one in actual.chosen] == ["hidden=24", "hidden=21", "hidden=26"]


def test_an_unfinished_or_failed_replicate_does_not_judge_but_keeps_its_seed():
    rows = [
        row(SPECS[20, 1], 0.1, status="running"),
        row(SPECS[20, 2], 0.8),
        row(SPECS[20, 3], 0.6),
        row(SPECS[21, 1], 0.5),
        row(SPECS[22, 1], 0.01, status="failed"),
    ]
    actual = select(rows, Cut(best=5), "loss")
    assert [(one.label, one.spread.mean, one.judged) for one in actual.chosen] == [
        ("hidden=21", 0.5, 1),
        ("hidden=20", pytest.approx(0.7), 2),
    ]
    assert actual.chosen[1].seeds == [1, 2, 3]
    assert actual.without == ("hidden=22",)


def test_a_run_that_diverged_before_its_first_check_has_no_say():
    rows = [row(SPECS[20, 1]), row(SPECS[20, 2], 0.8), row(SPECS[21, 1])]
    actual = select(rows, Cut(best=5), "loss")
    assert [(one.label, one.judged) for one in actual.chosen] == [("hidden=20", 1)]
    assert math.isclose(actual.chosen[0].spread.mean, 0.8)
    assert actual.without == ("hidden=21",)


def test_a_new_seed_descends_from_the_best_run_and_an_old_one_from_its_own():
    rows = [row(SPECS[20, 1], 0.9), row(SPECS[20, 2], 0.3), row(SPECS[20, 3], status="queued")]
    (one,) = select(rows, Cut(best=1), "loss").chosen
    assert [one.parent(seed).spec["seed"] for seed in (1, 2, 3, 4, 99)] == [1, 2, 3, 2, 2]

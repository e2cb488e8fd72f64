"""Groups, spreads and ranks."""

import statistics

import pytest

from rnnctl.report.leaderboard import configurations, rank
from rnnctl.report.results import Result, group_label
from rnnctl.spread import Spread
from rnnctl.study.run import RunSpec
from tests.report.rows import row


@pytest.mark.parametrize(
    ("label", "group"),
    [
        ("EC7 seed=2", "EC7"),
        ("lr=0.1 seed=3", "lr=0.1"),
        ("seed=3", "all"),
        ("EC7", "EC7"),
        ("lr=0.1 check.seed=5 seed=1", "lr=0.1 check.seed=5"),
        ("check.seed=5", "check.seed=5"),
    ],
)
def test_a_groups_label_is_the_runs_without_its_seed(label, group):
    assert group_label(label) == group


def test_spread_is_mean_and_sample_standard_deviation():
    values = [0.1, 0.4, 0.9, 1.6]
    spread = Spread.of([*values, None])
    assert spread.n == 4
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.sd == pytest.approx(statistics.stdev(values))
    assert Spread.of([0.5]) == Spread(0.5, None, 1)
    assert Spread.of([None]) is None


def test_replicates_are_grouped_and_studies_kept_apart():
    rows = [row("a seed=1"), row("a seed=2", seed=2), row("b seed=1", "c2"), row("a seed=1", study="other")]
    groups = configurations(map(Result.of, rows))
    assert [(group.study, group.label, len(group.runs)) for group in groups] == [
        ("s", "a", 2),
        ("s", "b", 1),
        ("other", "a", 1),
    ]
    assert groups[0].ends == {"budget": 2}


def test_ranking_puts_what_is_missing_last_and_keeps_order_among_equals():
    rows = [row("none", "c1", loss=None), row("high", "c2", loss=1.2), row("low", "c3", loss=0.1), row("too", "c4")]
    groups = configurations(map(Result.of, rows))
    assert [group.label for group in rank(groups, "loss")] == ["low", "too", "high", "none"]
    assert [group.label for group in rank(groups, "label")] == ["high", "low", "none", "too"]


def test_ranking_by_a_hyper_parameter_takes_numbers_before_words():
    specs = [
        RunSpec.model_validate({"task": "temporal_order", **sections}).canonical()
        for sections in ({"train": {"clip": 1.0}}, {"train": {"clip": "none"}}, {"train": {"clip": 0.5}})
    ]
    rows = [row(label, f"c{label}", spec=spec) for label, spec in zip("abc", specs, strict=True)]
    groups = configurations(map(Result.of, rows))
    assert [group.label for group in rank(groups, "train.clip")] == ["c", "a", "b"]
    assert [group.label for group in rank(groups, "model.update_bias")] == ["a", "b", "c"]  # no run has it


def test_the_floor_broke_only_in_those_runs_where_it_did():
    rows = [row(f"a seed={n}", broke_floor_at=at) for n, at in ((1, 500), (2, None), (3, 100))]
    (group,) = configurations(map(Result.of, rows))
    assert group.broke_floor == [100, 500]


def test_replicates_that_an_earlier_version_judged_by_another_floor_do_not_give_theirs():
    rows = [row("a seed=1", floor=2.5, floor_se=None), row("a seed=2", floor=2.4, floor_se=0.03)]
    (group,) = configurations(map(Result.of, rows))
    assert group.floor == (2.4, 0.03)
    (unchecked,) = configurations([Result.of(row(loss=None))])
    assert unchecked.floor == (None, None)

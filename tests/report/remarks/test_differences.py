"""Differences between configurations in words: known ones of made-up studies, and none where there are none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rnnctl.report.effects.pairs import comparisons
from rnnctl.report.effects.trials import Trials
from rnnctl.report.remarks import average_differences, differences
from rnnctl.report.remarks.difference import RULES
from tests.report.remarks.made_up import study

NOISE = {1: 0.01, 2: -0.02, 3: 0.015, 4: 0.0, 5: -0.005}


def test_a_clear_difference_is_told_with_its_interval():
    def loss(seed, clip):
        return seed + (0.5 if clip == 1 else 1.0 + NOISE[seed])

    (told,) = differences(study(loss, {"train.clip": [1, "none"]}))
    assert (told.key, told.first.value, told.second.value, told.verdict) == ("train.clip", 1.0, "none", "higher")
    gaps = [0.5 + NOISE[seed] for seed in (1, 2, 3)]
    low, high = stats.t.interval(0.95, 2, np.mean(gaps), stats.sem(gaps))
    assert told.interval.estimate == pytest.approx(np.mean(gaps))
    assert (told.interval.low, told.interval.high) == pytest.approx((low, high))
    assert (told.interval.wide_low, told.interval.wide_high) == pytest.approx((low, high))
    assert told.text == (
        "With train.clip = none instead of 1, the best validation loss is higher by 0.502 nats: 3.002 nats instead of "
        f"2.5 nats on average (95 % interval of the difference: {low:.3g} to {high:.3g}; 3 shared seeds). No run "
        "of either broke the floor."
    )


def test_a_difference_inside_the_spread_of_seeds_is_undecided():
    far = {1: 0.2, 2: 0.9, 3: 0.4}
    runs = study(lambda seed, lr: 0.5 if lr == 1 else far[seed], {"train.lr": [1, 2]})
    (told,) = differences(runs)
    assert told.verdict == "undecided"
    assert told.interval.low < 0 < told.interval.high
    assert "but this can be chance (95 % interval" in told.text


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_fewer_than_three_seeds_never_decide(seeds):
    runs = study(lambda seed, lr: 0.1 if lr == 1 else 9.0, {"train.lr": [1, 2]}, seeds)
    (told,) = differences(runs)
    assert told.verdict == "undecided"
    assert "too few seeds" in told.text


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_side_does_not_get_better_by_runs_without_a_result(lost):
    """Where the better side loses a run that the other one has, nothing is decided; where the worse one does, it is."""

    def loss(seed, lr, side):
        return None if lr == side and seed > 6 - lost else lr + NOISE[1 + seed % 5]

    for side, verdict in ((1, "undecided"), (2, "higher")):
        runs = study(lambda seed, lr, side=side: loss(seed, lr, side), {"train.lr": [1, 2]}, range(1, 7))
        (told,) = differences(runs)
        assert told.verdict == (verdict if lost else "higher")
        assert ("This is undecided: runs without a finite result" in told.text) is (told.verdict == "undecided")
    (told,) = differences(study(lambda seed, lr: loss(seed, lr, lr), {"train.lr": [1, 2]}, range(1, 7)))
    assert told.verdict == "higher"  # both sides lose the same seeds


def test_equal_results_of_different_seeds_are_equal():
    runs = study(lambda seed, lr: 0.5, {"train.lr": [1, 2]}, range(1, 7))
    (told,) = differences([run for run in runs if (run.seed < 4) == ("=1" in run.group)])
    assert told.verdict == "equal"
    assert "is the same with every seed: 0.5 nats." in told.text


@pytest.mark.parametrize("size", [1e-200, 1e-120, 1.0, 1e120, 1e200, 1e307])
def test_verdicts_do_not_depend_on_the_size_of_results(size):
    runs = study(lambda seed, lr: size * (lr + NOISE[1 + seed % 5]), {"train.lr": [1, 2]}, range(1, 7))
    shared, apart = runs, [run for run in runs if (run.seed < 4) == ("=1" in run.group)]
    for some in (shared, apart):
        (told,) = differences(some)
        assert told.verdict == "higher"
        gaps = [told.interval.low / size, told.interval.high / size]
        assert 0.9 < gaps[0] <= gaps[1] < 1.1


def test_equal_results_are_equal_and_not_lower_by_a_rounding():
    runs = study(lambda seed, lr: seed * (0.1 + 0.2 if lr == 1 else 0.3), {"train.lr": [1, 2]})
    (told,) = differences(runs)
    assert told.verdict == "equal"
    assert "is the same with each of 3 shared seeds" in told.text


def test_many_comparisons_need_wider_intervals():
    def loss(seed, lr, clip):
        return 1.0 + 0.1 * (lr == 2) + (0.02 if lr == 2 else 0) * (seed - 2) + clip

    few = differences(study(loss, {"train.lr": [1, 2], "train.clip": [1]}))
    many = differences(study(loss, {"train.lr": [1, 2], "train.clip": list(range(1, 5))}))
    assert few[0].verdict == "higher"
    of_lr = [each for each in many if each.key == "train.lr"]
    assert {each.comparisons for each in many} == {4 + 2 * 6}
    assert {each.verdict for each in of_lr} == {"undecided"}
    assert "As the only comparison it would be decided" in of_lr[0].text


def test_noise_alone_hardly_ever_decides_anything():
    """At most 5 % of studies in which nothing matters may name a difference; each has 20 comparisons."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(60):
        runs = study(lambda seed, **_: float(rng.normal()), {"a.a": [0, 1], "b.b": [0, 1], "c.c": [0, 1, 2]}, range(4))
        wrong += any(each.verdict != "undecided" for each in differences(runs))
    assert wrong <= 9  # at most 3 are expected, and more than 9 with a probability of 0.1 %


def test_averages_join_all_settings_and_count_the_pairs():
    def loss(seed, lr, hidden):
        return 1.0 - 0.2 * (lr == 2) + 0.5 * hidden + NOISE[seed] * lr

    told = average_differences(study(loss, {"train.lr": [1, 2], "model.hidden": [0, 1, 2]}))
    (of_lr,) = (each for each in told if each.key == "train.lr")
    assert (of_lr.verdict, of_lr.pairs, of_lr.lower, of_lr.seeds) == ("lower", 3, 3, 3)
    assert of_lr.first.label == ""
    assert "It is lower in 3 of 3 pairs of configurations." in of_lr.text
    assert {each.pairs for each in told if each.key == "model.hidden"} == {2}


def test_averages_are_those_of_effects_where_all_configurations_have_the_same_seeds():
    rng = np.random.default_rng(6)
    runs = study(lambda seed, **_: float(rng.normal()), {"a.a": [0, 1, 2], "b.b": ["x", "y"]}, range(5))
    told = {(each.key, each.first.value, each.second.value): each for each in average_differences(runs)}
    compared = comparisons(Trials.of(runs, "loss"))
    assert len(compared) == 3
    for each in compared:
        same = told[each.name, each.first, each.other]
        assert same.interval.estimate == pytest.approx(each.difference.mean)
        width = stats.t.ppf(0.975, 4) * each.difference.error
        assert (same.interval.high - same.interval.low) / 2 == pytest.approx(width)
        assert (same.lower, same.pairs) == (each.configurations.better, each.configurations.n)


def test_more_than_four_values_are_compared_with_the_next_one_only():
    told = differences(study(lambda seed, lr: lr + NOISE[seed], {"train.lr": [1, 2, 3, 4, 5, 6]}))
    assert [(each.first.value, each.second.value) for each in sorted(told, key=lambda each: each.first.value)] == [
        (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)
    ]  # fmt: skip
    assert len(differences(study(lambda seed, lr: lr + NOISE[seed], {"train.lr": [1, 2, 3, 4]}))) == 6


def test_configurations_that_differ_in_two_things_are_not_compared():
    runs = study(lambda seed, lr, clip: lr, {"train.lr": [1, 2], "train.clip": [1, 2]})
    kept = [run for run in runs if run.parameters["train.lr"] == run.parameters["train.clip"]]
    # Both always change together here: then one stands for both, and the sentence names the other.
    (told,) = differences(kept)
    assert told.also == ["train.clip"]
    assert "(and train.clip, which differs with it)" in told.text


def test_losses_of_different_tasks_and_units_are_never_compared():
    runs = study(lambda seed, lr: lr, {"train.lr": [1, 2]})
    runs += study(lambda seed, lr: lr, {"train.lr": [1, 2]}, task="addition", unit="mean squared error")
    told = differences(runs)
    assert [(each.task, each.unit) for each in told] == [
        ("temporal_order", "nats"),
        ("addition", "mean squared error"),
    ]
    assert "2 (mean squared error) instead of 1 (mean squared error)" in told[1].text


def test_errors_are_told_in_per_cent():
    runs = [
        replace(run, error=0.25 if run.loss == 1 else 0.75) for run in study(lambda s, lr: lr, {"train.lr": [1, 2]})
    ]
    (told,) = differences(runs, "error")
    assert "is higher by 50 percentage points: 75 % instead of 25 % on average" in told.text


def test_bits_per_byte_do_not_name_their_unit_twice():
    runs = study(lambda seed, lr: lr, {"train.lr": [1, 2]}, task="text", unit="nats per byte")
    (told,) = differences([replace(run, bits_per_byte=run.loss) for run in runs], "bits_per_byte")
    assert "the best bits per byte is higher by 1: 2 instead of 1 on average" in told.text
    assert told.unit == "bits per byte"


def test_runs_that_have_not_finished_do_not_count_and_those_without_a_result_are_told():
    runs = study(lambda seed, lr: lr + NOISE[seed], {"train.lr": [1, 2]}, (1, 2, 3, 4))
    runs = [replace(run, ended="running") if run.seed == 4 else run for run in runs]
    (told,) = differences(runs)
    assert told.first.runs == told.seeds == 3
    runs = [replace(run, loss=math.nan, ended="diverged") if run.run.endswith("lr=2 seed=3") else run for run in runs]
    (told,) = differences(runs)
    assert told.verdict == "undecided"
    assert "1 of 3 runs diverged, instead of 0 of 3. 1 of 3 runs had no finite result, instead of 0 of 3." in told.text


def test_without_a_result_on_one_side_nothing_is_compared():
    runs = study(lambda seed, lr: 1.0 if lr == 1 else None, {"train.lr": [1, 2]})
    (told,) = differences(runs)
    assert (told.verdict, told.interval) == ("undecided", None)
    assert "cannot be compared" in told.text
    assert differences([]) == []


def test_networks_of_different_sizes_are_told():
    runs = study(lambda seed, hidden: hidden, {"model.hidden": [1, 2]})
    (told,) = differences([replace(run, parameter_count=1000 * int(run.loss)) for run in runs])
    assert told.text.endswith("The network has 2,000 weights instead of 1,000.")
    assert (told.first.weights, told.second.weights) == (1000, 2000)


def test_sides_without_shared_seeds_are_compared_by_their_means():
    runs = study(lambda seed, lr: lr + NOISE[seed], {"train.lr": [1, 2]})
    runs = [replace(run, seed=run.seed + 10 * (run.loss > 1.5)) for run in runs]
    (told,) = differences(runs)
    first, second = ([1 + NOISE[seed] for seed in (1, 2, 3)], [2 + NOISE[seed] for seed in (1, 2, 3)])
    welch = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert (told.seeds, told.verdict) == (0, "higher")
    assert (told.interval.low, told.interval.high) == pytest.approx(tuple(welch), rel=0.05)  # whole degrees of freedom
    assert "seeds not shared" in told.text
    # An average goes by seeds, and here no pair of configurations shares one.
    wider = study(lambda seed, lr, clip: lr + NOISE[seed], {"train.lr": [1, 2], "train.clip": [1, 2]})
    wider = [replace(run, seed=run.seed + 10 * (run.loss > 1.5)) for run in wider]
    of_lr = next(each for each in average_differences(wider) if each.key == "train.lr")
    assert (of_lr.verdict, of_lr.interval) == ("undecided", None)


def test_different_floors_are_told():
    runs = [replace(run, floor=run.loss * 2) for run in study(lambda seed, length: length, {"task.length": [1, 2]})]
    assert "The floor itself is 4 nats instead of 2 nats." in differences(runs)[0].text


def test_a_greater_distance_never_makes_a_difference_less_clear():
    order = ["undecided", "higher"]
    ranks = []
    for shift in np.linspace(0, 1, 50).tolist():
        runs = study(lambda seed, lr, by=shift: NOISE[seed] * 10 * lr + by * (lr == 2), {"train.lr": [1, 2]})
        ranks.append(order.index(differences(runs)[0].verdict))
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1}


def test_random_studies_have_finite_sentences_and_known_verdicts():
    rng = np.random.default_rng(3)
    for _ in range(60):

        def loss(seed, **_):
            return rng.choice([None, math.nan, math.inf, float(rng.normal()), 1.0])

        runs = study(loss, {"a.a": [0, 1, "none"], "b.b": ["x", "y"]}, range(int(rng.integers(1, 5))))
        for told in (*differences(runs), *average_differences(runs)):
            assert told.verdict in RULES
            assert "nan" not in told.text
            assert "inf" not in told.text
            if told.verdict in ("lower", "higher"):
                assert told.interval.wide_low > 0 or told.interval.wide_high < 0


def test_the_pairs_of_768_runs_grow_with_the_configurations_and_not_with_their_square():
    rng = np.random.default_rng(4)
    factors = {f"model.f{i}": ["false", "true"] for i in range(8)}
    runs = study(lambda seed, **flags: float(rng.normal()) + 3 * (flags["f0"] == "true"), factors)
    assert len(runs) == 768
    assert len(differences(runs)) == 8 * 128
    averaged = average_differences(runs)
    assert len(averaged) == 8
    assert (averaged[0].key, averaged[0].pairs, averaged[0].verdict) == ("model.f0", 128, "higher")

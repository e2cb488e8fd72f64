"""The answer in three lines."""

from dataclasses import replace

import numpy as np
import pytest

from rnnctl.report.remarks import answer_of
from tests.report.remarks.made_up import study

NOISE = {1: 0.01, 2: -0.02, 3: 0.015}


def lines(runs, **options):
    (answer,) = answer_of(runs, **options)
    return answer.lines


def test_the_three_lines_of_a_study_with_a_clear_result():
    def loss(seed, clip):
        return {"none": 1.5, 1.0: 0.2, 5.0: 0.9}[clip] + NOISE[seed] * (clip != "none")

    broke, best, mattered = lines(study(loss, {"train.clip": ["none", 1.0, 5.0]}))
    assert broke == (
        "2 of 3 configurations broke the floor of 1.386 nats with every seed: train.clip=1.0, train.clip=5.0; 1 did "
        "not. No run diverged."
    )
    assert best == (
        "Best: train.clip=1.0, best validation loss 0.2017 ± 0.019 nats, mean and standard deviation over 3 seeds; "
        "the floor is 1.386 nats. It is the best beyond chance (95 % confidence, 3 configurations)."
    )
    assert mattered.startswith(
        "What mattered most, by the greatest difference beyond chance: train.clip. With train.clip = none instead of 1"
    )


def test_what_the_seeds_leave_open_is_said():
    far = {1: 0.2, 2: 0.9, 3: 0.4}
    _, best, mattered = lines(study(lambda seed, lr: far[seed] * lr, {"train.lr": [1.0, 1.1]}))
    assert best.endswith("By these seeds, the other one may be the best as well: train.lr=1.1.")
    assert mattered == "What mattered is undecided: 1 comparison of values of train.lr could be chance."


def test_one_seed_decides_nothing():
    _, best, mattered = lines(study(lambda seed, lr: lr, {"train.lr": [0.1, 1.0]}, (1,)))
    assert "0.1 nats, from one seed" in best
    assert best.endswith("Whether it is truly the best takes 3 seeds or more to tell.")
    assert mattered == (
        "What mattered is undecided: it takes 3 seeds or more of each configuration. The greatest difference so far, "
        "which more seeds may not confirm: train.lr = 1 instead of 0.1, 1 nats instead of 0.1 nats."
    )


def test_the_greatest_difference_so_far_names_all_that_differs():
    runs = study(lambda seed, lr, clip: lr, {"train.lr": [0.1, 1.0], "train.clip": [2, 3]}, (1,))
    runs = [run for run in runs if (run.parameters["train.lr"] > 0.5) == (run.parameters["train.clip"] > 2)]
    _, _, mattered = lines(runs)
    assert "train.lr = 1 instead of 0.1 (and train.clip, which differs with it), 1 nats instead of" in mattered


def test_divergence_unfinished_runs_and_seeds_that_differ_are_counted():
    runs = study(lambda seed, lr: lr + NOISE[seed], {"train.lr": [1.0, 1.38]})
    runs = [replace(run, ended="diverged") if run.seed == 2 else run for run in runs]
    runs += study(lambda seed, lr: None, {"train.lr": [3.0]}, ended="queued", floor=None)
    broke, _, _ = lines(runs)
    assert broke == (
        "1 of 2 configurations broke the floor of 1.386 nats with every seed: train.lr=1.0; 1 with some of their "
        "seeds: train.lr=1.38 (1 of 3). 2 runs diverged: train.lr=1.0 (1 of 3), train.lr=1.38 (1 of 3). 3 runs of 9 "
        "have not finished (3 queued)."
    )


def test_a_study_without_a_finished_run_says_so():
    runs = study(lambda seed, lr: None, {"train.lr": [1.0, 2.0]}, ended="running")
    broke, best, mattered = lines([*runs[:-1], replace(runs[-1], ended="failed")])
    assert broke == "No run has finished: 5 running, 1 failed."
    assert best == "There is no best configuration before a run has finished."
    assert mattered == "What mattered is undecided before a run has finished."
    assert answer_of([]) == []


def test_a_single_configuration_is_not_called_best():
    broke, best, _ = lines(study(lambda seed: 0.5, {}))
    assert broke == "3 of 3 runs broke the floor of 1.386 nats. No run diverged."
    assert best.startswith("The best validation loss is 0.5 ± 0 nats")


@pytest.mark.parametrize(
    ("known", "over"), [(3, "mean and standard deviation over the 3 of its 8 runs that have a finite one"),
                        (1, "from the 1 of its 8 runs that has a finite one")],
)  # fmt: skip
def test_who_is_best_by_the_runs_that_survived_is_not_called_best_beyond_chance(known, over):
    def loss(seed, lr):
        return lr + NOISE[1 + seed % 3] / 100 if lr > 1 or seed <= known else None

    _, best, mattered = lines(study(loss, {"train.lr": [1.0, 2.0]}, range(1, 9)))
    assert f", {over}; the floor" in best
    assert "beyond chance" not in best
    assert mattered.startswith("What mattered is undecided")


def test_equal_results_are_not_called_undecided():
    _, _, mattered = lines(study(lambda seed, lr: seed, {"train.lr": [1.0, 2.0, 3.0]}))
    assert mattered == "The results are equal at all values of train.lr."


def test_a_configuration_that_two_studies_share_is_one_and_labels_name_the_study():
    runs = study(lambda seed, lr: lr + NOISE[seed] / 100, {"train.lr": [1.0, 1.2]})
    twins = [replace(run, study="twin") for run in runs]
    broke, best, _ = lines([*runs[::2], *twins])
    assert broke.startswith("2 of 2 configurations broke")
    assert best.startswith("Best: s/train.lr=1.0, best validation loss 1")
    assert "mean and standard deviation over 3 seeds" in best
    assert "beyond chance (95 % confidence, 2 configurations)" in best


@pytest.mark.parametrize(("loss", "what"), [(0.5, "broke"), (1.4, "did not break")])
def test_a_single_run_is_not_counted(loss, what):
    broke, _, _ = lines([run for run in study(lambda seed: loss, {}) if run.seed == 1])
    assert broke == f"The finished run {what} the floor of 1.386 nats. No run diverged."


def test_each_task_has_an_answer_of_its_own():
    runs = study(lambda seed, lr: lr, {"train.lr": [1.0, 2.0]})
    runs += study(lambda seed, lr: lr / 100, {"train.lr": [1.0, 2.0]}, task="addition", unit="mean squared error")
    first, second = answer_of(runs)
    assert (first.task, second.task) == ("temporal_order", "addition")
    assert "best validation loss 1 ± 0 nats" in first.lines[1]
    assert "0.01 ± 0 (mean squared error)" in second.lines[1]


def test_errors_are_in_per_cent_and_beside_chance():
    runs = [
        replace(run, error=run.loss / 4, chance_error=0.75) for run in study(lambda s, lr: lr, {"train.lr": [1, 2]})
    ]
    _, best, _ = lines(runs, by="error")
    assert "best validation error 25 ± 0 %, mean and standard deviation over 3 seeds; the chance is 75 %." in best


def test_the_true_best_is_hardly_ever_ruled_out():
    """At most 5 % of studies may call a configuration the only best one that is not."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(60):
        truth = {0.0: 0.0, 1.0: 0.0, 2.0: 1.0, 3.0: 1.0}
        runs = study(lambda seed, a, truth=truth: truth[a] + float(rng.normal()), {"a.a": list(truth)}, range(4))
        wrong += "beyond chance" in lines(runs)[1]
    assert wrong <= 9  # at most 3 are expected

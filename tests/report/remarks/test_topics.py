"""Verdicts on saturation, gates, spectral radius, clipping, divergence and floor of constructed histories."""

import itertools
import math

import numpy as np
import pytest

from rnnctl.report.remarks.hidden import GATES, SATURATION, gate, saturation
from rnnctl.report.remarks.spectrum import SPECTRAL_RADIUS, spectral_radius
from rnnctl.report.remarks.training import CLIPPING, clipping, divergence, floor, share_of_updates
from store.history import EMPTY
from tests.report.remarks.histories import history
from tests.report.rows import blank

TANH = {"limit": 1.0, "formula": "1 - |h|", "threshold": 0.05}
NAN = math.nan


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0, "not saturated"), (0.099, "not saturated"), (0.1, "partly saturated"), (0.5, "saturated"), (1, "saturated")],
)
def test_saturation_goes_by_the_share_of_hidden_values_near_a_limit(share, verdict):
    past = history([0, 100], saturated_units=[0.0, share], saturation=[0.9, 0.25])
    remark = saturation(past, **TANH)
    assert remark.verdict == verdict
    assert "At update 100, " in remark.text
    assert "The mean distance is 0.25, of 1 at most. At update 0, 0 % of them were that near." in remark.text


def test_units_without_limits_cannot_saturate():
    assert saturation(EMPTY, limit=None, formula=None, threshold=0.05).verdict == "no limits"


@pytest.mark.parametrize("past", [EMPTY, history([0, 100], saturated_units=[NAN, NAN])])
def test_saturation_that_was_not_measured_is_undecided(past):
    assert saturation(past, **TANH).verdict == "undecided"


@pytest.mark.parametrize(
    ("mean", "near", "verdict"),
    [
        (0.95, 0.4, "open"),
        (0.9, 0.0, "open"),
        (0.1, 0.0, "shut"),
        (0.02, 0.9, "shut"),
        (0.5, 0.8, "split"),
        (0.5, 0.2, "partly open"),
        (0.5, NAN, "partly open"),
    ],
)
def test_a_gate_goes_by_its_mean(mean, near, verdict):
    past = history([0, 100], gate_z=[0.12, mean], gate_z_saturated_units=[0.0, near])
    remark = gate(past, "z", 0.05)
    assert (remark.topic, remark.verdict) == ("gate z", verdict)
    assert remark.text.startswith(f"At update 100, the mean of gate z is {mean} (0 is shut, 1 is open)")
    assert remark.text.endswith("At update 0, the mean was 0.12.")


def test_a_gate_that_was_not_measured_is_undecided():
    assert gate(history([0], gate_z=[NAN]), "z", 0.05).verdict == "undecided"


@pytest.mark.parametrize(
    ("rho", "verdict"),
    [
        ([0.95, 1.2], "grew"),
        ([0.95, 0.5], "shrank"),
        ([1.0, 1.04], "unchanged"),
        ([1.0, 3.0, 1.0], "unchanged"),
        ([0.0, 0.1], "grew"),
        ([0.0, 0.0], "unchanged"),
        ([0.95, NAN], "undecided"),
        ([0.95], "undecided"),
        ([NAN], "undecided"),
    ],
)
def test_the_spectral_radius_goes_from_the_first_to_the_newest_diagnosis(rho, verdict):
    assert spectral_radius(history(range(0, 10 * len(rho), 10), rho=rho)).verdict == verdict


def test_the_course_of_the_spectral_radius_is_told_with_its_extremes():
    remark = spectral_radius(history([0, 10, 20, 30], rho=[0.95, 1.5, NAN, 1.2]))
    assert remark.text == (
        "The spectral radius grew from 0.95 at update 0 to 1.2 at update 30 (highest 1.5). It is above 1 "
        "at 2 of 3 diagnosed checks."
    )


@pytest.mark.parametrize(
    ("shares", "verdict", "words"),
    [
        ([NAN, 0.0, 0.0], "never", "0 % of 100 updates"),
        ([NAN, 0.0, 0.1], "rare", "9 % of 100 updates"),
        # The first window has 10 updates, the second one 90.
        ([NAN, 1.0, 0.0], "frequent", "10 % of 100 updates"),
        ([NAN, 1.0, 1.0], "nearly always", "100 % of 100 updates"),
        ([NAN, NAN, 1.0], "nearly always", "100 % of 90 updates"),
        ([NAN, NAN, NAN], "undecided", "No check"),
    ],
)
def test_clipping_is_a_share_of_all_updates_whatever_the_windows(shares, verdict, words):
    remark = clipping(history([0, 10, 100], clip_share=shares), 1.0)
    assert remark.verdict == verdict
    assert remark.text.startswith(words)


def test_clipping_that_is_off_and_a_guard_that_acted_are_told():
    assert clipping(EMPTY, None).verdict == "off"
    guarded = clipping(history([50], clip_share=[0.5], guard_share=[0.1]), 0.05)
    assert guarded.text == (
        "50 % of 50 updates were clipped to a gradient norm of 0.05. In 10 % the gradient was non-finite or its norm "
        "above 1e10: the guard acted instead."
    )


def run(**known):
    return blank(**{"ended": "budget", "updates": 100, "budget": 100, "floor": 1.386, "floor_se": 0.0, **known})


def test_divergence_is_how_a_run_ended():
    assert divergence(run(ended="diverged", updates=7)).verdict == "diverged"
    assert divergence(run()).verdict == "none"
    for unfinished in ("queued", "running", "failed", "cancelled"):
        assert divergence(run(ended=unfinished)).verdict == "none so far"


def test_the_floor_is_broken_where_the_run_has_recorded_it():
    broken = floor(run(broke_floor_at=40, loss=0.5, best_at=60, last_loss=0.6), "nats")
    assert (broken.verdict, broken.text) == (
        "broken",
        "The check at update 40 was the first that was clearly below the floor of 1.386 nats. The best validation loss "
        "is 0.5 nats, at update 60.",
    )
    lost = floor(run(broke_floor_at=40, loss=0.5, best_at=60, last_loss=1.4), "nats")
    assert lost.text.endswith("At the newest check it was 1.4 nats, no longer below the floor.")
    assert floor(run(loss=1.38), "nats").verdict == "not broken"
    assert floor(run(ended="running", loss=1.38), "nats").verdict == "not yet"
    assert floor(run(ended="running", floor=None), "nats").verdict == "undecided"
    # It diverged before its first check.
    assert floor(run(ended="diverged", floor=None), "nats").verdict == "not broken"


def test_the_floor_has_the_unit_of_the_task_and_its_standard_error():
    text = floor(run(floor=0.0486, loss=0.05), "mean squared error").text
    assert "the floor of 0.0486 (mean squared error)" in text
    assert "The best validation loss is 0.05 (mean squared error)." in text
    assert "2.9 ± 0.02 nats per byte" in floor(run(floor=2.9, floor_se=0.02), "nats per byte").text


def test_verdicts_follow_their_numbers():
    shares = np.linspace(0, 1, 101).tolist()
    for order, verdicts in (
        (
            ["not saturated", "partly saturated", "saturated"],
            [saturation(history([5], saturated_units=[share]), **TANH).verdict for share in shares],
        ),
        (
            ["shut", "partly open", "open"],
            [gate(history([5], gate_f=[mean]), "f", 0.05).verdict for mean in shares],
        ),
        (
            ["shrank", "unchanged", "grew"],
            [spectral_radius(history([0, 5], rho=[0.5, rho])).verdict for rho in shares],
        ),
        (
            ["never", "rare", "frequent", "nearly always"],
            [clipping(history([5], clip_share=[share]), 1.0).verdict for share in shares],
        ),
    ):
        assert [verdict for verdict, _ in itertools.groupby(verdicts)] == order


def test_the_share_of_updates_is_that_of_a_count():
    rng = np.random.default_rng(1)
    for _ in range(200):
        clipped = rng.integers(0, 2, rng.integers(1, 60))
        steps = np.unique(rng.integers(1, len(clipped) + 1, 5))
        ends = np.concatenate([[0], steps])
        windows = [clipped[a:b].mean() for a, b in itertools.pairwise(ends)]
        covered, share = share_of_updates(history(steps.tolist(), clip_share=windows), "clip_share")
        assert covered == steps[-1]
        assert share == pytest.approx(clipped[:covered].mean())


def test_random_histories_give_finite_sentences_and_known_verdicts():
    rng = np.random.default_rng(2)

    def column(n):
        values = rng.choice([rng.random(n), np.full(n, NAN), rng.random(n) ** 20], axis=0)
        return np.where(rng.random(n) < 0.3, NAN, values).tolist()

    for _ in range(500):
        n = int(rng.integers(0, 6))
        steps = np.sort(rng.choice(100, n, replace=False)).tolist()
        names = (
            "saturated_units",
            "saturation",
            "gate_z",
            "gate_z_saturated_units",
            "rho",
            "clip_share",
            "guard_share",
        )
        past = history(steps, **{name: column(n) for name in names if rng.random() < 0.8})
        for topic, remark in (
            (SATURATION, saturation(past, **TANH)),
            (GATES, gate(past, "z", 0.05)),
            (SPECTRAL_RADIUS, spectral_radius(past)),
            (CLIPPING, clipping(past, 1.0)),
        ):
            assert remark.verdict in topic.rules
            assert "nan" not in remark.text
            assert remark.text.endswith(".")
            if not n:
                assert remark.verdict == "undecided"

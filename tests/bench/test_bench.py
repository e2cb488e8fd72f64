"""The benchmark measures what it says; no time is asserted."""

import pytest


def test_two_callables_are_timed_alternately_per_unit_of_work(monkeypatch):
    from rnnctl.bench import timing

    now, order = [0.0], []

    def work(name, seconds):
        def run():
            order.append(name)
            now[0] += seconds

        return run

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    comparison = timing.compare("c", work("a", 0.1), "b", work("b", 0.6), repeats=2, rnnctl_units=2)
    assert order == ["a", "a", "b", "b", "a", "b", "a", "b"], "warm-ups, then A B A B"
    assert comparison.rnnctl_seconds == pytest.approx([0.05, 0.05])
    assert comparison.baseline_seconds == pytest.approx([0.6, 0.6])
    assert comparison.as_json()["ratio"] == pytest.approx(12)
    assert comparison.as_json()["pairs"] == 2


def test_baselines_make_updates():
    import torch

    from rnnctl.bench import baselines
    from rnnctl.bench.cases import ec1

    for baseline in (baselines.Eager(ec1()), baselines.Module(ec1())):
        before = [weight.detach().clone() for weight in baseline.weights]
        baseline.update()
        after = baseline.weights
        assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True) if old.any())


def test_the_share_of_bookkeeping_is_that_of_one_trained_run():
    from rnnctl.bench.bookkeeping import bookkeeping_share

    assert 0 < bookkeeping_share(updates=40) < 1

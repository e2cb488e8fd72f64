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


def test_baselines_of_a_card_do_the_work_of_those_of_the_cpu():
    import torch

    from rnnctl.bench import baselines
    from rnnctl.bench.cases import ec1

    baselines.eager_through_time(5, 2, 4, "cpu")()
    module = baselines.Module(ec1())
    inputs, targets = module.draw()
    assert inputs.shape[1:] == (20, 6)
    before = module.head.weight.detach().clone()
    module.learn(inputs, targets)
    assert not torch.equal(before, module.head.weight)


def test_a_timing_waits_for_the_device_before_it_begins_and_ends(monkeypatch):
    from rnnctl.bench import timing

    now, queued = [0.0], [0.0]

    def work():
        queued[0] += 0.5

    def finish():
        now[0] += queued[0]
        queued[0] = 0.0

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    timer = timing.Timer(least_seconds=2.0, warm_ups=3, finish=finish)
    assert timer.calls(work) == 4
    assert timer.seconds(work, 4) == 2.0


def test_the_script_that_is_a_baseline_trains_on_temporal_order():
    import numpy as np

    from rnnctl.bench import script

    rng = np.random.default_rng(1)
    for _ in range(20):
        inputs, targets = script.draw(rng, 7)
        length, batch, symbols = inputs.shape
        assert script.SHORTEST <= length <= script.LONGEST
        assert (batch, symbols) == (7, script.SYMBOLS)
        ids = inputs.argmax(2).T.tolist()
        for sequence, answer in zip(ids, targets.tolist(), strict=True):
            places = [t for t, symbol in enumerate(sequence) if symbol < 2]
            assert len(places) == 2
            assert places[0] < 0.2 * length
            assert 0.5 * length - 1 < places[1] < 0.6 * length
            assert answer == 2 * sequence[places[0]] + sequence[places[1]]

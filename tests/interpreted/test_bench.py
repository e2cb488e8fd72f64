"""The comparisons on a GPU can all be made: on the pretended device, where kernels are counted and not run."""

from __future__ import annotations

import pytest
import torch

from rnnctl.bench import card_cases
from rnnctl.bench.card_cases import Captured, CardBench, Fact, LeftOut
from rnnctl.bench.cases import ec7
from rnnctl.bench.timing import Comparison
from rnnctl.lab.plan import plan
from rnnctl.training.launches import has_kernels, launches_of_update
from tests.gpu_shapes import of_all_flags
from tests.lab.studies import STUDY
from tests.pretended.device import pretended_device


@pytest.fixture
def results(monkeypatch):
    """All results, of small packs, in calls that are timed once."""
    for name, value in {
        "PASSES": (("rnn", 20), ("gru", 20), ("lstm", 20)),
        "STEPS": 20,
        "PACK": 2,
        "PACKS": (1, 2),
        "GATED": ((8, 2),),
        "exploration": lambda: [of_all_flags(seed) for seed in range(3)],
        "LEAST_SECONDS": 0.0,
        "UNTIL_REPLAYED": 1,
        "launches_of_update": lambda spec: 9,  # counted below, on another pretended device
    }.items():
        monkeypatch.setattr(card_cases, name, value)
    monkeypatch.setattr(card_cases, "ec7", lambda *seed, **check: ec7(*seed, samples=1000, **{**check, "every": 2}))
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda device=None: None)
    for name, bytes_ in (("memory_allocated", 1), ("max_memory_allocated", 2)):
        monkeypatch.setattr(torch.cuda, name, lambda device=None, bytes_=bytes_: bytes_)
    with pretended_device(start=lambda *args, **constants: None, zeroed=True) as device:
        yield list(CardBench(device.name, repeats=1).results())
    torch.use_deterministic_algorithms(False)


def test_every_comparison_is_made_or_left_out_with_a_word(results):
    failed = [result for result in results if isinstance(result, LeftOut) and result.failed]
    assert failed == []
    compared = [result.name for result in results if isinstance(result, Comparison)]
    assert len(set(compared)) >= 8
    assert any("pack of 2" in name for name in compared)
    without = {result.name for result in results if isinstance(result, LeftOut)}
    for case in CardBench("meta", 1).cases():
        assert (case.name in without) == (not has_kernels(case.spec))
    assert any("pack of 3 choices of flags" in result.name for result in results)
    facts = {result.name: result.value for result in results if isinstance(result, Fact)}
    assert all(facts.values()), facts


def test_work_of_a_device_that_records_no_graphs_is_done_again():
    calls = []
    captured = Captured(lambda: calls.append(1), "meta")
    captured.replay()
    captured.replay()
    assert len(calls) == 2


def test_a_failure_is_told_and_the_others_are_made(monkeypatch):
    bench = CardBench("meta", 1)
    cases = [
        card_cases.Case("bad", card_cases.ec1(), lambda: iter([1 / 0])),
        card_cases.Case("good", card_cases.ec1(), lambda: iter([Fact("a", 1, "b")])),
    ]
    monkeypatch.setattr(bench, "cases", lambda: iter(cases))
    bad, good = bench.results()
    assert (bad.name, bad.failed) == ("bad", True)
    assert "ZeroDivisionError" in bad.reason
    assert good.name == "a"


def test_the_launches_of_an_update_are_those_that_a_device_is_asked_for():
    spec = card_cases.ec1()
    expected = launches_of_update(spec)
    with pretended_device(start=lambda *args, **constants: None, zeroed=True) as device:
        pack = card_cases.make_pack(*card_cases.new_runs([spec, card_cases.ec1(2)]), device.name)
        pack.update()  # which makes buffers, too
        device.take()
        pack.update()
        traffic = device.take()
    assert sum(traffic.launches.values()) == expected
    assert traffic.into.count == 1


def test_a_plan_for_a_card_counts_launches(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    (tiny,) = plan([tmp_path / "study.yaml"], device="cuda")
    (packs,) = tiny.on_card.by_pack_key
    assert packs.launches_of_update == launches_of_update(tiny.runs[0].spec)
    assert packs.why is None

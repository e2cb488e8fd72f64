"""The estimate of costs on a GPU: which card is meant, and how the estimate follows from runs and card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training import roofline
from rnnctl.training.memory import bytes_of_run
from rnnctl.training.packing import MOST_ON_CARD
from rnnctl.training.roofline import (
    PUBLISHED,
    SIDE_BY_SIDE,
    CardSpeed,
    Cost,
    card_for,
    check_cost,
    most_in_a_pack_on,
    pack_cost,
    packs_at_once,
    seconds_of_all,
    update_cost,
)
from tests.cards import GIB, RTX, pretend

H200 = roofline.CardSpeed("H200", None, 67, 0.5, 4800, 132, 140 * GIB, 141 * GIB, "published")


def spec(hidden: int = 50, **train: object) -> RunSpec:
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 50, "max_length": 200},
            "model": {"hidden": hidden},
            "train": {"updates": 1000, "omega": 0.5, **train},
            "check": {"every": 100},
        }
    )


def update_seconds(run: RunSpec, runs: int, launches: int, card: CardSpeed) -> float:
    return update_cost([run] * runs, launches, card).alone


def check_seconds(run: RunSpec, runs: int) -> float:
    return check_cost([run] * runs, H200).alone


def test_without_a_gpu_an_rtx_3090_is_assumed(monkeypatch):
    pretend(monkeypatch)
    card = card_for("cuda:3")
    assert (card.name, card.device, card.teraflops, card.free_bytes) == ("RTX 3090", None, 35.6, 24 * GIB)
    assert card.figures.startswith("assumed")
    assert card_for("cpu") is None
    assert card_for("auto") is None


def test_a_card_that_is_there_is_known_by_its_name(monkeypatch):
    pretend(monkeypatch, ("NVIDIA H200", (9, 0)), RTX, free=7 * GIB)
    first, second = card_for("cuda"), card_for("cuda:1")
    assert (first.name, first.device, first.gigabytes_per_second) == ("NVIDIA H200", "cuda:0", 4800)
    assert (second.device, second.teraflops, second.free_bytes) == ("cuda:1", 35.6, 7 * GIB)
    assert second.figures == "published"
    assert card_for("auto").device == "cuda:0"
    with pytest.raises(ValueError, match="cuda:7"):
        card_for("cuda:7")


def test_an_unknown_card_is_reckoned_from_its_clocks_where_torch_tells_them(monkeypatch):
    import torch

    pretend(monkeypatch, ("NVIDIA New", (12, 0)))
    assert card_for("cuda").figures == "those of an RTX 3090"
    facts = torch.cuda.get_device_properties(0)
    facts.multi_processor_count, facts.clock_rate = 100, 2_000_000
    facts.memory_clock_rate, facts.memory_bus_width = 10_000_000, 512
    card = card_for("cuda")
    assert (card.teraflops, card.gigabytes_per_second) == (51.2, 1280)
    assert "clocks" in card.figures


def test_the_times_that_the_constants_come_from():
    """64 runs took 461 us together, one some 150, on an H200."""
    assert 80e-6 < update_seconds(spec(), 1, 10, H200) < 200e-6
    assert 300e-6 < update_seconds(spec(), 64, 10, H200) < 600e-6


def test_more_work_takes_longer_and_more_launches_too():
    few = update_seconds(spec(), 1, 10, H200)
    assert update_seconds(spec(), 1, 20, H200) == pytest.approx(few + 10 * roofline.LAUNCH_SECONDS)
    assert update_seconds(spec(), 256, 10, H200) > update_seconds(spec(), 64, 10, H200) > few
    assert update_seconds(spec(500), 64, 10, H200) > 5 * update_seconds(spec(50), 64, 10, H200)
    slow = replace(H200, teraflops=6.7, gigabytes_per_second=480)
    assert update_seconds(spec(), 64, 10, slow) > update_seconds(spec(), 64, 10, H200)
    assert check_seconds(spec(), 64) > check_seconds(spec(), 1) > 0
    whole = pack_cost([spec()] * 64, 10, H200).alone
    assert whole == pytest.approx(1000 * update_seconds(spec(), 64, 10, H200) + 11 * check_seconds(spec(), 64))


def test_runs_of_other_flags_cost_what_their_own_maps_do():
    few, many = (
        RunSpec.model_validate(
            {
                "task": "temporal_order",
                "model": {"name": "gated", "hidden": 512, "input_gate": on},
                "train": {"batch": 64},
            }
        )
        for on in (False, True)
    )
    packs = {"few": [few] * 8, "many": [many] * 8, "mixed": [few, many] * 4}
    costs = {name: update_cost(runs, 10, H200).card for name, runs in packs.items()}
    assert costs["mixed"] == pytest.approx((costs["few"] + costs["many"]) / 2)
    assert costs["many"] > 1.2 * costs["few"]


def test_packs_at_once_wait_side_by_side_and_share_card_and_host():
    key = PackKey.of(spec())
    assert packs_at_once([(key, 1)] * 100, H200) == 53  # 8 programs of 20 sequences for each of 132 multiprocessors
    assert packs_at_once([(key, 256)] * 4, H200) == 1
    assert packs_at_once([(key, 1)] * 3, replace(H200, free_bytes=2 * bytes_of_run(key))) == 1
    costs = [Cost(alone=10, card=1, host=2)] * 4
    assert seconds_of_all(costs, 1) == 40
    assert seconds_of_all(costs, 4) == 40 / SIDE_BY_SIDE
    assert seconds_of_all([Cost(10, 1, 9)] * 4, 4) == 36


def test_float64_takes_longer_where_arithmetic_decides():
    card = replace(H200, double_share=1 / 64)
    assert update_seconds(spec(500, dtype="float64"), 64, 10, card) > 10 * update_seconds(spec(500), 64, 10, card)


def test_a_pack_is_bounded_by_memory_and_by_the_largest_pack():
    key = PackKey.of(spec())
    assert most_in_a_pack_on(H200, key)[1] == MOST_ON_CARD
    small = replace(H200, free_bytes=4 * bytes_of_run(key))
    assert most_in_a_pack_on(small, key) == (3, 3)
    assert most_in_a_pack_on(replace(H200, free_bytes=1), key) == (0, 0)


def test_published_cards_are_told_apart_by_their_words():
    words = [known.word for known in PUBLISHED]
    assert len(set(words)) == len(words)
    assert not any(a != b and a in b for a in words for b in words)

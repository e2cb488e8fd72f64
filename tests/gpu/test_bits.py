"""On a card too, a run has the same bits alone, in any pack, and resumed."""

from __future__ import annotations

import random

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.gated.section import GatedSection
from rnnctl.training.loop import make_pack
from tests.cells.plain_gated import every_choice_of_flags
from tests.gpu_shapes import short_task, sized
from tests.pretended.combinations import a_text, each_combination
from tests.training.close import assert_close
from tests.training.drawn_packs import check_pack, drawn_pack
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

DRAWN = 6


@each_combination
def test_every_cell_task_and_optimizer(names, tmp_path, monkeypatch):
    place, *_ = a_text(tmp_path, monkeypatch)
    settings = {
        "task": short_task(names["task"], place),
        "train": {"optimizer": names["train.optimizer"]},
        "updates": 5,
    }
    runs = {str(seed): sized(names["model"], 50, 20, seed=seed, **settings) for seed in range(3)}
    check_pack(random.Random(1), runs, "cuda")


@pytest.mark.parametrize("seed", range(DRAWN))
def test_drawn_packs(seed, tmp_path, monkeypatch):
    rng = random.Random(seed)
    check_pack(rng, drawn_pack(rng, a_text(tmp_path, monkeypatch)), "cuda")


@pytest.mark.parametrize("hidden", [32, 200])
def test_gated_runs_of_all_flags_in_one_pack(hidden, tmp_path, monkeypatch):
    place, *_ = a_text(tmp_path, monkeypatch)
    runs = {
        str(i): sized(
            "gated", hidden, 32, seed=i, updates=60, task={"name": "text", "corpus": place, "window": 12},
            train={"optimizer": "adam", "bptt": 1, "dtype": "float64" if hidden == 32 else "float32"},
            **{flag: flag in on for flag in GatedSection.flag_names},
        )
        for i, on in enumerate(every_choice_of_flags())
    }  # fmt: skip
    packs = []

    def factory(members, weights, device):
        packs.append(len(members))
        return make_pack(members, weights, device)

    together = train(runs, device="cuda", pack_factory=factory)
    assert packs == [96]
    broken = Memory()
    broken.drain_after = 40 * len(runs)  # updates have been recorded as a graph by then
    train(runs, broken, "cuda")
    broken.drain_after = None
    train(dict(reversed(runs.items())), broken, "cuda")
    for run_id, spec in runs.items():
        assert_same(broken, together, run_id)
        if int(run_id) % 16 == 0:
            assert_same(train({run_id: spec}, device="cuda"), together, run_id)
            if hidden == 32:
                assert_close(together, train({run_id: spec}), run_id, spec)


@pytest.mark.parametrize("hidden", [50, 200])
@pytest.mark.parametrize("cell", CELLS.names)
def test_a_pack_of_sixty_four(cell, hidden):
    runs = {
        str(seed): sized(
            cell, hidden, 20, seed=seed, updates=6, task={"name": "temporal_order", "min_length": 20, "max_length": 60}
        )
        for seed in range(64)
    }
    together = train(runs, device="cuda")
    for run_id in ("0", "31", "63"):
        assert_same(train({run_id: runs[run_id]}, device="cuda"), together, run_id)
        broken = Memory()
        broken.drain_after = 3
        train({run_id: runs[run_id]}, broken, "cuda")
        assert broken.state(run_id)["step"] == 3
        broken.drain_after = None
        assert_same(train({run_id: runs[run_id]}, broken, "cuda"), together, run_id)

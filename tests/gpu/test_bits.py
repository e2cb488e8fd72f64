"""On a card too, a run has the same bits alone, in any pack, and resumed."""

from __future__ import annotations

import random

import pytest

from rnnctl.cells.catalogue import CELLS
from tests.gpu_shapes import short_task, sized
from tests.pretended.combinations import a_text, each_combination
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

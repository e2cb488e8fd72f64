"""The GPU kernels of the GRU and the LSTM, interpreted, against the passes in torch: drawn shapes, ragged packs."""

from __future__ import annotations

import random

import pytest

from rnnctl.cells.catalogue import CELLS
from tests.interpreted.drawn_passes import TOLERANCES, check, drawn

CELLS_OF_PAIRS = ("gru", "lstm")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("kernels", ["registers", "tiles"])
@pytest.mark.parametrize("cell", CELLS_OF_PAIRS)
def test_small_cells(cell, kernels, dtype, reals, every, seed, monkeypatch):
    rng = random.Random(seed)
    if kernels == "tiles":
        monkeypatch.setattr(CELLS[cell], "units_in_registers", 0)
    section = CELLS[cell](hidden=rng.randint(1, 20))
    check(drawn(seed, section.network, dtype, rng.randint(1, 4), reals=reals, every=every))


@pytest.mark.parametrize("every", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("cell", CELLS_OF_PAIRS)
def test_several_tiles_and_blocks(cell, dtype, every):
    check(drawn(7, CELLS[cell](hidden=70).network, dtype, 19, reals=False, every=every))

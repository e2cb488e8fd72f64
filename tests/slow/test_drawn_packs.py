"""Packs drawn from the whole study language, each small and larger: alone, packed and resumed, the same bits.

There are 150 in `make test-slow`, and 300 in `make test-long`.
"""

from __future__ import annotations

import random

import pytest

from tests.examples import TIMES
from tests.places import small_data
from tests.training.drawn_packs import check_pack, drawn_pack, grown

PACKS, FIRST_SEED = 30 * TIMES, 1000
AT_ONCE = 15  # packs of a test


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + PACKS, AT_ONCE))
def test_alone_packed_and_resumed_have_the_same_bits(first, tmp_path, monkeypatch, figure):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    places = small_data(tmp_path)
    runs = 0
    for seed in range(first, first + AT_ONCE):
        rng = random.Random(seed)
        pack = drawn_pack(rng, places)
        for runs_together in (pack, grown(rng, pack)):
            check_pack(rng, runs_together)
            runs += len(runs_together)
    figure("runs:", runs)

"""Drawn packs whose runs go on from others: the same bits as trained from the start."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.places import small_data
from tests.training.drawn_extensions import check_extension, drawn_relative
from tests.training.drawn_packs import drawn_pack

PACKS, FIRST_SEED = 120, 7000


def test_runs_that_go_on_from_others_have_the_bits_of_runs_trained_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    places = small_data(tmp_path)
    runs = extended = 0
    for seed in range(FIRST_SEED, FIRST_SEED + PACKS):
        rng = random.Random(seed)
        pack = drawn_pack(rng, places)
        parents = [drawn_relative(rng, run, places) for run in pack.values()]
        others = {parent.run_id: parent for parent in parents if parent.run_id not in pack}
        extended += check_extension(rng, others, pack)
        runs += len(pack)
    figure("runs:", runs)
    figure("of them went on from others:", extended)
    assert extended > runs / 4

"""Whatever a study can say: runs of one pack key have the same bits alone, packed and resumed.

A longer campaign over drawn packs is in tests/slow.
"""

from __future__ import annotations

import random

import pytest

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS
from tests.language import drawn_spec, paths_of
from tests.places import small_data
from tests.training.drawn_packs import check_pack, drawn_pack, grown

PACKS = 16


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two places of one text, and of one file of arrays."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    return small_data(tmp_path)


@pytest.mark.parametrize("seed", range(PACKS))
def test_alone_packed_and_resumed_have_the_same_bits(seed, places):
    rng = random.Random(seed)
    pack = drawn_pack(rng, places)
    check_pack(rng, pack)
    check_pack(rng, grown(rng, pack))


def test_runs_of_different_optimizers_do_not_share_a_pack():
    """An Adam run beside SGD was once trained by SGD, and nothing was said."""
    sgd, adam = (
        RunSpec.model_validate({"task": "temporal_order", "train": {"optimizer": name}}) for name in ("sgd", "adam")
    )
    assert PackKey.of(sgd) != PackKey.of(adam)


def test_every_key_of_the_language_is_drawn(places):
    """Or the test above would be silent about it."""
    rng, drawn = random.Random(1), set()
    for _ in range(400):
        spec = drawn_spec(rng, places)
        drawn |= {tuple(name for name in path if name in names) for path in paths_of(spec) for names in [_names()]}
    missing = {path for path in KEYS if path not in {_keys_of(path) for path in drawn}}
    assert missing == set()


def _names() -> set[str]:
    return {name for path in KEYS for name in path}


def _keys_of(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path without the names of variants."""
    result: tuple[str, ...] = ()
    for name in path:
        if (*result, name) in KEYS:
            result = (*result, name)
    return result

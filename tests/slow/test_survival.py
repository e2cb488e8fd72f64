"""Every kind of damage to checkpoints; the fast suite has some of it."""

from __future__ import annotations

import pytest

from tests.cli.command_line import rnnctl
from tests.cli.survival import (
    DAMAGES,
    assert_unbroken,
    damage_checkpoints,
    half_trained,
    slow_study,
    trained_in_one_go,
)

UPDATES = 4000


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The bits of the study, trained by workers that nobody disturbed."""
    return trained_in_one_go(tmp_path_factory.mktemp("unbroken") / "w", slow_study(UPDATES))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, unbroken, damage):
    folder = half_trained(tmp_path / "w", slow_study(UPDATES))
    damaged = damage_checkpoints(folder, damage)
    assert damaged == (8 if damage == "all of them" else 4)
    assert rnnctl("doctor", cwd=folder, check=1).stdout.count("wrong: checkpoint") == damaged
    assert rnnctl("train", cwd=folder, check=0).stderr.count("unsound checkpoint") == damaged
    assert_unbroken(folder, unbroken, UPDATES)

"""The survival tests of the fast suite at full strength: more kills, longer runs, every kind of damage."""

from __future__ import annotations

import random

import pytest

from tests.cli.command_line import rnnctl, workspace
from tests.cli.survival import (
    DAMAGES,
    assert_unbroken,
    damage_checkpoints,
    half_trained,
    kill_workers_at_random,
    slow_study,
    trained_in_one_go,
)

UPDATES, MANY_UPDATES = 4000, 16000


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The bits of the study, trained by workers that nobody disturbed."""
    return trained_in_one_go(tmp_path_factory.mktemp("unbroken") / "w", slow_study(UPDATES))


def test_twenty_kills_of_workers_at_random_moments(tmp_path, figure):
    unbroken = trained_in_one_go(tmp_path / "unbroken", slow_study(MANY_UPDATES))
    folder = workspace(tmp_path / "w", slow_study(MANY_UPDATES))
    kills = kill_workers_at_random(folder, random.Random(20), kills=24)
    figure("kills", kills)
    assert kills >= 20
    assert_unbroken(folder, unbroken, MANY_UPDATES)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, unbroken, damage):
    folder = half_trained(tmp_path / "w", slow_study(UPDATES))
    damaged = damage_checkpoints(folder, damage)
    assert damaged == (8 if damage == "all of them" else 4)
    assert rnnctl("doctor", cwd=folder, check=1).stdout.count("wrong: checkpoint") == damaged
    assert rnnctl("train", cwd=folder, check=0).stderr.count("unsound checkpoint") == damaged
    assert_unbroken(folder, unbroken, UPDATES)

"""Two workers share a card, are killed at random moments, and end with the bits of workers that nobody disturbed."""

from __future__ import annotations

import random

from tests.cli.command_line import bits, rnnctl, workspace
from tests.cli.survival import assert_unbroken, kill_workers_at_random, slow_study

UPDATES = 40_000  # some seconds on a card
CARD = ("--device", "cuda:0")
KILLS = 4


def trained_in_pairs(folder, study):
    """Return the bits of a study that two workers trained on a card, two runs at a time, and nobody disturbed."""
    workspace(folder, study)
    rnnctl("train", "--workers", 2, *CARD, "--pack", "2", cwd=folder, check=0)
    return bits(folder)


def test_two_workers_share_a_card_and_survive_kills(tmp_path, figure):
    study = slow_study(UPDATES)
    unbroken = trained_in_pairs(tmp_path / "unbroken", study)
    folder = workspace(tmp_path / "w", study)
    kills = kill_workers_at_random(folder, random.Random(17), KILLS, *CARD, "--pack", "2")
    figure("kills", kills)
    assert kills >= 2
    assert_unbroken(folder, unbroken, UPDATES)


def test_packs_of_other_sizes_have_the_same_bits(tmp_path):
    study = slow_study(600)
    unbroken = trained_in_pairs(tmp_path / "two", study)
    folder = workspace(tmp_path / "four", study)
    rnnctl("train", *CARD, "--pack", 4, cwd=folder, check=0)
    assert_unbroken(folder, unbroken, 600)


def test_doctor_names_the_card(tmp_path):
    folder = workspace(tmp_path / "w")
    import torch

    assert torch.cuda.get_device_name(0) in rnnctl("doctor", cwd=folder, check=0).stdout


def test_a_card_that_is_absent_is_answered_in_one_line(tmp_path):
    folder = workspace(tmp_path / "w")
    done = rnnctl("train", "--device", "cuda:77", cwd=folder)
    assert done.returncode != 0
    assert "cuda:77" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

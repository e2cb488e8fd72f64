"""Trials that another library wrote, by a stand-in for its file: what is scored, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rnnctl.question import NOT_ASKED
from rnnctl.study.run import RunSpec
from rnnctl.tasks.finite import Finite
from rnnctl.training.checks import validation_set
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

TRIALS, T = 60, 14


def trials(seed: int = 1) -> dict[str, Any]:
    """Trials of perceptual decisions: fixation, two noisy streams, and a choice that is scored after the fixation
    cue has gone. They have several lengths.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(10, T + 1, size=TRIALS)
    left = rng.integers(2, size=TRIALS)
    inputs = np.zeros((TRIALS, T, 3), np.float32)
    targets, mask = np.zeros((TRIALS, T), np.int64), np.zeros((TRIALS, T), bool)
    for i, (steps, side) in enumerate(zip(lengths, left, strict=True)):
        go = steps - 2
        inputs[i, :go, 0] = 1
        inputs[i, 2:go, 1:] = 0.5 + 0.3 * rng.standard_normal((go - 2, 2))
        inputs[i, 2:go, 1 + side] += 0.5
        targets[i, go:steps] = 1 + side
        mask[i, go:steps] = True
    return {"inputs": inputs, "targets": targets, "mask": mask, "lengths": lengths}


def run(folder, arrays, seed=1, **settings) -> RunSpec:
    np.savez(folder / "trials.npz", **arrays)
    return RunSpec.model_validate(
        {
            "task": {"name": "recorded", "file": str(folder / "trials.npz"), **settings.pop("task", {})},
            "model": {"hidden": 12, "init": "orthogonal"},
            "train": {"updates": 30, "batch": 7, "lr": 0.05, **settings},
            "check": {"every": 30, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    ).identified()


def made(spec: RunSpec) -> Finite:
    task = spec.task.make()
    assert isinstance(task, Finite)
    return task


def test_only_scored_steps_are_asked_and_trials_count_the_same(tmp_path):
    spec = run(tmp_path, trials())
    assert spec.task.layout == "48 + 12 + 0 sequences, 14 steps, 3 reals, 3 classes, some"
    (batch,) = validation_set(spec.task.make(), spec.check)
    asked = batch.targets != NOT_ASKED
    assert (asked.sum(0) == 2).all()
    assert set(batch.targets[asked].tolist()) <= {1, 2}
    floor = made(spec).split("validation").baseline([batch])
    assert 0 < floor.loss < np.log(2) + 0.01


def test_alone_packed_and_resumed_runs_have_the_same_bits(tmp_path):
    specs = {"a": run(tmp_path, trials()), "b": run(tmp_path, trials(), 2)}
    pack, broken = train(specs), Memory()
    broken.drain_after = 11
    train({"a": specs["a"]}, broken)
    broken.drain_after = None
    train({"a": specs["a"]}, broken)
    assert_same(broken, pack, "a")


def test_a_network_learns_the_choice(tmp_path):
    spec = run(tmp_path, trials(), updates=300, lr=0.02, optimizer="adam", clip="rescale")
    spec = spec.model_copy(update={"check": spec.check.model_copy(update={"every": 100})})
    scalars = train({"a": spec}).history["a"][-1].scalars
    assert scalars["valid_loss"] < 0.5 * scalars["valid_floor"]
    assert scalars["valid_error"] < 0.2


def test_without_a_mask_all_steps_up_to_the_ends_are_scored(tmp_path):
    arrays = trials()
    del arrays["mask"]
    sequences = made(run(tmp_path, arrays)).sequences
    for target, length in zip(sequences.targets, sequences.lengths_N, strict=True):
        assert (target[:length] != NOT_ASKED).all()
        assert (target[length:] == NOT_ASKED).all()
    del arrays["lengths"]
    assert run(tmp_path, arrays).task.layout.endswith("every")


def test_targets_of_numbers_are_masked_by_nan(tmp_path):
    arrays = trials()
    arrays["targets"] = np.eye(3)[arrays["targets"]]
    spec = run(tmp_path, arrays)
    assert spec.task.layout.endswith("3 values, some")
    targets = made(spec).sequences.targets
    assert np.isnan(targets).any(2).sum() == np.isnan(targets).all(2).sum() > 0
    assert np.isfinite(train({"a": spec}).history["a"][-1].scalars["valid_loss"])


def test_what_is_not_scored_is_not_looked_at(tmp_path):
    """NaN and classes below 0 may stand where nothing is scored."""
    arrays, odd = trials(), trials()
    odd["targets"][~odd["mask"]] = -7
    behind = np.arange(T) >= odd["lengths"][:, None]
    odd["inputs"][behind] = np.nan
    one, other = (train({"a": run(tmp_path, each)}) for each in (arrays, odd))
    assert one.state("a")["weights"].tolist() == other.state("a")["weights"].tolist()


NO_MASK = trials()["mask"].copy()
NO_MASK[5] = False
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no targets": ({"targets": None}, "there is no array targets; it has inputs, mask, lengths"),
    "another mask": ({"mask": np.ones((TRIALS, 3))}, "mask has the shape (60, 3); allowed: (60, 14), one number"),
    "a soft mask": ({"mask": np.full((TRIALS, T), 0.5)}, "mask must be 0 or 1, or false or true"),
    "nothing scored": ({"mask": NO_MASK}, "sequence 5 has no step that is scored"),
    "fewer targets": ({"targets": np.zeros((50, T), int)}, "targets has 50 sequences, and inputs has 60"),
    "one answer a trial": ({"targets": np.zeros(TRIALS, int)}, "targets has the shape (60,); allowed: (N, 14)"),
    "NaN": ({"targets": np.full((TRIALS, T), np.nan)}, "is not finite: nan"),
    "one class": ({"targets": np.zeros((TRIALS, T), int)}, "targets has one class alone; at least two are needed"),
    "negative": ({"targets": np.full((TRIALS, T), -1)}, "the classes of targets must be whole numbers from 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_file_lacks_is_told_in_one_line(case, tmp_path):
    changes, message = REFUSED[case]
    arrays = {name: array for name, array in {**trials(), **changes}.items() if array is not None}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        run(tmp_path, arrays)
    assert "\n" not in str(caught.value)

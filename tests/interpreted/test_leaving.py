"""What runs leave behind in a pack on a device when they go, between the reads of the host: the others' states and sums
as they are.

As in tests/interpreted/test_drawing.py, sums over batches stand for what the kernels of an update would do.
"""

from __future__ import annotations

import pytest

from rnnctl.kernels.gpu.updates import FIGURES
from rnnctl.study.run import RunSpec
from rnnctl.training.checks import Checker
from rnnctl.training.device_pack import DevicePack
from tests.training.memory import Memory, train
from tests.training.runs import spec
from tests.training.same_bits import assert_same

DIVERGED = FIGURES.index("diverged")


class SummingPack(DevicePack):
    """Freezes the rows that diverge, as kernels do."""

    diverging: dict[str, int] = {}  # run id -> the update at which it diverges  # noqa: RUF012

    def _allocate(self, key, task, steps):
        super()._allocate(key, task, steps)
        self.checker = Checker(key, task, self.model, len(self.members), self.device)

    def _launch(self):
        arrays = self.staging.arrays
        for r, (member, length) in enumerate(zip(self.members, arrays["steps"].tolist(), strict=True)):
            if self.figures_RF[r, DIVERGED]:
                continue
            total = arrays["inputs"][r, :length].double().mean()
            self.figures_RF[r, FIGURES.index("updates")] += 1
            self.figures_RF[r, FIGURES.index("loss")] += total
            if self.diverging.get(member.run_id) == member.step:
                self.figures_RF[r, DIVERGED] = 1
                continue
            self.passes.carry_RBC[r] += total
            self.flat_RN[r] = self.flat_RN[r] / 2 + total


class LosesOne(Memory):
    """Loses a run after a number of updates, over all runs."""

    def __init__(self, run_id, updates):
        super().__init__()
        self.losing = run_id, updates

    def progress(self, run_id, step):
        super().progress(run_id, step)
        if self.updates == self.losing[1]:
            self.lost = {self.losing[0]}


def runs(**updates: int) -> dict[str, RunSpec]:
    """Runs whose sequences are cut into pieces, so that states are carried from update to update."""
    task = {"name": "permutation", "min_length": 11, "max_length": 30, "symbols": 9, "predict": "every"}
    specs = {}
    for seed, (run_id, count) in enumerate(updates.items()):
        data = spec(seed, updates=count, omega=0).canonical()
        specs[run_id] = RunSpec.model_validate({**data, "task": task, "train": {**data["train"], "bptt": 5}})
    return specs


@pytest.mark.parametrize("updates", [{"a": 4, "b": 9, "c": 9}, {"b": 9, "a": 4, "c": 9}], ids=["first", "middle"])
def test_a_carried_state_is_saved_with_its_own_run_after_another_has_left(updates):
    specs, memory = runs(**updates), Memory()
    memory.drain_after = 4 * len(specs)  # the save comes at once after "a" has ended
    train(specs, memory, pack_factory=SummingPack)
    assert memory.outcomes == {"a": "budget"}
    for run_id in ("b", "c"):
        alone = Memory()
        alone.drain_after = 4
        train({run_id: specs[run_id]}, alone, pack_factory=SummingPack)
        assert memory.state(run_id)["step"] == 4
        assert_same(memory, alone, run_id)


def test_a_run_that_is_lost_between_checks_leaves_the_sums_of_the_others(monkeypatch):
    monkeypatch.setattr(SummingPack, "diverging", {"d": 3})
    specs = runs(a=30, b=30, c=30, d=30)
    memory = LosesOne("a", 6 * len(specs))
    train(specs, memory, pack_factory=SummingPack)
    for run_id in ("b", "c", "d"):
        assert_same(memory, train({run_id: specs[run_id]}, pack_factory=SummingPack), run_id)
    assert memory.outcomes == {"b": "budget", "c": "budget", "d": "diverged"}
    assert memory.state("d")["step"] == 3

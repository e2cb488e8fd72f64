"""A check on a GPU measures all runs at once, and brings little to the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training import device_checks
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack
from tests.pretended.device import pretended_device


def runs(count: int, screen: int | None = None) -> list[RunSpec]:
    return [
        RunSpec.model_validate(
            {
                "task": {"name": "temporal_order", "min_length": 10, "max_length": 12},
                "model": {"name": "rnn", "hidden": 5, "init": {"name": "basic_tanh", "std": 0.5}},
                "train": {"updates": 50, "batch": 3, "lr": 0.1, "dtype": "float64"},
                "check": {"every": 1, "samples": 20, "chunk": 5, "screen": screen, "diagnostic_batch": 4},
                "seed": seed,
            }
        )
        for seed in range(count)
    ]


def pack_of(specs: list[RunSpec], kind: type[Pack], device: str) -> Pack:
    task = specs[0].task.make()
    begun = [begin(str(i), spec, task, network_of(spec.model, task)) for i, spec in enumerate(specs)]
    return kind([member for member, _ in begun], [weights for _, weights in begun], device)


def diagnoses(pack: Pack):
    return pack.checker.diagnose(
        pack.networks(range(len(pack.members))), [m.spec.train.omega.bound for m in pack.members]
    )


def test_a_diagnosis_is_that_of_the_cpu():
    expected = diagnoses(pack_of(runs(3), Pack, "cpu"))
    with pretended_device() as device:
        actual = diagnoses(pack_of(runs(3), DevicePack, device.name))
    for (scalars, traces), (expected_scalars, expected_traces) in zip(actual, expected, strict=True):
        assert scalars == pytest.approx(expected_scalars, rel=1e-9)
        assert traces.keys() == expected_traces.keys()
        for name, trace in expected_traces.items():
            assert traces[name].dtype == trace.dtype
            np.testing.assert_allclose(traces[name], trace, rtol=1e-6)


def test_how_many_runs_are_measured_at_a_time_changes_no_bit(monkeypatch):
    with pretended_device() as device:
        pack = pack_of(runs(3), DevicePack, device.name)
        expected = diagnoses(pack)
        for numbers in (1, 2 * 12 * 4 * 5):
            monkeypatch.setattr(device_checks, "MEASURED", numbers)
            np.testing.assert_equal(diagnoses(pack), expected)


@pytest.mark.parametrize(("screen", "stages"), [(None, 1), (8, 2)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_check_brings_its_figures_in_few_transfers(count, screen, stages):
    """Each stage of the validation, the best weights, the recurrent matrices, and all figures."""
    with pretended_device() as device, torch.no_grad():
        pack = pack_of(runs(count, screen), DevicePack, device.name)
        for member in pack.members:
            member.step = member.spec.train.updates  # validated on all samples
        device.take()
        pack.check(range(count))
        assert device.take().out.count == stages + 3
    for r, member in enumerate(pack.members):
        assert torch.equal(member.best_weights, pack.flat_RN[r].cpu())
        assert len(member.best_weights.untyped_storage()) == member.best_weights.nbytes

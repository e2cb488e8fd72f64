"""What single updates of a pack ask of a device."""

from __future__ import annotations

from collections.abc import Mapping

from rnnctl.study.run import RunSpec
from tests.pretended.device import PretendedDevice, Traffic
from tests.training.memory import Memory, train


class PerUpdate(Memory):
    """A recorder that takes what the device counted after each update of a pack of `runs` runs."""

    def __init__(self, device: PretendedDevice, runs: int) -> None:
        super().__init__()
        self.device, self.runs = device, runs
        self.traffic: list[Traffic] = []

    def progress(self, run_id: str, step: int) -> None:
        super().progress(run_id, step)
        if self.updates % self.runs == 0:
            self.traffic.append(self.device.take())


def traffic_between_checks(device: PretendedDevice, specs: Mapping[str, RunSpec]) -> list[Traffic]:
    """Train a pack, and return the traffic of each update without a check. The first update, which follows the making
    of the pack, is left out.
    """
    recorder = PerUpdate(device, len(specs))
    train(specs, recorder, device.name)
    (every,) = {spec.check.every for spec in specs.values()}
    (updates,) = {spec.train.updates for spec in specs.values()}
    return [
        traffic
        for step, traffic in enumerate(recorder.traffic, start=1)
        # A check begins with its update, and ends before the next one. The last update is followed by one too.
        if 1 < step < updates and step % every and (step - 1) % every
    ]

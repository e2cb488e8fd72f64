"""What a training asks of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.lab.errors import LabError
from rnnctl.lab.worker_options import MOST_CPUS, MOST_SLOTS, WorkerOptions, is_count, is_number
from rnnctl.words import cut, one_line

if TYPE_CHECKING:
    from rnnctl.lab.train import Launch

LOCAL, AUTO = "local", "auto"
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster trains, and with how many workers. Every slot is one worker, which has its resources to itself.

    Raise LabError for a value that is not allowed.
    """

    address: str  # HOST:PORT of the head; auto: the cluster that runs on this machine; local: start one here
    slots: int
    cpus_per_slot: float = 1.0
    gpus_per_slot: float = 0.0  # below 1: several workers share a card; its memory is not divided by Ray
    mixed: bool = False  # whether nodes are used too whose bits differ from those of the others
    checkpoints: Path | None = None  # a folder that all nodes reach, which large checkpoints go through; None for Ray

    def __post_init__(self) -> None:
        self._check("ray", self.address, isinstance(self.address, str), f"{LOCAL}, {AUTO}, or HOST:PORT of a head")
        self._check("slots", self.slots, is_count(self.slots) and self.slots <= MOST_SLOTS, f"1 to {MOST_SLOTS}")
        cpus, gpus = self.cpus_per_slot, self.gpus_per_slot
        self._check("cpus-per-slot", cpus, is_number(cpus, 0.0, MOST_CPUS), f"a number from 0 to {MOST_CPUS:g}")
        self._check("gpus-per-slot", gpus, is_number(gpus, 0.0, 1.0), "a number from 0 to 1")
        self._check("mixed", self.mixed, isinstance(self.mixed, bool), "true or false")

    def _check(self, name: str, value: object, allowed: bool, what: str) -> None:
        if not allowed:
            raise LabError(f"{cut(one_line(repr(value)))} is not allowed; allowed: {what}", argument=name)

    def launch(self, workers: WorkerOptions) -> Launch:
        """Return what brings workers to the cluster, for `rnnctl.lab.train.train`."""
        from rnnctl.cluster.connect import launching

        return partial(launching, self, workers)

    @property
    def device(self) -> str:
        """The device of each worker. Ray shows a worker its own cards only, so that the first one is its own."""
        return "cuda:0" if self.gpus_per_slot > 0 else "cpu"

    @property
    def workers_on_device(self) -> int:
        """How many workers share the device of a worker, this one included."""
        return max(1, int(1 / self.gpus_per_slot)) if 0 < self.gpus_per_slot < 1 else 1

    def workers_on(self, cores: int) -> int:
        """Return how many workers share a machine with this number of cores, as far as Ray fills it with them."""
        return max(1, int(cores / self.cpus_per_slot)) if self.cpus_per_slot > 0 else self.slots

    @property
    def request(self) -> str:
        """What a slot asks for, in words."""
        cpus = f"{self.cpus_per_slot:g} CPU{'' if self.cpus_per_slot == 1 else 's'}"
        if self.gpus_per_slot == 0:
            return cpus
        return f"{cpus} and {self.gpus_per_slot:g} GPU{'' if self.gpus_per_slot == 1 else 's'}"


def cluster_options(
    called: Callable[[str], str],
    *,
    ray: str | None = None,
    slots: int | None = None,
    cpus_per_slot: float | None = None,
    gpus_per_slot: float | None = None,
    mixed: bool = False,
    checkpoints_folder: str | Path | None = None,
    workers: int | None = None,
    device: str = WorkerOptions.device,
) -> ClusterOptions | None:
    """Return what a user asks of a cluster, None without `ray`. None: the user has not said it.

    called: how the user calls an argument, such as `--slots` for slots. Raise LabError for arguments that exclude each
    other, and for a value that is not allowed.
    """
    if ray is None:
        asked: dict[str, Any] = {"slots": slots, "cpus_per_slot": cpus_per_slot, "gpus_per_slot": gpus_per_slot}
        asked |= {"mixed": None if mixed is False else mixed, "checkpoints_folder": checkpoints_folder}
        for name, value in asked.items():
            if value is not None:
                raise LabError(f"{called(name)} is for training on a cluster: it needs {called('ray')}")
        return None
    if workers is not None:
        words = f"{called('workers')} is for this machine; with {called('ray')}, {called('slots')} says how many"
        raise LabError(f"{words} workers there are")
    if slots is None:
        raise LabError(f"{called('ray')} needs {called('slots')}, the number of workers")
    if device not in DEVICES:
        words = f"{called('device')} {cut(one_line(str(device)))}: with {called('ray')}, the cluster chooses the card"
        raise LabError(f"{words}; allowed: {', '.join(DEVICES)}")
    gpus = (1.0 if device == "cuda" else 0.0) if gpus_per_slot is None else gpus_per_slot
    if not isinstance(checkpoints_folder, str | os.PathLike | None):
        raise LabError(f"{cut(one_line(repr(checkpoints_folder)))} is not a path", argument="checkpoints-folder")
    folder = None if checkpoints_folder is None else Path(checkpoints_folder).absolute()
    options = ClusterOptions(ray, slots, 1.0 if cpus_per_slot is None else cpus_per_slot, gpus, mixed, folder)
    if (device == "cuda" and gpus == 0) or (device == "cpu" and gpus > 0):
        both = f"{called('device')} {device} and {called('gpus_per_slot')} {gpus:g}"
        raise LabError(f"{both} exclude each other")
    return options

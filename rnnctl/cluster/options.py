"""What a training asks of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCAL, AUTO = "local", "auto"


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster trains, and with how many workers. Every slot is one worker, which has its resources to itself."""

    address: str  # HOST:PORT of the head; auto: the cluster that runs on this machine; local: start one here
    slots: int
    cpus_per_slot: float = 1.0
    gpus_per_slot: float = 0.0  # below 1: several workers share a card; its memory is not divided by Ray
    mixed: bool = False  # whether nodes are used too whose bits differ from those of the others
    checkpoints: Path | None = None  # a folder that all nodes reach, which large checkpoints go through; None for Ray

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

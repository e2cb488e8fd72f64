"""A recorder in memory: what a trainer leaves, without a store; with a way to cut a run short."""

import io
from types import SimpleNamespace

import numpy as np
import torch

from rnnctl.training.loop import Cadence, train_pack


class File(io.BytesIO):
    """A checkpoint's content."""

    name = "a.ckpt"


class Relative:
    """The newest checkpoint of another run."""

    def __init__(self, memory, run_id):
        self.run_id, self.spec = run_id, memory.specs[run_id].canonical()
        self.checkpoint = File(memory.files[run_id])
        self.checkpoint.run_id = run_id
        self.step = memory.state(run_id)["step"]
        self.rows = memory.history.get(run_id, [])

    @property
    def history(self):
        names = {name for row in self.rows for name in row.scalars}
        scalars = {
            name: np.array([row.scalars.get(name) for row in self.rows], dtype=np.float64) for name in sorted(names)
        }
        return SimpleNamespace(steps=np.array([row.step for row in self.rows], dtype=np.int64), scalars=scalars)


class Memory:
    def __init__(self):
        self.files = {}  # run_id -> bytes of the newest checkpoint
        self.history = {}  # run_id -> rows
        self.summaries = {}
        self.outcomes = {}
        self.lost = set()
        self.drain_after = None  # updates, over all runs
        self.updates = 0
        self.events = []
        self.specs = {}  # run_id -> spec, of the runs that others may go on from
        self.origins = {}  # run_id -> the run that it went on from, and the update

    @property
    def draining(self):
        return self.drain_after is not None and self.updates >= self.drain_after

    def held(self, run_id):
        return run_id not in self.lost

    def resume(self, run_id):
        return io.BytesIO(self.files[run_id]) if run_id in self.files else None

    def relatives(self, run_id, trajectory):
        """The newest checkpoints of the other runs in `specs` with this trajectory, newest first."""
        others = [other for other in self.files if other != run_id and other in self.specs]
        relatives = [Relative(self, other) for other in others if self.specs[other].trajectory_id == trajectory]
        return sorted((r for r in relatives if r.step <= self.specs[run_id].train.updates), key=lambda r: -r.step)

    def extend(self, run_id, source, step, checked, write, summary):
        self.origins[run_id] = source.run_id, step
        self.history[run_id] = [row for row in self.history.get(source.run_id, []) if row.step <= checked]
        return self.commit(run_id, step, write, [], summary)

    def progress(self, run_id, step):
        self.updates += 1

    def commit(self, run_id, step, write, history, summary, outcome=None):
        if run_id in self.lost:
            return False
        buffer = io.BytesIO()
        write(buffer)
        self.files[run_id] = buffer.getvalue()
        self.history.setdefault(run_id, []).extend(history)
        self.summaries[run_id] = summary
        if outcome:
            self.outcomes[run_id] = outcome
        return True

    def emit(self, event, **fields):
        self.events.append((event, fields))

    def state(self, run_id):
        """The newest checkpoint without its wall time, which is the one thing that may differ."""
        state = torch.load(io.BytesIO(self.files[run_id]), weights_only=True)
        return {key: value for key, value in state.items() if not key.endswith("seconds")}


def train(specs, memory=None, device="cpu", pack_factory=None, **cadence):
    memory = memory or Memory()
    factory = {"pack_factory": pack_factory} if pack_factory else {}
    train_pack(specs, memory, device=device, cadence=Cadence(**cadence), **factory)
    return memory

"""A recorder in memory: what a trainer leaves, without a store; with a way to cut a run short."""

import io

import torch

from rnnctl.training.loop import Cadence, train_pack


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

    @property
    def draining(self):
        return self.drain_after is not None and self.updates >= self.drain_after

    def held(self, run_id):
        return run_id not in self.lost

    def resume(self, run_id):
        return io.BytesIO(self.files[run_id]) if run_id in self.files else None

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
        return {key: value for key, value in state.items() if key != "seconds"}


def train(specs, memory=None, device="cpu", pack_factory=None, **cadence):
    memory = memory or Memory()
    factory = {"pack_factory": pack_factory} if pack_factory else {}
    train_pack(specs, memory, device=device, cadence=Cadence(**cadence), **factory)
    return memory

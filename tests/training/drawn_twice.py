"""The same rows twice: drawn by processes, and one by one by plain feeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnctl.study.run import RunSpec
from rnnctl.training.drawing import Drawing
from rnnctl.training.feed import Feed, feed_of
from rnnctl.training.slots import Field, arrays_in, fill_row, slot_size

BATCH = 4


@dataclass
class Run:
    spec: RunSpec
    feed: Feed
    step: int = 0


def run_spec(seed, task, **train):
    check = {"samples": 40, "chunk": 20}
    rate = {"name": "1/t", "period": 3}
    return RunSpec.model_validate(
        {"task": task, "train": {"batch": BATCH, "rate": rate, **train}, "check": check, "seed": seed}
    )


TEMPORAL_ORDER = {"name": "temporal_order", "min_length": 10, "max_length": 31}
CASES = {
    "symbols": run_spec(1, TEMPORAL_ORDER),
    "reals": run_spec(2, {"name": "addition", "min_length": 10, "max_length": 20}),
    "pieces": run_spec(
        3,
        {"name": "permutation", "min_length": 11, "max_length": 30, "symbols": 9, "predict": "every"},
        bptt=7,
        optimizer="adam",
    ),
}


def started(run, count):
    """Runs of one pack key and their feeds, some of which are in the middle."""
    runs = []
    for seed in range(count):
        one = run.model_copy(update={"seed": seed})
        runs.append(Run(one, feed_of(one, one.task.make()), step=2 * seed))
        for _ in range(2 * seed):
            runs[-1].feed.next()
    return runs


def fields_for(runs):
    spec, task = runs[0].spec, runs[0].spec.task.make()
    steps, rows = min(spec.piece or task.max_steps, task.max_steps), len(runs)
    reals = spec.task.real_inputs
    answers = steps * BATCH if task.question.every_step else BATCH
    return {
        "steps": Field((rows,), np.int32),
        "goes_on": Field((rows,), np.int32),
        "scalars": Field((rows, 5 + len(spec.train.optimizer.numbers(1.0, 1))), np.float32),
        "targets": Field((rows, answers), np.float32 if reals else np.int32),
        "inputs": Field((rows, steps, BATCH, 2) if reals else (rows, steps, BATCH), np.float32 if reals else np.uint8),
    }


class Pair:
    """The same runs twice: drawn by processes, and row by row by plain feeds."""

    def __init__(self, run, count, processes=2):
        self.runs, self.plain = started(run, count), started(run, count)
        self.drawing = Drawing(self.runs, slot_size(fields_for(self.runs)), processes)
        self.waited = []
        self.begin()

    def begin(self):
        fields = fields_for(self.runs)
        self.drawing.begin(self.runs, fields, self.waited.append)
        memory = self.drawing.memory
        self.slots = [arrays_in(row, fields) for row in memory]
        self.expected = arrays_in(np.zeros(slot_size(fields), np.uint8), fields)
        self.next = 0

    def keep(self, rows):
        self.runs, self.plain = [self.runs[r] for r in rows], [self.plain[r] for r in rows]
        self.begin()

    def update(self):
        slot = self.slots[self.next]
        self.next = (self.next + 1) % len(self.slots)
        for run in [*self.runs, *self.plain]:
            run.step += 1
        self.drawing.fill(slot)
        for r, run in enumerate(self.plain):
            fill_row(self.expected, r, run.feed, run.spec, run.step)
        for r, run in enumerate(self.plain):
            steps = int(self.expected["steps"][r])
            # What lies beyond a sequence's end is of no meaning.
            assert slot["steps"][r] == steps
            assert slot["goes_on"][r] == self.expected["goes_on"][r]
            assert slot["inputs"][r, :steps].tobytes() == self.expected["inputs"][r, :steps].tobytes()
            answers = steps * BATCH if run.spec.task.question.every_step else BATCH
            assert slot["targets"][r, :answers].tobytes() == self.expected["targets"][r, :answers].tobytes()
            assert slot["scalars"][r].tobytes() == self.expected["scalars"][r].tobytes()

    def assert_same_states(self):
        self.drawing.settle()
        for run, plain in zip(self.runs, self.plain, strict=True):
            assert repr(run.feed.state()) == repr(plain.feed.state())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drawing.close()
        assert self.processes == []

    @property
    def processes(self):
        return [process._process for process in self.drawing._processes]

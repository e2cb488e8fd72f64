"""The batches of a run, update by update, and how they continue after a resume.

A task gives windows: batches of whole sequences, or, where it carries, the next steps of endless streams. An update
takes one window or, with truncated backpropagation, the next few steps of it. The final state of one batch is then the
initial state of the next, as a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnctl import seeds
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch, Task


class Feed:
    """The batches of one run. rng: draws them, freshly seeded. piece: steps of an update; None for whole windows.

    Its state is that of the generator before the present window, the number of windows before it, and the number of its
    steps that are used: a resume draws the present window again.
    """

    def __init__(self, task: Task, rng: np.random.Generator, batch: int, piece: int | None) -> None:
        self.task, self.rng, self.batch, self.piece = task, rng, batch, piece
        self.streams = task.streams(rng, batch)
        self.windows = 0  # drawn so far
        self.window: Batch | None = None  # the present one; None when all its steps are used
        self.used = 0  # steps of the present window
        self.before: dict[str, Any] = {}  # _place() before it was drawn
        self.behind: tuple[dict[str, Any], int] | None = None  # the arguments of follow(), until they are needed

    def next(self) -> tuple[Batch, bool]:
        """Return the next batch, and whether it continues the one before it."""
        if self.behind is not None:
            self._catch_up(*self.behind)
        goes_on = self.window is not None or (self.task.carries and self.windows > 0)
        if self.piece is None:
            return self._draw(), goes_on
        if self.window is None:
            self.before, self.window = self._place(), self._draw()
        steps = slice(self.used, self.used + self.piece)
        batch = Batch(self.window.inputs[steps], self.window.targets[steps])
        self.used += batch.length
        if self.used == self.window.length:
            self.window, self.used = None, 0
        return batch, goes_on

    def state(self) -> dict[str, Any]:
        """Return what resume() needs, in plain types."""
        if self.behind is not None:
            self._catch_up(*self.behind)
        return {**(self._place() if self.window is None else self.before), "used": self.used}

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from a state() of a feed that was made with the same arguments."""
        self.behind = None
        self.rng.bit_generator.state, self.windows = state["rng"], state["windows"]
        self.before, self.window, self.used = self._place(), None, state["used"]
        if self.used:
            self.window = self._draw()

    def follow(self, state: dict[str, Any], batches: int) -> None:
        """Be where another process's feed is: `batches` batches after a state() of it.

        Batches are drawn to get there, but only once next() or state() is called.
        """
        self.behind = state, batches

    def place(self) -> tuple[dict[str, Any], int]:
        """Return the arguments with which follow() brings another feed to this place. Nothing is drawn."""
        return (self.state(), 0) if self.behind is None else self.behind

    def _catch_up(self, state: dict[str, Any], batches: int) -> None:
        self.resume(state)
        for _ in range(batches):
            self.next()

    def _place(self) -> dict[str, Any]:
        return {"rng": self.rng.bit_generator.state, "windows": self.windows}

    def _draw(self) -> Batch:
        self.windows += 1
        if self.streams is None:
            return self.task.draw(self.rng, self.batch)
        return self.streams.window(self.windows - 1)


def feed_of(spec: RunSpec, task: Task) -> Feed:
    """Return the batches of a run from the first one on. task: the task of its spec."""
    return Feed(task, seeds.generator(spec.seed, seeds.TRAINING), spec.train.batch, spec.piece)

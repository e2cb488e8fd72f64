"""Where a run's batches come from, update by update, and how that goes on after a resume.

A task gives windows: batches of whole sequences, or, where it carries, of the next steps of streams that go on. An
update takes one window, or, with truncated backpropagation, the next few steps of it. What the network carries from one
batch to the next is then the initial state of the next, as a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnctl.tasks.base import Batch, Task


class Feed:
    """The batches of one run. rng: what they are drawn from, at its beginning; piece: steps of an update, None for all.

    Its state is that of the generator before the window in hand, how many windows there were before it, and how far it
    is used: on a resume it is drawn again.
    """

    def __init__(self, task: Task, rng: np.random.Generator, batch: int, piece: int | None) -> None:
        self.task, self.rng, self.batch, self.piece = task, rng, batch, piece
        self.streams = task.streams(rng, batch)
        self.windows = 0  # drawn so far
        self.window: Batch | None = None  # the one in hand, unless it is used up
        self.used = 0  # steps of it
        self.before: dict[str, Any] = {}  # _place() when it was drawn

    def next(self) -> tuple[Batch, bool]:
        """The next batch, and whether it goes on where the one before it stopped."""
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
        """What resume() needs, in plain types."""
        return {**(self._place() if self.window is None else self.before), "used": self.used}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where state() was taken, of a feed with the same beginning."""
        self.rng.bit_generator.state, self.windows = state["rng"], state["windows"]
        self.before, self.window, self.used = self._place(), None, state["used"]
        if self.used:
            self.window = self._draw()

    def _place(self) -> dict[str, Any]:
        return {"rng": self.rng.bit_generator.state, "windows": self.windows}

    def _draw(self) -> Batch:
        self.windows += 1
        if self.streams is None:
            return self.task.draw(self.rng, self.batch)
        return self.streams.window(self.windows - 1)

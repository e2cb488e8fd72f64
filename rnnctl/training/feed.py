"""Where a run's batches come from, update by update, and how that goes on after a resume.

A task gives windows: batches of whole sequences. An update takes one, or, with truncated backpropagation, the next few
steps of it; what the network carries from one piece to the next is then the initial state of the next, as a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnctl.tasks import Batch, Task


class Feed:
    """The batches of one run. rng: what they are drawn from; piece: steps of an update, None for all.

    Its state is that of the generator before the window in hand, and how far that is used: the window is drawn again on
    a resume.
    """

    def __init__(self, task: Task, rng: np.random.Generator, batch: int, piece: int | None) -> None:
        self.task, self.rng, self.batch, self.piece = task, rng, batch, piece
        self.window: Batch | None = None
        self.before: dict[str, Any] = {}  # the generator's state before self.window was drawn
        self.used = 0  # steps of the window

    def next(self) -> tuple[Batch, bool]:
        """The next batch, and whether it goes on where the one before it stopped."""
        if self.piece is None:
            return self.task.draw(self.rng, self.batch), False
        if self.window is None or self.used == self.window.length:
            self.before, self.used = self.rng.bit_generator.state, 0
            self.window = self.task.draw(self.rng, self.batch)
        start, self.used = self.used, min(self.used + self.piece, self.window.length)
        steps = slice(start, self.used)
        return Batch(self.window.inputs[steps], self.window.targets[steps]), start > 0

    def state(self) -> dict[str, Any]:
        """What resume() needs, in plain types."""
        if self.window is None:
            return {"rng": self.rng.bit_generator.state, "used": 0}
        return {"rng": self.before, "used": self.used}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where state() was taken."""
        self.rng.bit_generator.state = state["rng"]
        self.window, self.used = None, 0
        if state["used"]:
            self.before = state["rng"]
            self.window, self.used = self.task.draw(self.rng, self.batch), state["used"]

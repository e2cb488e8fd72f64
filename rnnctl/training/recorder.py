"""What the trainer needs of the object that keeps its results. The trainer does not know how they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np


@dataclass(frozen=True)
class HistoryRow:
    """The record of one check: its update, its scalars, and small arrays (histograms, traces over the steps)."""

    step: int
    scalars: Mapping[str, float | int | None]
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


class Recorder(Protocol):
    """Holds runs for a trainer and keeps what it hands over."""

    @property
    def draining(self) -> bool:
        """True once trainers are asked to save their runs and leave."""
        ...

    def held(self, run_id: str) -> bool:
        """Return False once another worker holds the run: nothing more of it may be written."""
        ...

    def resume(self, run_id: str) -> Path | None:
        """Return the newest checkpoint that can be read; None if the run starts afresh."""
        ...

    def progress(self, run_id: str, step: int) -> None:
        """Note that the run has made `step` updates. Cheap; called after every update."""
        ...

    def commit(
        self,
        run_id: str,
        step: int,
        write: Callable[[BinaryIO], None],
        history: list[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None = None,
    ) -> bool:
        """Keep a checkpoint, the history since the last one and the summary: all of it or nothing. An outcome ends the
        run.

        Return False if the run is no longer held; nothing was kept then.
        """
        ...

    def emit(self, event: str, **fields: Any) -> None:
        """Report an event to those who watch. Correctness never depends on it."""
        ...

"""What the trainer needs of whoever keeps its results. Who that is, and how it is kept, the trainer does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np


@dataclass(frozen=True)
class HistoryRow:
    """What one check leaves: the update it was made at, figures, and small arrays (histograms, per-step traces)."""

    step: int
    scalars: Mapping[str, float | int | None]
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


class Recorder(Protocol):
    @property
    def draining(self) -> bool:
        """True once everybody is asked to save and leave."""
        ...

    def held(self, run_id: str) -> bool:
        """False once the run belongs to somebody else: write nothing more of it."""
        ...

    def resume(self, run_id: str) -> Path | None:
        """The newest sound checkpoint, or None for a fresh start."""
        ...

    def progress(self, run_id: str, step: int) -> None:
        """The run has done `step` updates. Cheap; called after every update."""
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
        """Keep a checkpoint, the history since the last one and the summary, all or nothing; `outcome` ends the run.

        False: the run is no longer held, and nothing was kept.
        """
        ...

    def emit(self, event: str, **fields: Any) -> None:
        """Tell whoever watches. Never needed for correctness."""
        ...

"""What the trainer needs of the object that keeps its results. The trainer does not know how they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class HistoryRow:
    """The record of one check: its update, its scalars, and small arrays (histograms, traces over the steps)."""

    step: int
    scalars: Mapping[str, float | int | None]
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


class Checks(Protocol):
    """The results of a run's checks, oldest first."""

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The update of each check, (N,)."""
        ...

    @property
    def scalars(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Numbers by name, (N,) each."""
        ...


class Relative(Protocol):
    """A checkpoint of another run that has the same trajectory."""

    @property
    def run_id(self) -> str: ...

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec of that run, as plain values."""
        ...

    @property
    def checkpoint(self) -> Path:
        """The file, whose content is what was written."""
        ...

    @property
    def history(self) -> Checks:
        """The checks of that run, perhaps also some after the checkpoint."""
        ...


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

    def relatives(self, run_id: str, trajectory: str) -> Iterable[Relative]:
        """Return checkpoints of other runs with this trajectory and the same bits, newest first.

        None of them lies beyond the last update of the run.
        """
        ...

    def extend(
        self,
        run_id: str,
        source: Path,
        step: int,
        checked: int,
        write: Callable[[BinaryIO], None],
        summary: dict[str, Any],
    ) -> bool:
        """Keep a checkpoint at `step` updates as the first one of a run, with another run's history up to `checked`.

        source: the checkpoint of the relative that the run goes on from. Return False if the run is no longer held, or
        if the relative has changed meanwhile; nothing was kept then.
        """
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

"""How busy the ledger of a cluster is. It is kept in a file of the workspace while the ledger runs, for `status`."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from jobs.identity import Identity, alive, here
from store.errors import StoreError
from store.files import write_whole

WINDOW = 30.0  # seconds that figures are taken over
WRITE_EVERY = 2.0  # seconds
BEHIND = 5.0  # seconds that a commit may wait before the ledger counts as being behind
SILENT = 10.0  # seconds without new figures after which the ledger counts as hanging


@dataclass(frozen=True)
class Load:
    """The work of a ledger over the last WINDOW seconds, or since it started."""

    host: str
    pid: int
    commits: int  # since it started
    commits_per_second: float
    waiting: int  # calls that are not answered yet
    busy: float  # share of the time in which it worked, 0 to 1
    slowest: float  # seconds from the arrival of a commit to its answer, at most
    at: float  # when this was measured, by the clock of the host

    def silent_for(self, now: float) -> float:
        """Return the seconds for which the ledger has measured nothing, 0 while that is no longer than usual."""
        seconds = now - self.at
        return seconds if seconds > SILENT else 0.0

    @property
    def behind(self) -> bool:
        """Whether workers have to wait for it."""
        return self.slowest > BEHIND


class Meter:
    """Measures the load. All times are seconds on a clock that is never set."""

    def __init__(self, now: float) -> None:
        self._me = here()
        self._started = now
        self._commits = 0
        self._answered: deque[tuple[float, float]] = deque()  # commits: when they were answered, after how long
        self._worked: deque[tuple[float, float]] = deque()  # batches: when they ended, how long they took

    def answered(self, now: float, waited: float) -> None:
        """Record a commit that has been answered."""
        self._commits += 1
        self._answered.append((now, waited))

    def worked(self, now: float, seconds: float) -> None:
        """Record a batch of calls that has been worked on."""
        self._worked.append((now, seconds))

    def load(self, now: float, waiting: int) -> Load:
        """Return the load now. waiting: calls that are not answered yet."""
        for events in (self._answered, self._worked):
            while events and events[0][0] < now - WINDOW:
                events.popleft()
        seconds = max(min(WINDOW, now - self._started), 1e-3)
        return Load(
            self._me.host,
            self._me.pid,
            self._commits,
            len(self._answered) / seconds,
            waiting,
            min(1.0, sum(took for _, took in self._worked) / seconds),
            max((waited for _, waited in self._answered), default=0.0),
            time.time(),
        )

    def write(self, folder: Path, load: Load) -> None:
        """Keep the load in a folder, if it can be written."""
        content = json.dumps({"process": asdict(self._me), "load": asdict(load)}).encode()
        with suppress(StoreError):
            write_whole(folder / self._name, lambda file: file.write(content), follow=False, durable=False)

    def forget(self, folder: Path) -> None:
        """Remove what was kept."""
        with suppress(OSError):
            (folder / self._name).unlink(missing_ok=True)

    @property
    def _name(self) -> str:
        return f"ledger-{self._me.pid}.json"


def loads(folder: Path) -> Iterator[Load]:
    """Yield the load of each ledger that runs, from a folder that ledgers write to."""
    for _, load, lives in _kept(folder):
        if lives:
            yield load


def forget_dead(folder: Path) -> None:
    """Remove what ledgers of this machine left in a folder that were killed."""
    for file, _, lives in _kept(folder):
        if lives is False:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _kept(folder: Path) -> Iterator[tuple[Path, Load, bool | None]]:
    """Yield each file of a load, the load, and whether its ledger runs; None where that is not known."""
    for file in sorted(folder.glob("ledger-*.json")):
        with suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads(file.read_bytes())
            yield file, Load(**content["load"]), alive(Identity(**content["process"]))

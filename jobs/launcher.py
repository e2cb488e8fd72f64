"""Launchers: where the workers of a pool are started, and how the pool reaches them there.

A launcher starts one worker at a time and starts nothing again by itself: which worker is restarted, and when, the pool
decides, and which run is tried again, the queue. LocalLauncher starts processes on this machine.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from jobs.events import Emit, decode

TAIL = 2000  # bytes of a dead worker's stderr that are reported
LAST_EVENTS = 2.0  # seconds that a dead worker's reader may take to reach the end of its pipe


@dataclass(frozen=True)
class Ending:
    """How a worker's process ended."""

    exit: int | None  # exit status; negative: killed by that signal; None where it is not known
    tail: str  # the end of what it wrote to stderr, or the reason of its end; empty where that is not kept
    node: str | None = None  # the name of the machine that is gone and took the process with it; None if there is none

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.exit is None:
            return "its process is gone"
        return f"signal {-self.exit}" if self.exit < 0 else f"exit status {self.exit}"


class Launched(Protocol):
    """One worker that was started. Its methods are called from the pool's thread."""

    pid: int  # of its process, on the machine it runs on

    def ended(self) -> Ending | None:
        """Return how it ended, or None while it runs. By then all its events were handed on."""
        ...

    def drain(self) -> None:
        """Tell it to save, release its runs and leave. Do nothing if it is gone."""
        ...

    def kill(self) -> None:
        """End it at once, and return when it is gone."""
        ...

    def let_go(self) -> None:
        """Stop caring for it: it drains by itself, as it does when its pool dies."""
        ...


class Launcher(Protocol):
    """Starts workers somewhere."""

    def start(self, slot: int, hear: Emit) -> Launched:
        """Start the worker of a slot, a place in the pool that one worker at a time fills.

        hear: is called with each of its events, in order, from any thread. Raise OSError if it cannot be started.
        """
        ...


class LocalLauncher:
    """Starts workers as processes on this machine. Each speaks as `jobs.child.serve` does.

    command: slot -> the command line of the worker in that slot, so that workers may differ. env: added to this
    process's environment. logs: a folder, made if missing, in which the stderr of each worker is appended to
    `worker-<pid of this process>-<slot>.log`; without it, stderr is inherited.
    """

    def __init__(
        self, command: Callable[[int], Sequence[str]], env: Mapping[str, str], logs: Path | None = None
    ) -> None:
        self._command = command
        self._env = {**os.environ, **env}
        self._logs = logs

    def start(self, slot: int, hear: Emit) -> LocalWorker:
        log = None
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            log = self._logs / f"worker-{os.getpid()}-{slot}.log"
        return LocalWorker(self._command(slot), self._env, hear, log, f"events-{slot}")


class LocalWorker:
    """A worker process on this machine, with its pipes, its log and the thread that reads its events."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], hear: Emit, log: Path | None, thread_name: str
    ) -> None:
        self._hear = hear
        self._log = log
        self._log_from = log.stat().st_size if log is not None and log.exists() else 0
        stderr = None if log is None else log.open("ab")
        try:
            # In a session of its own the worker gets no signal from the terminal: the pool decides what Ctrl-C means.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=env,
                start_new_session=True,
            )
        finally:
            if stderr is not None:
                stderr.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.pid = self.process.pid
        self._orders = self.process.stdin
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), name=thread_name, daemon=True)
        self._reader.start()

    def ended(self) -> Ending | None:
        status = self.process.poll()
        if status is None:
            return None
        self._reader.join(LAST_EVENTS)
        self.let_go()
        return Ending(status, self._tail())

    def drain(self) -> None:
        with suppress(OSError, ValueError):  # it is gone, and its stdin too
            self._orders.write(b"drain\n")
            self._orders.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        with suppress(OSError):  # an order that it did not take any more
            self._orders.close()

    def _read(self, stdout: BinaryIO) -> None:
        with stdout:
            for line in stdout:
                event = decode(line)
                if event is not None:
                    self._hear(event)

    def _tail(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_from, size - TAIL))
            return log.read().decode(errors="replace")

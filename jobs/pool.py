"""A pool: N fresh worker processes on this machine, watched, restarted and told to stop.

The pool holds no job and no lease. It may be killed at any moment: its workers see the end of their stdin and drain,
and what they leave undone any other worker rescues. So several pools can share a workspace.

A worker that ends by itself (nothing left, drained, or an error that it named) is done. One that dies otherwise has
crashed and is started again, the first time at once and then after growing waits; after `crash_limit` crashes in a row
without progress it is given up. A job that kills every worker is quarantined before long, so this ends.

A worker that the pool itself kills is no evidence against its jobs: they are handed back first, without a strike.
"""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from jobs.config import Settings
from jobs.events import decode, encode, event
from store import Store, StoreError
from store.queue import Holding, release_from

PROGRESS = frozenset({"progress", "committed", "finished", "failed", "quarantined"})
TURN = 0.1  # seconds between looks at the children
TAIL = 2000  # bytes of a crashed worker's stderr that are told
LAST_EVENTS = 2.0  # seconds that a dead child's reader may take to find the end of its pipe
LAST_WRITE = 2.0  # seconds that a kill waits for a store that is busy


@dataclass
class PoolEnd:
    """How a pool ended: told to drain, told to kill, and what kept workers from going on, one line each."""

    drained: bool = False
    killed: bool = False
    errors: list[str] = field(default_factory=list)


class Pool:
    """Runs `command` in `workers` processes at once, with `env` added to this process's environment.

    `on_event` is called with every event of the workers and of the pool, in the thread that called `run`. With `logs`,
    a folder, each worker's stderr goes to `worker-<pid of the pool>-<slot>.log` in it and all events but progress are
    appended to `events.jsonl`; without, stderr is inherited.
    """

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        env: Mapping[str, str],
        on_event: Callable[[dict], None],
        settings: Settings,
        logs: Path | None = None,
    ):
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._command = list(command)
        self._env = {**os.environ, **env}
        self._on_event = on_event
        self._settings = settings
        self._logs = logs
        self._slots = [_Slot(number) for number in range(workers)]
        # SimpleQueue, because signal handlers put into it: its put may interrupt its own get.
        self._inbox: queue.SimpleQueue[tuple[_Slot | None, dict | str]] = queue.SimpleQueue()
        self._end = PoolEnd()

    def run(self) -> PoolEnd:
        """Starts the workers and returns when all of them are gone for good, or right after `kill`."""
        try:
            for slot in self._slots:
                self._start(slot)
            while not self._end.killed and any(not slot.over for slot in self._slots):
                self._take(wait=TURN)
                for slot in self._slots:
                    self._tend(slot)
        finally:
            self._let_go()
        return self._end

    def drain(self) -> None:
        """Tells the workers to save, release and leave. Safe in a signal handler and from any thread."""
        self._inbox.put((None, "drain"))

    def kill(self) -> None:
        """Ends the workers at once and hands their jobs back. Safe in a signal handler and from any thread."""
        self._inbox.put((None, "kill"))

    def interrupt(self) -> None:
        """Drains the first time, kills from the second time on: what a Ctrl-C means."""
        self._inbox.put((None, "interrupt"))

    def _start(self, slot: "_Slot") -> None:
        stderr = None
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            slot.log = self._logs / f"worker-{os.getpid()}-{slot.number}.log"
            slot.log_from = slot.log.stat().st_size if slot.log.exists() else 0
            stderr = slot.log.open("ab")
        try:
            # In a session of its own the child gets no signal from the terminal: what a Ctrl-C means is decided here.
            slot.process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._env,
                start_new_session=True,
            )
        finally:
            if stderr is not None:
                stderr.close()
        slot.worker, slot.said_goodbye, slot.error = None, False, None
        slot.reader = threading.Thread(
            target=self._read, args=(slot, slot.process.stdout), name=f"events-{slot.number}", daemon=True
        )
        slot.reader.start()

    def _read(self, slot: "_Slot", stdout: BinaryIO) -> None:
        with stdout:
            for line in stdout:
                if (found := decode(line)) is not None:
                    self._inbox.put((slot, found))

    def _take(self, wait: float) -> None:
        """Handles what came in, waiting up to `wait` seconds for the first of it."""
        try:
            slot, message = self._inbox.get(timeout=wait)
            while True:
                self._handle(slot, message)
                slot, message = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _handle(self, slot: "_Slot | None", message: dict | str) -> None:
        if slot is not None:
            slot.hear(message)
            self._tell(message)
        elif message == "kill" or (message == "interrupt" and self._end.drained):
            self._end.killed = True
        else:
            if not self._end.drained:
                self._tell(event("draining", time.time(), None))
            self._end.drained = True
            for one in self._slots:
                one.order_drain()

    def _tend(self, slot: "_Slot") -> None:
        """Looks after one worker: notices its end, and starts it again when its wait is over."""
        if slot.over:
            return
        if slot.process is None:
            if self._end.drained:
                slot.over = True
            elif time.monotonic() >= slot.start_at:
                self._start(slot)
            return
        status = slot.process.poll()
        if status is None:
            return
        slot.reader.join(LAST_EVENTS)
        self._take(wait=0)
        slot.close_stdin()
        process, slot.process = slot.process, None
        if slot.said_goodbye:
            slot.over = True
            if slot.error is not None and slot.error not in self._end.errors:
                self._end.errors.append(slot.error)
            return
        self._crashed(slot, process.pid, status)

    def _crashed(self, slot: "_Slot", pid: int, status: int) -> None:
        tail = slot.tail()
        self._tell(event("crashed", time.time(), slot.worker, slot=slot.number, pid=pid, exit=status, tail=tail))
        slot.crashes += 1
        if slot.crashes >= self._settings.crash_limit:
            slot.over = True
            last = tail.strip().splitlines()[-1:] or ["it said nothing"]
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            self._end.errors.append(
                f"worker {slot.number} crashed {slot.crashes} times in a row without progress ({how}): {last[0]}"
            )
        slot.start_at = time.monotonic() + self._settings.wait(slot.crashes)

    def _tell(self, message: dict) -> None:
        if self._logs is not None and message["event"] != "progress":
            # One write of one line to a file opened for appending: pools that share the file do not tear it.
            with suppress(OSError), (self._logs / "events.jsonl").open("ab", buffering=0) as log:
                log.write(encode(message))  # a log that cannot be written is no reason to stop training
        self._on_event(message)

    def _let_go(self) -> None:
        """Leaves no child that waits for orders: kills where told, else closes their stdin, which drains them."""
        left = [slot for slot in self._slots if slot.process is not None]
        released = []
        if self._end.killed:
            # Released before they die: afterwards another worker might see them dead, and call that a crash.
            released = self._release_from([slot for slot in left if slot.process.poll() is None])
            for slot in left:
                slot.process.kill()
                slot.process.wait()
        for slot in left:
            slot.close_stdin()
        for held in released:
            self._tell(event("released", time.time(), held.worker, run=held.run_id))

    def _release_from(self, slots: list["_Slot"]) -> list[Holding]:
        """Hands back what these workers hold. Where the store cannot be written, that is left to rescue."""
        known = [slot for slot in slots if slot.worker is not None]
        if not known:
            return []
        # They run one command, in one workspace, of which the pool knows what they said of it.
        with suppress(StoreError), Store.open(known[0].workspace, timeout=LAST_WRITE) as store:
            return release_from(store, [slot.worker for slot in known], time.time())
        return []


@dataclass(eq=False)
class _Slot:
    """One place in the pool, and the process that fills it now."""

    number: int
    process: subprocess.Popen | None = None
    reader: threading.Thread | None = None
    worker: str | None = None  # the id that the process gave itself
    workspace: str | None = None  # where that id is known
    said_goodbye: bool = False
    error: str | None = None
    crashes: int = 0  # in a row, without progress
    start_at: float = 0.0  # monotonic seconds
    over: bool = False
    log: Path | None = None
    log_from: int = 0  # where this process's part of the log begins

    def hear(self, message: dict) -> None:
        if message["event"] in PROGRESS:
            self.crashes = 0
        elif message["event"] == "worker_started":
            self.worker, self.workspace = message["worker"], message["workspace"]
        elif message["event"] == "worker_ended":
            self.said_goodbye = True
            self.error = message.get("error")

    def order_drain(self) -> None:
        if self.process is None:
            return
        try:
            self.process.stdin.write(b"drain\n")
            self.process.stdin.flush()
        except (OSError, ValueError):  # the child is gone, and stdin with it
            return

    def close_stdin(self) -> None:
        try:
            self.process.stdin.close()
        except OSError:  # an order that the child no longer took
            return

    def tail(self) -> str:
        """The last that this process wrote to its log."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_from, size - TAIL))
            return log.read().decode(errors="replace")


@contextmanager
def signals_to(pool: Pool) -> Iterator[None]:
    """While it lasts, SIGINT, SIGTERM and SIGHUP drain the pool, and a second one kills it. For the main thread."""
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {name: signal.signal(name, lambda *_: pool.interrupt()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)

"""The child's side of a pool: a worker in a process of its own that obeys, tells and outlives no parent.

stdin carries orders: any line means drain, and so does its end, which comes when the parent is gone, however it went.
stdout carries events as JSON lines. SIGINT is the parent's business and ignored here; SIGTERM drains.

This module loads next to nothing, so that a child is under control before it starts to load what training needs.
"""

import faulthandler
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.events import Emit, encode, event
from store.errors import StoreError

if TYPE_CHECKING:
    from jobs.worker import Worker

WAITING_EVENTS = 2000  # how many events wait for a parent that does not read before further ones are dropped
FLUSH = 5.0  # seconds that the last events may take to go out
STUCK_EXIT = 70  # exit status of a worker whose update loop had to be abandoned


def serve(build: Callable[[Emit, threading.Event], "Worker"]) -> int:
    """Runs the worker that `build(emit, stop)` makes until nothing is left or it is told to drain; an exit status.

    Call it first thing in the process, and import what is heavy in `build`. Whatever prints to stdout meanwhile
    lands on stderr: stdout belongs to the events. A StoreError, which the worker tells as its last event, ends it with
    status 1. So does an exception of `build`, told likewise, since it would come again in the next process. Other
    exceptions pass through and make the process a crashed one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    _obey(stop)
    events = EventPipe(_take_stdout(), on_broken=stop.set)
    try:
        worker = build(events.send, stop)
    except Exception as error:
        traceback.print_exc()
        line = " ".join(f"{type(error).__name__}: {error}".split())
        events.send(event("worker_ended", time.time(), None, reason="error", error=line))
        events.close()
        return 1
    try:
        with worker:
            worker.run()
    except StoreError:
        return 1
    finally:
        events.close()
    return 0


def abandon() -> None:
    """Leaves the process at once, from any thread, showing where its threads are: for an update loop that hangs."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(STUCK_EXIT)


class EventPipe:
    """Writes events to a file descriptor from a thread of its own, so that a full pipe never holds up the training.

    Events are a courtesy, the database is the record: while the reader sleeps, those beyond WAITING_EVENTS are dropped.
    `on_broken` is called when the reader is gone.
    """

    def __init__(self, fd: int, on_broken: Callable[[], None]):
        self._fd = fd
        self._on_broken = on_broken
        self._waiting: queue.Queue[dict | None] = queue.Queue(WAITING_EVENTS)
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    def send(self, event: dict) -> None:
        """Takes an event to be written; returns at once."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            return

    def close(self) -> None:
        """Waits until what was sent is written, but no longer than FLUSH seconds."""
        try:
            self._waiting.put(None, timeout=FLUSH)
        except queue.Full:
            return
        self._thread.join(FLUSH)

    def _write(self) -> None:
        while (event := self._waiting.get()) is not None:
            line = encode(event)
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError:
                self._on_broken()
                return


def _take_stdout() -> int:
    """A private copy of stdout's file descriptor; stdout itself then leads to stderr."""
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    return private


def _obey(stop: threading.Event) -> None:
    """Sets `stop` on a line or the end of stdin and on SIGTERM.

    The signal goes through a pipe: a handler that set the event itself could meet its own thread inside the event's
    lock, and wait for ever.
    """
    signalled, signal_in = os.pipe()
    os.set_blocking(signal_in, False)
    signal.set_wakeup_fd(signal_in, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)

    def watch() -> None:
        select.select([0, signalled], [], [])
        stop.set()

    threading.Thread(target=watch, name="orders", daemon=True).start()

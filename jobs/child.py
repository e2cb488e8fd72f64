"""The main function of a worker process that `jobs.launcher.LocalLauncher` starts.

stdin carries orders: any line means drain, and so does its end, which comes when the parent is gone for any reason.
stdout carries events as JSON lines. SIGINT is left to the parent and ignored here; SIGTERM drains.

This module loads very little, so that a process obeys before it starts to load what training needs.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from jobs.events import Emit, Event, encode, event
from store.errors import StoreError

if TYPE_CHECKING:
    from jobs.worker import Worker

WAITING_EVENTS = 2000  # events that may wait for a parent that does not read; further ones are dropped
FLUSH = 5.0  # seconds that writing the last events may take
GARBAGE_EVERY = 700  # allocations, as Python has it
STUCK_EXIT = 70  # exit status of a worker whose update loop had to be abandoned


class CannotWork(Exception):
    """Raised by `build` where no worker can be made, for a reason that one line explains; no traceback is shown."""


def serve(build: Callable[[Emit, threading.Event], Worker]) -> int:
    """Run the worker that `build(emit, stop)` makes, until nothing is left or it drains; return the exit status.

    Call it first thing in the process, and import large packages in `build`. What is printed to stdout meanwhile goes
    to stderr: stdout is for the events. The process ends with status 1 after a StoreError, which the worker reports as
    its last event, and after an exception of `build`, which is reported likewise, since it would be raised again in
    the next process. Other exceptions pass through, so that the process counts as crashed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    _obey(stop)
    events = EventPipe(_take_stdout(), on_broken=stop.set)
    try:
        return work(build, events.send, stop)
    finally:
        events.close()


def work(build: Callable[[Emit, threading.Event], Worker], emit: Emit, stop: threading.Event) -> int:
    """Run the worker that `build(emit, stop)` makes; return an exit status, and raise, as `serve` does.

    What `build` loads stays to the end: there is no garbage to be looked for while it loads, or in it afterwards.
    """
    gc.disable()
    try:
        worker = build(emit, stop)
    except Exception as error:
        if isinstance(error, CannotWork):
            line = str(error)
            print(line, file=sys.stderr)
        else:
            line = " ".join(f"{type(error).__name__}: {error}".split())
            traceback.print_exc()
        emit(event("worker_ended", time.time(), None, reason="error", error=line))
        return 1
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY)  # a short command may keep much garbage, a worker that trains for days may not
        gc.enable()
    try:
        with worker:
            worker.run()
    except StoreError:
        return 1
    return 0


def leave(status: int) -> NoReturn:
    """End the process after `serve`, when all is written and closed. To take torch apart would take half a second."""
    sys.stderr.flush()
    os._exit(status)


def abandon() -> None:
    """End the process at once, from any thread, after printing where its threads are: for an update loop that hangs."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(STUCK_EXIT)


class EventPipe:
    """Writes events to a file descriptor from a thread of its own, so that a full pipe never delays training.

    The database is the record, events only inform: while the reader sleeps, those beyond WAITING_EVENTS are dropped.
    `on_broken` is called when the reader is gone.
    """

    def __init__(self, fd: int, on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_broken = on_broken
        self._waiting: queue.Queue[Event | None] = queue.Queue(WAITING_EVENTS)
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Put an event in line to be written; return at once."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            return

    def close(self) -> None:
        """Wait until all sent events are written, but no longer than FLUSH seconds."""
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
    """Return a private copy of stdout's file descriptor, and make stdout itself lead to stderr."""
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    return private


def _obey(stop: threading.Event) -> None:
    """Set `stop` on a line or the end of stdin, and on SIGTERM.

    The signal goes through a pipe: a handler that set the event itself could interrupt its own thread while that holds
    the event's lock, and wait for ever.
    """
    signalled, signal_in = os.pipe()
    os.set_blocking(signal_in, False)
    signal.set_wakeup_fd(signal_in, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)

    def watch() -> None:
        select.select([0, signalled], [], [])
        stop.set()

    threading.Thread(target=watch, name="orders", daemon=True).start()

"""Batches of a pack, drawn into slots: a small pack's by this process, a larger one's by others, some updates ahead.

A GPU makes an update of many runs faster than one process draws their batches. The rows are then divided among a few
processes that share the memory of the slots. They draw it block by block, a block being some updates: this process
tells them when a block may be written, and they answer with the places of their feeds after it. So there is one message
each way per process and block. The feeds of this process stay behind; where they are is known at the beginning of each
block, and they draw the batches since then again in the rare case that their state is needed.

If a process ends, whatever the reason, this one draws from the present update on. If it was an error of the task, it
is raised here at the same update as without processes.

This module loads no torch.
"""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from typing import Protocol

import numpy as np

from rnnctl.study.run import RunSpec
from rnnctl.training.feed import Feed
from rnnctl.training.slots import Arrays, Fields, Memory, Share, Start, fill_row

# Processes pay from this number of rows on. A batch takes one some 50 us, and a GPU makes an update in a few 100 us.
FEWEST_ROWS, ROWS_EACH = 16, 5
MOST_PROCESSES = 12
# One block is in use, one is being copied to the device, and two are drawn meanwhile.
BLOCKS = 4
BLOCK = 16  # updates
MOST_BYTES = 2**28  # of slots; a block is shorter where this would be exceeded


class Row(Protocol):
    """A run whose batches are drawn. step: the number of the present update, from 1."""

    spec: RunSpec
    feed: Feed
    step: int


def spare_cores(peers: int) -> int:
    """Return the number of processes that may draw for this one, on a machine that it shares with its peers.

    peers: how many processes train here, this one included. 0 where memory cannot be shared without a name.
    """
    if not hasattr(os, "memfd_create"):
        return 0
    return max(0, len(os.sched_getaffinity(0)) // peers - 1)


def processes_for(spec: RunSpec, rows: int, spare: int) -> int:
    """Return how many processes are to draw so many rows like this one, 0 if this one is. spare: see spare_cores.

    A task that reads data cuts its batches from it, which is soon done, and each process would have to load the data.
    Users' parts would have to be imported by each.
    """
    count = min(MOST_PROCESSES, spare, rows // ROWS_EACH)
    return count if count >= 2 and rows >= FEWEST_ROWS and spec.task.data is None and not spec.users_parts else 0


class Drawing:
    """Draws the batches of rows, update by update. Call begin() first, and again when rows have left.

    rows: the first ones. size: bytes of a slot for them. spare: see spare_cores.
    memory: (slots, bytes), where the slots must then be; None if they can be anywhere.
    """

    def __init__(self, rows: Sequence[Row], size: int, spare: int) -> None:
        self.memory: Memory | None = None
        self._rows: Sequence[Row] = []
        self._processes: list[_Process] = []
        # Updates of a block, those of the present one that were taken and are left, and its number.
        self._block = self._taken = self._left = self._number = 0
        # Answers, which hold the places of the rows' feeds at the beginning of the present block and at its end.
        self._begun: list[bytes] = []
        self._ended: list[bytes] = []
        self._close = weakref.finalize(self, _end, self._processes)
        if count := processes_for(rows[0].spec, len(rows), spare):
            self._block = max(1, min(BLOCK, MOST_BYTES // (BLOCKS * size)))
            with suppress(OSError):  # no memory, or no more processes are allowed
                self._start(count, size)

    def _start(self, count: int, size: int) -> None:
        fd = os.memfd_create("rnnctl")
        try:
            os.ftruncate(fd, BLOCKS * self._block * size)
            self.memory = np.frombuffer(mmap.mmap(fd, 0), np.uint8).reshape(-1, size)
            for _ in range(count):
                self._processes.append(_Process(fd))
        finally:
            os.close(fd)

    def begin(self, rows: Sequence[Row], fields: Fields, wait: Callable[[int], None]) -> None:
        """Draw these rows from now on, from the first slot on, in this layout. Nothing of before is needed any more.

        wait: waits until what was drawn into a slot, given by its number, may be overwritten.
        """
        self.settle()
        self._rows, self._wait = list(rows), wait
        self._number, self._taken, self._left = -1, 0, 0
        if self._processes:
            self._begun = self._ended = [pickle.dumps([row.feed.place() for row in rows])]
            try:
                self._divide(fields)
            except (EOFError, OSError):
                self._draw_here()

    def fill(self, arrays: Arrays) -> None:
        """Have the batches of the next update in the next slot. The rows' steps are already those of this update."""
        if self._processes:
            try:
                if not self._left:
                    self._next_block()
                self._taken, self._left = self._taken + 1, self._left - 1
                return
            except (EOFError, OSError):
                self._draw_here()
        for r, row in enumerate(self._rows):
            fill_row(arrays, r, row.feed, row.spec, row.step)

    def settle(self) -> None:
        """Let the rows' feeds be where the batches are that were taken. Call it before their states are asked for."""
        if self._processes and self._rows:
            places = [place for answer in self._begun for place in pickle.loads(answer)]
            for row, (state, batches) in zip(self._rows, places, strict=True):
                row.feed.follow(state, batches + self._taken)

    def close(self) -> None:
        """End the processes."""
        self._close()

    def _divide(self, fields: Fields) -> None:
        assert self.memory is not None
        for process in self._processes:
            process.finish()
        count = processes_for(self._rows[0].spec, len(self._rows), len(self._processes))
        _end(self._processes, count)
        if not count:
            return
        starts = [Start(r, row.spec, row.step, *row.feed.place()) for r, row in enumerate(self._rows)]
        shares = [starts[i * len(starts) // count : (i + 1) * len(starts) // count] for i in range(count)]
        for process, share in zip(self._processes, shares, strict=True):
            process.send(pickle.dumps(Share(dict(fields), len(self.memory), self._block, share)))
        for _ in range(BLOCKS - 2):
            self._order()

    def _next_block(self) -> None:
        answers = [process.answer() for process in self._processes]
        self._begun, self._ended = self._ended, answers
        self._number, self._taken, self._left = self._number + 1, 0, self._block
        # The slots of the block that is ordered now were in use two blocks ago.
        place = (self._number + BLOCKS - 2) % BLOCKS
        self._wait((place + 1) * self._block - 1)
        self._order()

    def _order(self) -> None:
        for process in self._processes:
            process.order()

    def _draw_here(self) -> None:
        self.settle()
        _end(self._processes)
        print("a process that draws batches has ended: this process draws them itself from now on", file=sys.stderr)


class _Process:
    """A process that draws. Its methods raise EOFError or OSError if it has ended."""

    def __init__(self, memory_fd: int) -> None:
        self._connection, theirs = Pipe()
        self._ordered = 0  # blocks that it has not answered yet
        with theirs:
            fds = theirs.fileno(), memory_fd
            command = [sys.executable, "-P", "-m", "rnnctl.training.drawing_process", *map(str, fds)]
            null = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=null, stdout=null, pass_fds=fds)

    def send(self, share: bytes) -> None:
        self._connection.send_bytes(share)

    def order(self) -> None:
        """Have it draw the next block."""
        self._connection.send_bytes(b"")
        self._ordered += 1

    def answer(self) -> bytes:
        """Return its answer to the first order without one; wait until it is there."""
        answer = self._connection.recv_bytes()
        self._ordered -= 1
        return answer

    def finish(self) -> None:
        """Wait until it has nothing more to draw."""
        while self._ordered:
            self.answer()

    def end(self) -> None:
        # It has nothing to save.
        self._process.kill()
        self._process.wait()
        self._connection.close()


def _end(processes: list[_Process], left: int = 0) -> None:
    """End all processes but the first ones."""
    while len(processes) > left:
        processes.pop().end()

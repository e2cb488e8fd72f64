"""Train runs one after the other, and tell how much memory each took at its peak, beyond what the process had before.

    python -m tests.slow.peak_memory < RUNS        one JSON object a line; for each, one line with the bytes

Start it in the environment of a worker. Linux counts the peak anew when it is told to; other systems cannot.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from rnnctl.determinism import settle_torch
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, train_pack
from rnnctl.training.recorder import Relative

PROCESS = Path("/proc/self")


class Files:
    """A recorder that writes checkpoints to files, as the store does, and forgets them."""

    draining = False

    def held(self, run_id: str) -> bool:
        return True

    def resume(self, run_id: str) -> None:
        return None

    def relatives(self, run_id: str, trajectory: str) -> Iterable[Relative]:
        return ()

    def extend(self, *what: object) -> bool:
        return False

    def progress(self, run_id: str, step: int) -> None:
        pass

    def commit(self, run_id: str, step: int, write: Callable[[BinaryIO], None], *what: object) -> bool:
        with tempfile.TemporaryFile() as file:
            write(file)
        return True

    def emit(self, event: str, **fields: object) -> None:
        pass


def small(run: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Return a small run that needs the same code, which is thus loaded and compiled before anything is measured."""
    return {
        **run,
        "model": {**run["model"], "hidden": 16},
        "train": {**run["train"], "batch": 2},
        "check": {**run["check"], "samples": 4, "chunk": 2, "diagnostic_batch": 2},
    }


def train(run: dict[str, dict[str, object]]) -> None:
    train_pack({"run": RunSpec.model_validate(run).identified()}, Files(), device="cpu", cadence=Cadence())


def status(key: str) -> int:
    match = re.search(rf"^{key}:\s+(\d+) kB$", (PROCESS / "status").read_text(), re.M)
    assert match is not None
    return 1024 * int(match[1])


def peak_of(run: dict[str, dict[str, object]]) -> int:
    """Return the bytes that a run takes at its peak. It is trained in a child: the memory that it leaves behind in its
    process would be taken by the next run again, and not be counted.
    """
    train(small(run))
    gc.collect()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = status("VmRSS")
        (PROCESS / "clear_refs").write_text("5")
        train(run)
        os.write(writer, str(status("VmHWM") - before).encode())
        os._exit(0)
    _, end = os.waitpid(child, 0)
    assert end == 0, "the run failed"
    return int(os.read(reader, 100))


if __name__ == "__main__":
    settle_torch()
    for line in sys.stdin:
        print(peak_of(json.loads(line)), flush=True)

"""A whole `rnnctl train`, from start to prompt, beside scripts that train the same networks one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rnnctl.bench import script
from rnnctl.bench.cases import ec1
from rnnctl.bench.registered import register
from rnnctl.bench.timing import Comparison

RUNS, UPDATES, AT_ONCE = 8, 400, 2


def whole_command(repeats: int, runs: int = RUNS, updates: int = UPDATES) -> Comparison:
    """Compare `rnnctl train --workers 2` on runs of EC1's shape with one script a run, two at a time.

    The unit is all runs. Registering them is not timed, and kernels are compiled already: the first command of a
    machine takes longer.
    """
    seeds = range(1, runs + 1)
    ours, theirs = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            register(Path(folder), map(ec1, seeds), updates)
            command = [sys.executable, "-P", "-m", "rnnctl", "train", "--workers", str(AT_ONCE)]
            ours.append(_seconds([command], folder))
        scripts = [[sys.executable, script.__file__, str(seed), str(updates)] for seed in seeds]
        theirs.append(_seconds(scripts, None))
    name = f"{runs} runs of EC1, {updates} updates, a check every {ec1().check.every}: the whole command, two workers"
    return Comparison(name, "torch.nn.RNN, no Omega: a script a run, two at a time", ours, theirs)


def _seconds(commands: Iterable[list[str]], folder: str | None) -> float:
    """Return the seconds in which all commands end, two at a time, each on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    def run(command: list[str]) -> None:
        subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )

    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, commands))
    return time.perf_counter() - start

"""A laboratory for tests of the command line: real processes in real workspaces."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from store import Store, checkpoints, history, queries

TINY = """\
study: tiny
about: Four runs that a test can wait for.
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {hidden: 12, init: orthogonal}
  train: {updates: 120, batch: 10, lr: 0.05}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
grid: {train.omega: [0, 1.0]}
seeds: [1, 2]
"""


def environment(**extra):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RNNCTL", "COV"))}
    return {**kept, **extra}


def rnnctl(*args, cwd, check=None, timeout=120, **extra):
    """Run the command line to its end. check: the exit status that it must have."""
    command = [sys.executable, "-m", "rnnctl", *map(str, args)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def one_line(done, *fragments):
    """What a user reads of an error: one line on stderr, nothing on stdout, all fragments in it."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    for fragment in fragments:
        assert fragment in lines[0], lines[0]


def start_train(cwd, *args):
    """Start `rnnctl train` in the background; its output is discarded."""
    command = [sys.executable, "-m", "rnnctl", "train", *map(str, args)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=cwd, env=environment(), **quiet)


def workspace(folder: Path, study: str = TINY) -> Path:
    """A new workspace with a study registered in it."""
    folder.mkdir()
    (folder / "study.yaml").write_text(study)
    rnnctl("init", "study.yaml", cwd=folder, check=0)
    return folder


def wait_until(condition, what, seconds=90.0):
    """Poll a condition; fail, saying what did not happen, after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"after {seconds} s still not: {what}")


def counts(folder):
    with Store.open(folder, readonly=True) as store:
        return queries.counts(store)


def rows(folder):
    with Store.open(folder, readonly=True) as store:
        return queries.runs_of(store)


def bits(folder):
    """All that training decided, by run: final state without wall time, history with traces, outcome."""
    found = {}
    with Store.open(folder, readonly=True) as store:
        for row in queries.runs_of(store):
            path = folder / checkpoints.newest_sound(store, row.run_id).checkpoint.path
            state = torch.load(path, weights_only=True)
            past = history.read(store, [row.run_id], traces=True)[row.run_id]
            found[row.run_id] = {
                "state": {
                    key: value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
                    for key, value in state.items()
                    if key != "seconds"
                },
                "steps": past.steps.tolist(),
                "scalars": {name: values.tobytes() for name, values in past.scalars.items()},
                "traces": {name: [row.tobytes() for row in values] for name, values in past.traces.items()},
                "outcome": row.outcome,
            }
    return found

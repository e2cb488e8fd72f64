"""The command line for tests: commands in real workspaces, in this process or in one of their own."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
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


# Commands that start processes of their own, or time themselves: they run as a user runs them. All others run in the
# test's process, where nothing has to be loaded again, and so do these where they are to be refused.
STARTS_PROCESSES = ("train", "bench")
REFUSED = (2, 3)  # exit statuses of commands that start nothing: wrong usage, and nothing to do

# Seconds until a process that does not end is given up. Nothing that is tested takes a tenth of it on a quiet machine.
PATIENCE = 900.0


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def environment(**extra: str) -> dict[str, str]:
    """The environment of a command: this process's without settings of rnnctl, and with `extra`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RNNCTL", "COV"))}
    return {**kept, **extra}


def rnnctl(*args: object, cwd: Path, check: int | None = None, **extra: str) -> Done:
    """Run a command to its end in the folder `cwd`. check: the exit status that it must have."""
    words = [os.fspath(arg) if isinstance(arg, os.PathLike) else str(arg) for arg in args]
    if words[:1] and words[0] in STARTS_PROCESSES and check not in REFUSED and "--help" not in words:
        return in_a_process(sys.executable, "-m", "rnnctl", *words, cwd=cwd, check=check, **extra)
    return _checked(_in_this_process(words, cwd, environment(**extra)), check)


def in_a_process(*command: object, cwd: Path, check: int | None = None, **extra: str) -> Done:
    """Run any command line to its end in a process of its own, without a terminal."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    return _checked(Done(done.returncode, done.stdout, done.stderr), check)


def _checked(done: Done, check: int | None) -> Done:
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _in_this_process(words: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> Done:
    """Run a command in this process, with the streams, folder, variables and empty caches that a new one would have."""
    from rnnctl.cli.app import main

    out, error = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    folder_before, variables_before = Path.cwd(), dict(os.environ)
    _forget_what_was_read()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.multiple(sys, argv=["rnnctl", *words], stdout=out, stderr=error))
        stack.enter_context(mock.patch.object(sys, "stdin", stack.enter_context(open(os.devnull))))
        stack.callback(sys.modules.__setitem__, "__main__", sys.modules["__main__"])
        sys.modules["__main__"] = ModuleType("__main__")  # a script: its name in help is that of the command
        stack.callback(os.chdir, folder_before)
        stack.callback(_replace_environment, variables_before)
        stack.callback(gc.enable)  # a command that ends with its process need not
        os.chdir(cwd)
        _replace_environment({"COLUMNS": "80", **variables})
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert isinstance(code, int)
    for stream in (out, error):
        stream.flush()
    return Done(code, out.buffer.getvalue().decode(), error.buffer.getvalue().decode())


def _replace_environment(variables: Mapping[str, str]) -> None:
    """Give this process exactly these variables."""
    os.environ.clear()
    os.environ.update(variables)


def _forget_what_was_read() -> None:
    """Empty the caches of functions: what they hold is true for one command, not after files have changed."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("rnnctl", "jobs", "store", "plots"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def one_line(done, *fragments):
    """What a user reads of an error: one line on stderr, nothing on stdout, all fragments in it."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    for fragment in fragments:
        assert fragment in lines[0], lines[0]


def train_here(folder: Path, events: Callable[[dict[str, Any]], None] = lambda event: None, **options: Any) -> None:
    """Train all queued runs in this process, as the one worker of `rnnctl train` would. options: of the worker."""
    from rnnctl.lab.work import build_worker
    from rnnctl.lab.worker_options import WorkerOptions

    _forget_what_was_read()
    with build_worker(WorkerOptions(folder, "cpu", **options), events, threading.Event()) as worker:
        worker.run()


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


def wait_until(condition, what, seconds=PATIENCE):
    """Poll a condition; fail, saying what did not happen, after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if actual := condition():
            return actual
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
    actual = {}
    with Store.open(folder, readonly=True) as store:
        for row in queries.runs_of(store):
            path = folder / checkpoints.newest_sound(store, row.run_id).checkpoint.path
            state = torch.load(path, weights_only=True)
            past = history.read(store, [row.run_id], traces=True)[row.run_id]
            actual[row.run_id] = {
                "state": {
                    key: value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
                    for key, value in state.items()
                    if not key.endswith("seconds")
                },
                "steps": past.steps.tolist(),
                "scalars": {name: values.tobytes() for name, values in past.scalars.items()},
                "traces": {name: [row.tobytes() for row in values] for name, values in past.traces.items()},
                "outcome": row.outcome,
            }
    return actual

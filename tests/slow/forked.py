"""Workers for campaigns, forked from a process that has loaded and compiled everything: each starts in milliseconds.

This file is also the program of that process. It reads one order per line on stdin and answers each with one line.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LONGEST = 600.0  # seconds that any task may take; tasks take a few


@dataclass(frozen=True)
class Task:
    """What a forked process does, one thing after the other."""

    folder: str  # of the workspace
    study: str | None = None  # a study file that is registered first, by `rnnctl init`
    options: Mapping[str, Any] | None = None  # of the worker that then works until nothing is left; None: no worker
    events: str | None = None  # a file to which the worker's events are appended, and its errors too
    failing_call: int | None = None  # the file-changing call on the workspace at which the process is disturbed
    disturbance: str = "kill"  # a name of `DISTURBANCES`
    count_calls: bool = False  # append to the file of events how many such calls there were
    file_size: int | None = None  # RLIMIT_FSIZE in bytes


# The numbers are those of file_calls.c.
DISTURBANCES = {"kill": 0, "torn write": 1, "full disk": 2}


class Forks:
    """The process that forks, and what it has forked."""

    def __init__(self, preload: Path | None = None) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        if preload is not None:
            env["LD_PRELOAD"] = str(preload)
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
        )
        self._running: set[int] = set()

    def warm_up(self, task: Task) -> None:
        """Do a task in the process that forks, so that all others find everything loaded. It must go well."""
        assert self._ask({"here": asdict(task)}) == 0

    def start(self, task: Task) -> int:
        """Fork a process that does a task; return its pid."""
        pid = self._ask({"fork": asdict(task)})
        self._running.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """Return the exit status of a process, negative: the signal that killed it."""
        status = self._ask({"wait": pid})
        self._running.discard(pid)
        return status

    def run(self, task: Task) -> int:
        """Do `start` and `wait`."""
        return self.wait(self.start(task))

    def _ask(self, order: Mapping[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        if not select.select([self._server.stdout], [], [], LONGEST)[0]:
            self._show_where_all_are()
            raise AssertionError(f"no answer after {LONGEST:.0f} s: {dict(order)}")
        answer = self._server.stdout.readline()
        assert answer, "the process that forks has died"
        return int(answer)

    def _show_where_all_are(self) -> None:
        """Let each process print the stacks of its threads to stderr."""
        for pid in (*self._running, self._server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        time.sleep(1.0)

    def close(self) -> None:
        """End all that still runs."""
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.kill()
        self._server.communicate()


@contextmanager
def forks(preload: Path | None = None) -> Iterator[Forks]:
    """Start the process that forks, and end it with all that it has forked."""
    server = Forks(preload)
    try:
        yield server
    finally:
        server.close()


def events_of(path: Path) -> list[dict[str, Any]]:
    """Return the events in a file that tasks have appended to."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- in the process that forks --------------------------------------------------------------------


def _serve() -> None:
    faulthandler.register(signal.SIGUSR1)  # forked processes inherit this
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        if "fork" in order:
            answer = _fork(Task(**order["fork"]))
        elif "here" in order:
            answer = _do(Task(**order["here"]))
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        os.write(answers, f"{answer}\n".encode())


def _fork(task: Task) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        status = _do(task)
    except BaseException as error:
        _note(task, {"event": "raised", "error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(status)


def _do(task: Task) -> int:
    if task.file_size is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (task.file_size, resource.RLIM_INFINITY))
    library = _armed(task)
    os.chdir(task.folder)
    status = 0
    if task.study is not None:
        status = _init(task)
    if status in (0, 3) and task.options is not None:
        status = _work(task)
    if library is not None and task.count_calls:
        _note(task, {"event": "calls", "calls": library.file_calls()})
    return status


def _armed(task: Task) -> Any:
    """Tell the library of file_calls.c, which was loaded before all others, what to do."""
    if task.failing_call is None and not task.count_calls:
        return None
    import ctypes

    library = ctypes.CDLL(None)
    library.file_calls.restype = ctypes.c_long
    library.watch_file_calls.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
    library.watch_file_calls(task.folder.encode(), task.failing_call or 0, DISTURBANCES[task.disturbance])
    return library


def _init(task: Task) -> int:
    """Run `rnnctl init`, and note what it says on stderr."""
    import io

    from rnnctl.cli.app import main

    sys.argv = ["rnnctl", "init", str(task.study)]
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
        if status:
            sys.stderr.flush()
            _note(task, {"event": "init", "status": status, "said": sys.stderr.buffer.getvalue().decode()})
        return status
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    raise AssertionError("main always exits")


def _work(task: Task) -> int:
    import threading

    from rnnctl.lab.work import build_worker
    from rnnctl.lab.worker_options import WorkerOptions
    from store import StoreError

    options = WorkerOptions(Path(task.folder), "cpu", **(task.options or {}))
    try:
        with build_worker(options, lambda event: _note(task, event), threading.Event()) as worker:
            worker.run()
    except StoreError:
        return 1
    return 0


def _note(task: Task, event: Mapping[str, Any]) -> None:
    if task.events is not None:
        from jobs.events import encode

        with open(task.events, "ab", buffering=0) as file:
            file.write(encode(dict(event)))


if __name__ == "__main__":
    _serve()

"""Workers that are stopped past their lease and overtaken write nothing when they go on."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from store import Store
from tests.cli.command_line import bits, rnnctl, wait_until
from tests.cli.survival import unfinished, updates_of_workers
from tests.slow.bounds import bounded
from tests.slow.forked import Task, events_of, forks
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY = 900, 100
ZOMBIES, MOST_ROUNDS, AT_ONCE = 20, 10, 5
OPTIONS = {"lease": 3.0, "checkpoint_seconds": 0.3, "pack": 1, "peers": AT_ONCE}
KEPT = ("runs", "jobs", "attempts", "checkpoints", "history", "answers")  # tables of what is kept of runs


def locked(folder: Path) -> bool:
    """Return whether somebody holds a lock: one that writes, or one that reads and so keeps others from committing."""
    with closing(sqlite3.connect(folder / "rnnctl.db", timeout=0.5, isolation_level=None)) as other:
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        other.execute("ROLLBACK")
    return False


def stop_while_it_holds_a_run(folder: Path, pid: int) -> bool:
    """Stop a worker that holds a run and has moved, but no lock that others wait for. Return False if it has ended."""

    def stopped():
        if not updates_of_workers(folder).get(pid):
            return "ended" if ended(pid) else None
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: states(pid) <= {"T", "Z", "X"}, "all threads of a worker to stop")
        if not locked(folder) and updates_of_workers(folder).get(pid):
            return "stopped"
        os.kill(pid, signal.SIGCONT)
        return None

    return wait_until(stopped, "a worker that can be stopped") == "stopped"


def ended(pid: int) -> bool:
    """Return whether a process has ended: it waits, as a dead one, for the one that forked it."""
    return state(Path(f"/proc/{pid}")) == "Z"


def states(pid: int) -> set[str]:
    """Return the states of the threads of a process: a signal does not stop all of them at once."""
    return {state(thread) for thread in Path(f"/proc/{pid}/task").iterdir()}


def state(entry: Path) -> str:
    """Return the state of a process or thread by its folder in /proc; X for one that is gone."""
    try:
        return entry.joinpath("stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def everything(folder: Path):
    """Return all rows of all runs, and the names and sizes of all checkpoint files."""
    with Store.open(folder, readonly=True) as store:
        tables = {table: sorted(map(repr, map(tuple, store.rows(f"SELECT * FROM {table}")))) for table in KEPT}
    return tables, sorted((str(path), path.stat().st_size) for path in (folder / "checkpoints").rglob("*.*"))


def test_twenty_zombies_write_nothing(tmp_path, figure):
    study = tmp_path / "study.yaml"
    study.write_text(study_of_every_cell(UPDATES, EVERY, seeds=2))
    zombies = 0
    with forks() as server:
        quiet = Task(str(tmp_path / "quiet"), str(study), {"checkpoint_seconds": 1e9})
        Path(quiet.folder).mkdir()
        server.warm_up(quiet)
        undisturbed = bits(Path(quiet.folder))
        rounds = 0
        while zombies < ZOMBIES and rounds < MOST_ROUNDS:
            rounds += 1
            folder = tmp_path / f"round {rounds}"
            folder.mkdir()
            task = Task(str(folder), None, OPTIONS)
            assert server.run(Task(str(folder), str(study))) == 0
            with bounded():
                zombies += one_round(server, task, undisturbed)
    figure("zombies:", zombies)
    figure("rounds:", rounds)
    assert zombies >= ZOMBIES


def one_round(server, task: Task, undisturbed) -> int:
    """Stop workers, let others finish their runs, and let them go on. Return how many were overtaken."""
    folder = Path(task.folder)
    workers = {}
    for number in range(AT_ONCE):
        log = Path(f"{folder}.{number}.events")
        workers[server.start(replace(task, events=str(log)))] = log
    # On a busy machine a worker can come to its end before it is stopped.
    stopped = {pid: log for pid, log in workers.items() if stop_while_it_holds_a_run(folder, pid)}
    assert [server.wait(pid) for pid in workers.keys() - stopped.keys()] == [0] * (len(workers) - len(stopped))
    before = {pid: events_of(log) for pid, log in stopped.items()}
    while unfinished(folder):
        rnnctl("retry", "--failed", cwd=folder)  # where a busy machine let leases end
        others = [server.start(task) for _ in range(2)]
        assert [server.wait(pid) for pid in others] == [0, 0]
    kept = everything(folder)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert [server.wait(pid) for pid in stopped] == [0] * len(stopped)
    assert everything(folder) == kept
    overtaken = 0
    for pid, log in stopped.items():
        later = [event["event"] for event in events_of(log)[len(before[pid]) :]]
        overtaken += "lease_lost" in later
        assert not {"finished", "released", "failed"} & set(later), later
    assert_as_undisturbed(folder, undisturbed, UPDATES, EVERY)
    assert_sound(folder)
    return overtaken

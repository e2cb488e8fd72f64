"""Measure training on a cluster. No test: run it on a quiet machine.

    python -m tests.slow.cluster.measure overhead FOLDER [--updates N] [--pairs N]
    python -m tests.slow.cluster.measure steady FOLDER [--rounds N]
    python -m tests.slow.cluster.measure ledger FOLDER [--runs N] [--slots N] [--finished N]

overhead: `--ray local --slots 2` against `--workers 2` on the same study, in pairs. steady: the same without start and
end, in turns of seconds, where a machine's own speed changes within a pair by more than what is measured. ledger: many
tiny runs on slots of this machine, commits a second of the ledger and its share of the time, and how long `examine`
takes meanwhile in a workspace with many finished runs. FOLDER is made, and must not exist. Seconds of CPU are those of
all processes that a command started, of the processes that train, and of the ledger.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from jobs.load import Load, loads
from rnnctl.study.values import MAX_VALUES
from store import Store, checkpoints, commits, history, queries, queue, workers
from tests.checks import CheckRow
from tests.cli.command_line import environment, workspace
from tests.cli.survival import slow_study

WAYS = {"workers": ("--workers", 2), "ray": ("--ray", "local", "--slots", 2)}
STARTED = 35.0  # seconds after which both ways have begun to train
TURN = 11.0  # seconds; progress is told every ten
ENDLESS = 1_000_000  # updates
AT_ONCE = 500  # runs that are marked as done in one transaction
SAMPLE = 0.25  # seconds between looks at processes

MANY = """\
study: many
base:
  task: {name: temporal_order, min_length: 10, max_length: 12}
  model: {hidden: 8, init: orthogonal}
  train: {updates: 40, batch: 5}
  check: {every: 20, samples: 20, chunk: 20, diagnostic_batch: 5}
  stop: {solved: never}
grid: {train.lr: RATES}
seeds: {range: [1, LAST]}
"""
SUMMARY = {
    "step": 40,
    "best_error": 0.5,
    "best_step": 40,
    "floor": 1.386,
    "floor_se": 0.0,
    "chance_error": 0.75,
    "broke_floor_at": None,
    "seconds": 0.1,
}


@dataclass
class Cost:
    """What a command took, in seconds."""

    wall: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)  # by process
    kinds: dict[int, str] = field(default_factory=dict)  # train, ledger, or other

    def of(self, *kinds: str) -> float:
        """Return the CPU time of processes of some kinds; of all of them if none is named."""
        return sum(cpu for pid, cpu in self.cpu.items() if not kinds or self.kinds[pid] in kinds)

    def sample(self, root: psutil.Process) -> None:
        """Look at a process and all that it has started."""
        with suppress(psutil.Error):
            for process in [root, *root.children(recursive=True)]:
                with suppress(psutil.Error):
                    times, kind = process.cpu_times(), _kind(process.cmdline())
                    self.cpu[process.pid] = times.user + times.system
                    self.kinds[process.pid] = kind


def _kind(command: Sequence[str]) -> str:
    line = " ".join(command)
    if "ray::Trainer" in line or "rnnctl worker" in line or " worker {" in line:
        return "train"
    return "ledger" if "ray::Ledger" in line else "other"


def measured(folder: Path, *options: object) -> Cost:
    """Train a workspace to its end, and return what that took."""
    command = [sys.executable, "-m", "rnnctl", "train", *map(str, options)]
    cost, began = Cost(), time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    root = psutil.Process(process.pid)
    while process.poll() is None:
        cost.sample(root)
        time.sleep(SAMPLE)
    cost.wall = time.monotonic() - began
    assert process.returncode == 0, process.returncode
    return cost


def overhead(folder: Path, updates: int, pairs: int) -> None:
    """Print the times of pairs of trainings, and their ratios."""
    folder.mkdir(parents=True)
    study = slow_study(updates).replace("seeds: [1, 2]", "seeds: [1, 2, 3, 4]")
    ratios = []
    for pair in range(pairs):
        costs = {}
        for name, options in list(WAYS.items())[:: -1 if pair % 2 else 1]:  # neither is always the first
            cost = costs[name] = measured(workspace(folder / f"{name}-{pair}", study), *options)
            parts = ", ".join(f"{kind} {cost.of(kind):.1f}" for kind in ("train", "ledger", "other"))
            print(f"{name:8} wall {cost.wall:7.1f} s, CPU {cost.of():7.1f} s ({parts})", flush=True)
        ratios.append((costs["ray"].wall / costs["workers"].wall, costs["ray"].of() / costs["workers"].of()))
        print(f"ratio    wall {ratios[-1][0]:7.3f}    CPU {ratios[-1][1]:7.3f}", flush=True)
    for name, values in zip(("wall", "CPU"), zip(*ratios, strict=True), strict=True):
        print(f"median ratio of {name}: {statistics.median(values):.3f}")


class Turn:
    """A training that works in turns: its processes are stopped between them, and its time stands still."""

    def __init__(self, root: Path, options: Sequence[object]) -> None:
        self._active = 0.0  # seconds of all turns before this one
        self._since: float | None = time.monotonic()
        self._told: list[tuple[float, int]] = []  # its time, and updates in all
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rnnctl", "train", *map(str, options)],
            cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def go(self) -> None:
        """Begin a turn."""
        self._since = time.monotonic()
        self._each(psutil.Process.resume)

    def stop(self) -> None:
        """End a turn."""
        self._each(psutil.Process.suspend)
        self._active, self._since = self._time(), None

    def kill(self) -> None:
        """End the training."""
        self._each(psutil.Process.kill)

    def rate(self, since: int) -> float:
        """Return updates per second since a line of progress."""
        assert self.lines() > since + 1, "nothing was told in so few rounds; ask for more"
        (first, before), (last, after) = self._told[max(0, since)], self._told[-1]
        return (after - before) / (last - first)

    def lines(self) -> int:
        """Return how many lines of progress there are."""
        return len(self._told)

    def _time(self) -> float:
        return self._active + (0.0 if self._since is None else time.monotonic() - self._since)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if told := re.match(r"([\d,]+) of [\d,]+ updates", line):
                self._told.append((self._time(), int(told[1].replace(",", ""))))

    def _each(self, do: Callable[[psutil.Process], None]) -> None:
        root = psutil.Process(self._process.pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                do(process)


def steady(folder: Path, rounds: int) -> None:
    """Print updates per second of both ways, which take turns on the machine, and the ratio."""
    folder.mkdir(parents=True)
    study = slow_study(ENDLESS).replace("seeds: [1, 2]", "seeds: [1, 2, 3, 4]")
    turns: dict[str, Turn] = {}
    try:
        for name, options in WAYS.items():
            turns[name] = Turn(workspace(folder / name, study), options)
            time.sleep(STARTED)
            turns[name].stop()
        since = {name: turn.lines() - 1 for name, turn in turns.items()}
        for number in range(rounds):
            for turn in list(turns.values())[:: -1 if number % 2 else 1]:
                turn.go()
                time.sleep(TURN)
                turn.stop()
        rates = {name: turn.rate(since[name]) for name, turn in turns.items()}
    finally:
        for turn in turns.values():
            turn.kill()
    print(f"updates/s: {', '.join(f'{name} {rate:.0f}' for name, rate in rates.items())}")
    print(f"an update takes {rates['workers'] / rates['ray']:.3f} times as long on a cluster", flush=True)


def ledger(folder: Path, runs: int, slots: int, finished: int) -> None:
    """Print the commits a second of a ledger, its share of the time, and the times of `examine` meanwhile."""
    folder.mkdir(parents=True)
    rates = -(-(finished + runs) // MAX_VALUES)
    seeds = -(-(finished + runs) // rates)  # of each rate, so that there are a few finished runs more at most
    study = MANY.replace("RATES", str([(1 + i) / 100 for i in range(rates)])).replace("LAST", str(seeds))
    root = workspace(folder / "w", study)
    _finish(root, rates * seeds - runs)
    print(f"examine before: {_examine(root):.1f} s", flush=True)
    seen: list[Load] = []
    examined: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            seen.extend(loads(root / "logs"))

    def examine() -> None:
        while not over.wait(10.0):
            examined.append(_examine(root))

    threads = [threading.Thread(target=work) for work in (watch, examine)]
    for thread in threads:
        thread.start()
    try:
        cost = measured(root, "--ray", "local", "--slots", slots, "--cpus-per-slot", 2 / slots)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    commits = max((load.commits for load in seen), default=0)
    working = [load for load in seen if load.commits]
    print(
        f"{runs} runs on {slots} slots: wall {cost.wall:.1f} s, {commits} commits, {commits / cost.wall:.1f} a second"
    )
    print(f"CPU: train {cost.of('train'):.1f} s, ledger {cost.of('ledger'):.1f} s, other {cost.of('other'):.1f} s")
    if working:
        print(
            f"ledger busy: median {statistics.median(load.busy for load in working):.2f}, "
            f"most {max(load.busy for load in working):.2f} of the time; "
            f"commits a second at most {max(load.commits_per_second for load in working):.1f}; "
            f"slowest commit {max(load.slowest for load in working):.2f} s"
        )
    shown = ", ".join(f"{seconds:.1f}" for seconds in examined)
    print(f"examine of {finished} finished runs meanwhile: {shown} s")
    with Store.open(root, readonly=True) as store:
        print("runs:", {status: count for status, count in queries.counts(store).items() if count})


def _examine(root: Path) -> float:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "rnnctl", "examine", "--json"],
        cwd=root, env=environment(), stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.monotonic() - began


def _finish(root: Path, finished: int) -> None:
    """Mark so many queued runs as done, with results as training leaves them."""
    with Store.open(root) as store:
        identity = workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu")
        workers.start(store, identity, {"bits": {"threads": 1}}, 100.0)
        for first in range(0, finished, AT_ONCE):
            most = min(AT_ONCE, finished - first)
            claims = queue.claim(store, "w", 100.0, 60.0, partial(_always, most), 1, 1)
            saves = [
                commits.Save(
                    claim,
                    checkpoints.write(store.workspace, claim.run_id, claim.attempt, 40, lambda file: file.write(b"w")),
                    history.encode([CheckRow(40, {"valid_loss": loss, "valid_error": 0.5, "rho": 1.0, "reach": 0.5})]),
                    {
                        **SUMMARY,
                        "best_loss": loss,
                        "last": {"valid_loss": loss, "valid_error": 0.5, "valid_samples": 20},
                    },
                    110.0,
                    "budget",
                )
                for claim in claims
                for loss in [1.0 + hash(claim.run_id) % 1000 / 2000]
            ]
            assert not any(commits.commit_all(store, saves))


def _always(most: int, shape: str) -> int:
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("overhead", "steady", "ledger"))
    parser.add_argument("folder", type=Path)
    for name, default in (
        ("updates", 40_000),
        ("pairs", 3),
        ("rounds", 10),
        ("runs", 2000),
        ("slots", 8),
        ("finished", 20_000),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    if asked.what == "overhead":
        overhead(asked.folder, asked.updates, asked.pairs)
    elif asked.what == "steady":
        steady(asked.folder, asked.rounds)
    else:
        ledger(asked.folder, asked.runs, asked.slots, asked.finished)


if __name__ == "__main__":
    main()

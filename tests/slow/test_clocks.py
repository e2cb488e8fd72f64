"""Clocks that are set back and forward, between attempts and during runs: no run waits, and the end is the same."""

from __future__ import annotations

import random

import pytest

from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record
from tests.jobs.workbench import Workbench

HOUR, TEN_YEARS = 3600.0, 3.2e8
JUMPS = (-TEN_YEARS, -HOUR, -90.0, 90.0, HOUR, TEN_YEARS)
TOLD = 1.0e9  # seconds since 1970 at the beginning of a story
STORIES = 60
# A lease, the tolerance for clocks that differ, the wait before a retry and a beat for others after a sleep, and some.
LONGEST_END = 60 + 60 + 60 + 10 + 60


class Story:
    """A workspace in which clocks are set, workers die, hang and fail, at moments that a seed draws."""

    def __init__(self, folder, seed: int) -> None:
        self.dice = random.Random(seed)
        self.bench = Workbench(folder)
        self.bench.now = TOLD
        self.runs = [run_record(name, shape="ab"[number % 2]) for number, name in enumerate(("one", "two", "three"))]
        add_runs(folder, *self.runs)
        self.ghosts = 0
        self.jumps = 0

    def set_clock(self) -> None:
        self.bench.now += self.dice.choice(JUMPS)
        self.jumps += 1

    def lose_a_worker(self) -> None:
        """Let a worker claim a run, and die, hang, or be on a machine that went down."""
        self.ghosts += 1
        name = f"ghost {self.ghosts}"
        self.dice.choice((self.bench.dead, self.bench.ghost, lambda name: self.bench.ghost(name, host="elsewhere")))(
            name
        )

    def trained(self, session) -> None:
        """Train as toys do, but set the clock or fail at an update of the session, or do neither."""
        at, what = self.dice.randint(1, 20), self.dice.choice(("clock", "clock", "raise", "nothing"))
        done = 0
        progress = session.progress

        def disturbed(run_id, step):
            nonlocal done
            done += 1
            if done == at and what == "clock":
                self.set_clock()
            if done == at and what == "raise":
                raise ArithmeticError("in the middle of a session")
            progress(run_id, step)

        session.progress = disturbed
        toy.execute(session)

    def play(self) -> float:
        """Return the seconds on the worker's clock, jumps apart, that it took after the last trouble."""
        settings = {"strike_limit": 100, "rescue_every": 1.0}
        with self.bench.worker(self.trained, packs=2, **settings) as worker:
            for _ in range(8):
                self.dice.choice((self.set_clock, self.lose_a_worker, lambda: worker.run_once(self.bench.now)))()
                self.bench.now += self.dice.uniform(0.0, 5.0)
        with self.bench.worker(toy.execute, packs=2, **settings) as worker:
            for seconds in range(LONGEST_END):
                if worker.run_once(self.bench.now) == "empty":
                    return seconds
                self.bench.now += 1.0
        raise AssertionError(f"a run still waits after {LONGEST_END} s")


@pytest.mark.parametrize("part", range(3))
def test_no_run_waits_for_a_clock_that_was_set(tmp_path, part, figure):
    longest, jumps = 0.0, 0
    for seed in range(part, STORIES, 3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        story = Story(folder, seed)
        longest = max(longest, story.play())
        jumps += story.jumps
        assert_finished_once(folder, *story.runs)
    figure("clocks set:", jumps)
    figure("longest wait for the end:", f"{longest:g} s")

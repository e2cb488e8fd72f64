"""Processes draw the batches that a run's feed gives, whatever happens to rows and processes meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from rnnctl.training import drawing as module
from rnnctl.training.drawing import BLOCKS, Drawing, processes_for, spare_cores
from rnnctl.training.slots import arrays_in, slot_size
from tests.training.drawn_twice import CASES, Pair, Run, fields_for, run_spec, started

BLOCK = 3


@pytest.fixture(autouse=True)
def _small_shares(monkeypatch):
    monkeypatch.setattr(module, "FEWEST_ROWS", 2)
    monkeypatch.setattr(module, "ROWS_EACH", 1)
    monkeypatch.setattr(module, "BLOCK", BLOCK)


each_case = pytest.mark.parametrize("run", CASES.values(), ids=CASES)


@each_case
def test_batches_and_states_are_those_of_plain_feeds(run):
    with Pair(run, 5) as pair:
        assert len(pair.slots) == BLOCKS * BLOCK
        assert len(pair.processes) == 2
        pair.assert_same_states()
        for update in range(3 * BLOCKS * BLOCK):
            pair.update()
            if update % 4 == 1:
                pair.assert_same_states()


@each_case
def test_rows_leave_in_the_middle_of_a_block(run):
    with Pair(run, 6, processes=3) as pair:
        for updates, rows, processes in ((4, [5, 0, 2, 3], 3), (0, [1, 2, 3], 3), (9, [2, 0], 2), (5, [1], 0)):
            for _ in range(updates):
                pair.update()
            pair.keep(rows)
            assert len(pair.processes) == processes
            pair.assert_same_states()
        for _ in range(5):
            pair.update()
        pair.assert_same_states()


def test_a_slot_is_written_again_only_after_a_wait_for_its_block():
    with Pair(CASES["symbols"], 2) as pair:
        for _ in range(4 * BLOCK):
            pair.update()
        assert pair.waited == [last * BLOCK - 1 for last in (3, 4, 1, 2)]


@pytest.mark.parametrize("updates", [0, 2 * BLOCK + 1])
def test_a_process_that_ends_is_replaced_by_this_one(updates, capsys):
    with Pair(CASES["pieces"], 3) as pair:
        for _ in range(updates):
            pair.update()
        pair.processes[1].kill()
        for _ in range(5 * BLOCK):
            pair.update()
            pair.assert_same_states()
        assert pair.processes == []
    assert "this process draws them itself" in capsys.readouterr().err


def test_a_process_that_has_ended_when_rows_leave():
    with Pair(CASES["symbols"], 4) as pair:
        pair.update()
        pair.processes[0].kill()
        pair.processes[0].wait()
        pair.keep([3, 1])
        for _ in range(2 * BLOCK):
            pair.update()
        pair.assert_same_states()


def test_an_error_of_a_task_is_raised_at_its_update(capfd):
    # A period that the language forbids: the rate of update 6 is lr / 0.
    train = CASES["symbols"].train
    rate = train.rate.model_copy(update={"period": -5})
    runs = started(CASES["symbols"].model_copy(update={"train": train.model_copy(update={"rate": rate})}), 2)
    runs[1].step = 0
    fields = fields_for(runs)
    with closing(Drawing(runs, slot_size(fields), 2)) as drawing:
        drawing.begin(runs, fields, lambda slot: None)
        slots = [arrays_in(row, fields) for row in drawing.memory]
        for update in range(5):
            for row in runs:
                row.step += 1
            drawing.fill(slots[update])
        for row in runs:
            row.step += 1
        with pytest.raises(ZeroDivisionError):
            drawing.fill(slots[5])
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_processes_ignore_signals():
    with Pair(CASES["symbols"], 2) as pair:
        pair.update()
        for process in pair.processes:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                process.send_signal(number)
        for _ in range(3 * BLOCKS * BLOCK):
            pair.update()
        assert len(pair.processes) == 2


ORPHANS = """\
import os, sys
from rnnctl.training import drawing
from tests.training.drawn_twice import CASES, Pair
drawing.FEWEST_ROWS = drawing.ROWS_EACH = 1
pair = Pair(CASES["symbols"], 2)
pair.update()
print(*(process.pid for process in pair.processes), flush=True)
sys.stdin.read()
"""


def test_no_process_outlives_a_killed_one():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        pids = [int(pid) for pid in killed.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
        killed.kill()
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid):
    """Whether a process exists and has not ended; where nobody waits for it, it remains as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_which_packs_have_processes(monkeypatch):
    monkeypatch.undo()
    rows = [Run(CASES["symbols"], None)] * 100
    assert [processes_for(rows[0].spec, count, 15) for count in (1, 15, 16, 24, 64, 100)] == [0, 0, 3, 4, 12, 12]
    assert [processes_for(rows[0].spec, len(rows), spare) for spare in (0, 1, 2, 5, 40)] == [0, 0, 2, 5, 12]
    text = run_spec(1, {"name": "text"})
    assert processes_for(text, 64, 15) == 0


def test_cores_are_shared_with_the_peers(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    assert [spare_cores(peers) for peers in (1, 2, 4, 8, 16, 32)] == [15, 7, 3, 1, 0, 0]


def test_what_draws_loads_no_torch():
    code = "import sys, rnnctl.training.drawing, rnnctl.training.drawing_process, rnnctl.training.slots\n"
    code += "from rnnctl.tasks.catalogue import TASKS\nassert 'torch' not in sys.modules and 'numba' not in sys.modules"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)

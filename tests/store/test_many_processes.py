"""Real processes on one workspace."""

import json
from collections import Counter
from contextlib import suppress

import pytest

from store import Busy, Store, journal, migrations
from tests.store.processes import PATIENCE

CLAIM_ALL = """
import json, sys
from store import Busy, Store, queue, workers

folder, name, pack, patience = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
with Store.open(folder, timeout=patience) as store:
    workers.start(store, workers.WorkerRecord(name, "host", "boot", 1, 0.5, "cpu"), {}, 1.0)
    print("ready", flush=True)
    sys.stdin.readline()
    claimed = []
    while claims := queue.claim(store, name, 10.0, 60.0, lambda shape: pack, 8, 1):
        claimed += [claim.run_id for claim in claims]
    print(json.dumps(claimed))
"""

CREATE = """
import sys
from store import Store

print("ready", flush=True)
sys.stdin.readline()
with Store.create(sys.argv[1], timeout=float(sys.argv[2])) as store:
    print(store.engine()["schema"])
"""


def start_together(processes):
    """Let all of them go once each is ready; returns what they print from then on."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [err for _, err in ended] == [""] * len(ended)
    return [out for out, _ in ended]


def test_eight_processes_claim_a_thousand_jobs_each_once_and_without_a_lock_error(lab, start_python):
    lab.register("a", *lab.runs(1000))
    # packs of one and of three side by side
    processes = [start_python(CLAIM_ALL, lab.folder, f"w{n}", 1 + n % 2 * 2, PATIENCE) for n in range(8)]
    claimed = [json.loads(out) for out in start_together(processes)]
    times = Counter(run_id for mine in claimed for run_id in mine)
    assert len(times) == 1000
    assert set(times.values()) == {1}
    for n, mine in enumerate(claimed):
        held = lab.store.rows("SELECT run_id FROM jobs WHERE worker = ? AND status = 'running'", (f"w{n}",))
        assert {row["run_id"] for row in held} == set(mine)
    assert lab.store.value("SELECT count(*) FROM attempts WHERE attempt = 1 AND ended IS NULL") == 1000


def test_processes_that_create_the_same_workspace_at_once_end_with_one(tmp_path, start_python):
    processes = [start_python(CREATE, tmp_path / "w", PATIENCE) for _ in range(4)]
    assert set(start_together(processes)) == {f"{migrations.SCHEMA}\n"}


KILL_WHILE_COMMITTING = """
import os, signal, sys
from store import Store

store = Store.open(sys.argv[1])
store.rows("PRAGMA cache_size = 1")  # so that pages reach the file before the commit
with store.transaction():
    store.execute("UPDATE studies SET source = 'cut off'")
    store.execute_many("INSERT INTO environments VALUES (?, ?, '')", ((str(i), "x" * 1000) for i in range(500)))
    print("written", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("readonly", [False, True])
def test_a_writer_killed_in_the_middle_leaves_nothing_behind(lab, start_python, readonly):
    from store import integrity

    lab.register("a", *lab.runs(3))
    before, _ = lab.everything()
    journal = {"delete": "rnnctl.db-journal", "wal": "rnnctl.db-wal"}[lab.store.engine()["journal_mode"]]
    process = start_python(KILL_WHILE_COMMITTING, lab.folder)
    assert process.communicate(timeout=PATIENCE)[0] == "written\n"
    assert lab.folder.joinpath(journal).stat().st_size > 0
    lab.store.close()
    with Store.open(lab.folder, readonly=readonly) as store:
        assert store.value("SELECT source FROM studies") == "study: a"
        assert integrity.database_findings(store) == []
    assert lab.everything()[0] == before


BEGIN = """
import sqlite3, sys

other = sqlite3.connect(sys.argv[1], timeout=0.1, isolation_level=None)
try:
    other.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("has the lock")
"""


def test_a_second_connection_of_a_process_leaves_the_locks_of_the_first_alone(lab, start_python):
    """Whoever closes a file takes all locks of its process on it away: also those of another thread's transaction."""

    def other_process():
        out, err = start_python(BEGIN, lab.store.workspace.database).communicate(timeout=PATIENCE)
        assert err == ""
        return out.strip()

    lab.register("a", *lab.runs(500))
    lab.store._connection.execute("PRAGMA cache_size = 2")  # pages: so that the journal is complete before the commit
    with lab.store.transaction():
        lab.store.execute("UPDATE jobs SET strikes = 1")
        assert other_process() == "database is locked"
        for readonly in (True, False):
            with suppress(Busy):
                Store.open(lab.folder, readonly=readonly, timeout=0.1).close()
            assert other_process() == "database is locked"
    assert other_process() == "has the lock"


def test_the_files_of_a_database_are_looked_at_again_once_all_connections_to_it_are_closed(lab, monkeypatch):
    looked = []
    monkeypatch.setattr(journal, "_reason_against_journal", lambda database: looked.append(database))
    with Store.open(lab.folder), Store.open(lab.folder):
        assert looked == []  # the laboratory's own store is open
    lab.store.close()
    lab.store.close()
    with Store.open(lab.folder):
        assert len(looked) == 1

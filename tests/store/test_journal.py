"""Files that lie beside a database: SQLite trusts them, so that they are looked at before."""

import os
import shutil
import signal
import sqlite3
import struct

import pytest

from store import Corrupt, Store, integrity
from store.backup import backup
from store.journal import check
from tests.store.processes import PATIENCE

MAGIC = bytes.fromhex("d9d505f920a163d7")

KILLED_WHILE_COMMITTING = """
import os, signal, sqlite3, sys
from store import sums

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
sums.register(connection)
connection.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
connection.execute("BEGIN IMMEDIATE")
for i in range(200):
    connection.execute("INSERT INTO studies (name, about, source, created, updated) VALUES (?, ?, '', 1, 1)",
                       (f"unfinished{i}", "x" * 3000))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(lab, start_python):
    """A workspace with registered runs, whose last writer was killed; its journal is still there."""
    lab.register("a", *lab.runs(50))
    lab.register("b", *lab.runs(50))
    lab.store.close()
    process = start_python(KILLED_WHILE_COMMITTING, lab.folder / "rnnctl.db")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert journal(lab.folder).read_bytes()[:8] == MAGIC
    return lab


def journal(folder):
    return folder / "rnnctl.db-journal"


def studies(folder):
    with Store.open(folder) as store:
        return [row[0] for row in store.rows("SELECT name FROM studies ORDER BY id")]


def test_the_journal_of_a_killed_writer_takes_back_what_it_left_half_done(killed):
    assert studies(killed.folder) == ["a", "b"]
    assert not journal(killed.folder).exists()


@pytest.mark.parametrize("readonly", [False, True])
def test_a_journal_beside_a_restored_database_is_told_and_mixes_nothing(killed, tmp_path, readonly):
    shutil.copytree(killed.folder, tmp_path / "hot")
    backup_of_before = tmp_path / "before"
    with Store.open(killed.folder) as store:
        backup(store, backup_of_before)
    restored = tmp_path / "hot"
    restored.joinpath("rnnctl.db").unlink()
    shutil.copy(backup_of_before / "rnnctl.db", restored)
    content = restored.joinpath("rnnctl.db").read_bytes()
    with pytest.raises(Corrupt) as caught:
        Store.open(restored, readonly=readonly)
    assert str(caught.value) == (
        f"{journal(restored)} does not belong to rnnctl.db, as after a backup was restored beside it, and would mix "
        "two databases: move it away (rnnctl.db-wal and rnnctl.db-shm too, if they are there), then try again"
    )
    assert restored.joinpath("rnnctl.db").read_bytes() == content
    journal(restored).unlink()
    assert studies(restored) == ["a", "b"]


def test_a_journal_beside_an_older_copy_of_its_own_database_is_told(lab, start_python, tmp_path):
    lab.register("a", *lab.runs(50))
    shutil.copy(lab.folder / "rnnctl.db", tmp_path / "older")
    for name in "bcd":
        lab.register(name, *lab.runs(50))
    lab.store.close()
    start_python(KILLED_WHILE_COMMITTING, lab.folder / "rnnctl.db").communicate(timeout=PATIENCE)
    shutil.copy(tmp_path / "older", lab.folder / "rnnctl.db")
    with pytest.raises(Corrupt, match="rnnctl.db-journal does not belong to rnnctl.db"):
        Store.open(lab.folder)


COMMIT_IN_A_LOOP = """
import select, sys
from store import Store
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    while True:
        with store.transaction():
            store.execute("UPDATE studies SET updated = updated + 1")
        if sys.stdin in select.select([sys.stdin], [], [], 0)[0]:
            break
"""


def test_the_journals_of_a_busy_writer_are_never_taken_for_foreign_ones(lab, start_python):
    lab.register("a", *lab.runs(1))
    lab.store.close()
    process = start_python(COMMIT_IN_A_LOOP, lab.folder)
    process.stdout.readline()
    seen = 0
    while seen < 200:  # of the short moments in which there is one
        seen += journal(lab.folder).exists()
        check(lab.store.workspace.database, is_open=False)
    process.stdin.write("\n")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err


CREATE = """
import sys
from store import Store
sys.stdin.readline()
Store.create(sys.argv[1]).close()
"""


def test_a_creation_by_several_processes_at_once_is_not_taken_for_a_foreign_one(tmp_path, start_python):
    for turn in range(5):
        processes = [start_python(CREATE, tmp_path / str(turn)) for _ in range(4)]
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            _, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err


KILLED_WHILE_CREATING = """
import os, signal, sqlite3, sys
from store import Store

connect = sqlite3.connect

def connect_and_die(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
    statements = [int(sys.argv[2])]

    def count(statement):
        statements[0] -= 1
        if statements[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if str(arguments[0]) != ":memory:":
        connection.set_trace_callback(count)
    return connection

sqlite3.connect = connect_and_die
Store.create(sys.argv[1])
print("not killed")
"""


@pytest.mark.parametrize("statements", [1, 12, 20, 40, 80, 160])
def test_a_creation_that_was_killed_is_made_good_by_the_next_one(lab, tmp_path, start_python, statements):
    folder = tmp_path / "new"
    process = start_python(KILLED_WHILE_CREATING, folder, statements)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(Corrupt, match="rnnctl.db is empty: .* If nothing was ever registered in it, run `rnnctl init`"):
        Store.open(folder)
    Store.create(folder).close()
    with Store.open(folder) as store:
        assert store.engine() == lab.store.engine()
        assert integrity.database_findings(store) == []


@pytest.mark.parametrize("header", [True, False])
def test_a_journal_that_names_another_file_is_refused_before_sqlite_removes_that_file(lab, tmp_path, header):
    lab.store.close()
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    name, page = os.fsencode(thesis), 4096
    pages = lab.folder.joinpath("rnnctl.db").stat().st_size // page
    head = (MAGIC if header else b"not a header".ljust(8)[:8]) + struct.pack(">IIIII", 0, 7, pages, 512, page)
    end = struct.pack(">I", 2**30 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    journal(lab.folder).write_bytes(head.ljust(512, b"\0") + end)
    for make in (Store.open, Store.create):
        with pytest.raises(Corrupt, match="rnnctl.db-journal names another file, which SQLite would remove"):
            make(lab.folder)
    assert thesis.read_text() == "years of work"
    # The reason for all this: SQLite itself does remove it.
    connection = sqlite3.connect(lab.folder / "rnnctl.db")
    connection.execute("SELECT count(*) FROM studies").fetchall()
    connection.close()
    assert not thesis.exists()


def test_a_log_beside_a_database_without_write_ahead_logging_is_refused(lab):
    if lab.store.engine()["journal_mode"] == "wal":
        pytest.skip("this engine uses write-ahead logging")
    lab.store.close()
    lab.folder.joinpath("rnnctl.db-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(100))
    with pytest.raises(Corrupt, match="rnnctl.db-wal does not belong to rnnctl.db, which does not use write-ahead"):
        Store.open(lab.folder)


@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"short", MAGIC + bytes(600)])
def test_a_journal_that_sqlite_does_not_use_is_left_to_sqlite(lab, content):
    lab.register("a", *lab.runs(1))
    lab.store.close()
    journal(lab.folder).write_bytes(content)
    assert studies(lab.folder) == ["a"]

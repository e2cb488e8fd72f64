import sqlite3

import pytest

from store import Conflict, Corrupt, Store, UnusableEngine, connection


def test_the_engine_answers_with_the_settings_that_were_asked_for(lab):
    engine = lab.store.engine()
    safe = connection.wal_is_safe(sqlite3.sqlite_version_info)
    assert engine["journal_mode"] == ("wal" if safe else "delete")
    assert engine["synchronous"] == "full"
    assert lab.store.value("PRAGMA foreign_keys") == 1
    assert lab.store.value("PRAGMA busy_timeout") == 30_000


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 37, 2), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_write_ahead_logging_is_used_only_by_engines_that_lose_nothing_in_it(version, safe):
    assert connection.wal_is_safe(version) is safe


def test_a_workspace_of_a_safe_engine_is_refused_by_an_unsafe_one_and_not_flipped(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "wal_is_safe", lambda version: True)
    with Store.create(tmp_path) as store:
        assert store.engine()["journal_mode"] == "wal"
    monkeypatch.setattr(connection, "wal_is_safe", lambda version: False)
    with pytest.raises(UnusableEngine, match=r"is in WAL mode, where SQLite [\d.]+ can lose committed rows; use"):
        Store.open(tmp_path)
    monkeypatch.setattr(connection, "wal_is_safe", lambda version: True)
    with Store.open(tmp_path) as store:
        assert store.engine()["journal_mode"] == "wal"


def test_the_journal_mode_of_an_existing_workspace_stays(lab, monkeypatch):
    mode = lab.store.engine()["journal_mode"]
    monkeypatch.setattr(connection, "wal_is_safe", lambda version: True)
    with Store.open(lab.folder) as store:
        assert store.engine()["journal_mode"] == mode


def test_an_engine_without_strict_tables_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(UnusableEngine, match=r"is too old \(3.37 is needed\); use a Python with a newer one"):
        Store.create(tmp_path)


def test_an_error_in_a_transaction_takes_all_of_it_back_and_the_store_stays_usable(lab):
    lab.register("a", *lab.runs(1))

    def interrupted():
        with lab.store.transaction():
            lab.store.execute("UPDATE studies SET about = 'half done'")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert lab.store.value("SELECT about FROM studies") == "about a"
    with lab.store.transaction():
        lab.store.execute("UPDATE studies SET about = 'done'")
    assert lab.store.value("SELECT about FROM studies") == "done"


def test_changes_outside_of_a_transaction_are_refused(lab):
    with pytest.raises(AssertionError, match="belongs in a transaction"):
        lab.store.execute("DELETE FROM studies")
    with pytest.raises(AssertionError, match="belongs in a transaction"):
        lab.store.execute_many("DELETE FROM studies WHERE id = ?", [(1,)])


def test_a_transaction_inside_another_is_refused_and_leaves_the_outer_one_alone(lab):
    lab.register("a", *lab.runs(1))
    with lab.store.transaction():
        lab.store.execute("UPDATE studies SET about = 'outer'")
        with pytest.raises(AssertionError, match="do not nest"):
            lab.store.transaction().__enter__()
    assert lab.store.value("SELECT about FROM studies") == "outer"


def test_a_read_only_store_changes_nothing(lab):
    lab.register("a", *lab.runs(1))
    with Store.open(lab.folder, readonly=True) as store:
        assert store.value("SELECT count(*) FROM runs") == 1
        with pytest.raises(AssertionError, match="read-only"):
            store.transaction().__enter__()


def test_types_and_references_are_enforced(lab):
    with pytest.raises(Conflict, match="cannot store TEXT value in REAL column"), lab.store.transaction():
        lab.store.execute("INSERT INTO studies VALUES (1, 'a', '', '', 'yesterday', 1.0)")
    with pytest.raises(Conflict, match="FOREIGN KEY"), lab.store.transaction():
        lab.store.execute("INSERT INTO labels VALUES ('r1-nothing', 1, 'EC7')")


def test_our_own_mistakes_stay_loud(lab):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        lab.store.rows("SELECT * FROM birds")
    lab.store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        lab.store.rows("SELECT 1")


def test_a_damaged_page_is_told_in_one_line(lab):
    lab.register("a", *lab.runs(200))
    lab.store.close()
    content = bytearray(lab.folder.joinpath("rnnctl.db").read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    lab.folder.joinpath("rnnctl.db").write_bytes(content)
    with pytest.raises(Corrupt, match=r"rnnctl.db is damaged \(.*\); restore it from a backup"):
        Store.open(lab.folder)

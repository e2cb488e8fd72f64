"""The schema from every earlier state, and from states that are none of ours."""

import sqlite3
import sys

import numpy as np
import pytest

from store import (
    Corrupt,
    NewerWorkspace,
    OlderWorkspace,
    Store,
    evaluations,
    integrity,
    lineage,
    migrations,
    queries,
    registry,
)
from store.lineage import Descent
from tests.store.laboratory import Lab, Row


def build(folder, steps):
    """A workspace as a program that knew only the first steps would have made it, with a study in it."""
    folder.mkdir()
    known = dict(list(migrations.STEPS.items())[:steps])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "STEPS", known)
        patch.setattr(migrations, "SCHEMA", steps)
        with Store.create(folder) as store, store.transaction():
            store.execute("INSERT INTO studies VALUES (1, 'old', 'about', 'text', 1.0, 1.0)")
    return folder


def schema(folder):
    connection = sqlite3.connect(folder / "rnnctl.db")
    try:
        return sorted(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=str)
    finally:
        connection.close()


def recorded(folder):
    connection = sqlite3.connect(folder / "rnnctl.db")
    try:
        return [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    finally:
        connection.close()


@pytest.mark.parametrize("steps", range(1, migrations.SCHEMA))
def test_every_earlier_schema_is_upgraded_and_keeps_its_rows(tmp_path, lab, steps):
    folder = build(tmp_path / "old", steps)
    assert recorded(folder) == list(migrations.STEPS)[:steps]
    with Store.open(folder) as store:
        assert store.engine()["schema"] == migrations.SCHEMA
        assert [study.name for study in queries.studies(store)] == ["old"]
        assert integrity.database_findings(store) == []
    assert schema(folder) == schema(lab.folder)
    assert recorded(folder) == recorded(lab.folder) == list(migrations.STEPS)


def rows_of_all_tables(folder, tables):
    connection = sqlite3.connect(folder / "rnnctl.db")
    try:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}
    finally:
        connection.close()


def test_a_workspace_from_before_the_lineage_keeps_all_that_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "STEPS", dict(list(migrations.STEPS.items())[:4]))
    monkeypatch.setattr(migrations, "SCHEMA", 4)
    old = Lab(tmp_path / "old")
    monkeypatch.setattr(lineage, "add", lambda *_: None)  # as a program that knew of none
    runs = old.runs(3)
    old.register("a", *runs)
    old.start("w")
    (claim,) = old.claim("w")
    old.commit(claim, 100, [Row(50, {"loss": 0.5}, {"g": np.arange(3.0)}), Row(100, {"loss": 0.25})], "solved")
    with old.store.transaction():
        old.store.execute(
            "INSERT INTO evaluations VALUES (?, 100, 50, 1000, 1, 0.2, 0.1, 1.4, 0.75, 30.0)", (runs[0].run_id,)
        )
    old.claim("w")  # and one is running
    old.store.close()
    monkeypatch.undo()
    tables = ("studies", "runs", "labels", "environments", "workers", "jobs", "attempts", "history", "checkpoints")
    before = rows_of_all_tables(old.folder, tables)
    assert all(before.values())
    with Store.open(old.folder) as store:
        assert store.engine()["schema"] == migrations.SCHEMA
        assert integrity.database_findings(store) == integrity.checkpoint_findings(store) == []
        assert lineage.parents(store, runs[0].run_id) == []
        kept = evaluations.Evaluation(runs[0].run_id, 100, 50, 1000, 1, 0.2, 0.1, 1.4, 0.75)
        assert evaluations.of_runs(store, [runs[0].run_id]) == [kept]
        child = [Descent(runs[1].run_id, runs[0].run_id, "longer")]
        registry.register(store, [registry.StudyRecord("b", "", "", [runs[1]], child)], 40.0)
        assert [one.parent for one in lineage.parents(store, runs[1].run_id)] == [runs[0].run_id]
    after = rows_of_all_tables(old.folder, tables)
    assert {table: rows[: len(before[table])] for table, rows in after.items() if table != "labels"} == {
        table: rows for table, rows in before.items() if table != "labels"
    }
    assert set(before["labels"]) <= set(after["labels"])


def test_an_empty_file_from_a_creation_that_was_cut_off_becomes_a_workspace(tmp_path, lab):
    tmp_path.joinpath("rnnctl.db").touch()
    Store.open(tmp_path).close()
    assert schema(tmp_path) == schema(lab.folder)


def test_an_upgrade_that_fails_halfway_changes_nothing(tmp_path, monkeypatch):
    folder = build(tmp_path / "old", 1)
    before = schema(folder)
    wrong = {**migrations.STEPS, "wrong": ("CREATE TABLE studies (id INTEGER) STRICT",)}
    monkeypatch.setattr(migrations, "STEPS", wrong)
    monkeypatch.setattr(migrations, "SCHEMA", len(wrong))
    with pytest.raises(sqlite3.OperationalError, match="table studies already exists"):
        Store.open(folder)
    assert schema(folder) == before
    assert recorded(folder) == ["studies_and_runs"]


def test_reading_only_does_not_upgrade_an_older_workspace(tmp_path):
    folder = build(tmp_path / "old", 1)
    before = schema(folder)
    with pytest.raises(OlderWorkspace, match="was made by an older version of rnnctl; run `rnnctl init` in it"):
        Store.open(folder, readonly=True)
    assert schema(folder) == before


@pytest.mark.parametrize("readonly", [False, True])
def test_a_newer_workspace_is_refused_and_left_alone(lab, readonly):
    lab.store.close()
    connection = sqlite3.connect(lab.folder / "rnnctl.db")
    connection.execute(f"PRAGMA user_version = {migrations.SCHEMA + 1}")
    connection.close()
    before = lab.folder.joinpath("rnnctl.db").read_bytes()
    with pytest.raises(NewerWorkspace) as caught:
        Store.open(lab.folder, readonly=readonly)
    known = migrations.SCHEMA
    assert str(caught.value) == (
        f"{lab.folder} was made by a newer version of rnnctl (schema {known + 1}, known here: {known}); "
        "upgrade rnnctl to use it"
    )
    assert lab.folder.joinpath("rnnctl.db").read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    connection = sqlite3.connect(tmp_path / "rnnctl.db")
    connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    before = schema(tmp_path)
    for make in (Store.create, Store.open):
        with pytest.raises(Corrupt, match="is a database of another program; move it away"):
            make(tmp_path)
    assert schema(tmp_path) == before


def test_every_table_is_strict(lab):
    tables = lab.store.rows("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    loose = {row["name"] for row in tables if not row["strict"]}
    assert loose == {"_sqlite_migrations", "sqlite_schema"}


def test_opening_an_up_to_date_workspace_does_not_load_sqlite_utils(lab, run_python):
    code = "import sys; from store import Store; Store.open(sys.argv[1]).close(); print(*sys.modules)"
    modules = run_python(code, lab.folder).split()
    assert "store.migrations" in modules
    assert "sqlite_utils" not in modules
    assert "sqlite_utils" in sys.modules  # which the upgrades of this file did load

"""The schema from every earlier state, and from states that are none of ours."""

import json
import math
import re
import sqlite3
import sys
from dataclasses import replace

import pytest

from store import (
    Corrupt,
    Damaged,
    NewerWorkspace,
    OlderWorkspace,
    Store,
    answers,
    checkpoints,
    history,
    integrity,
    lineage,
    migrations,
    queries,
    queue,
    registry,
    verification,
)
from store.lineage import Descent
from store.repair import repair
from store.sums import row_sum, summed
from store.tables import TABLES
from tests.store.damage import flip
from tests.store.older import BYTES_PER_ANSWER, EVALUATIONS, RUNS, SHAPE, build, query, tables

PACK_KEYS = list(migrations.STEPS).index("pack_keys") + 1
BEFORE_SUMS = list(migrations.STEPS).index("summed_tables")


def schema(folder):
    return sorted(query(folder, "SELECT type, name, sql FROM sqlite_master"), key=str)


def recorded(folder):
    return [name for (name,) in query(folder, "SELECT name FROM _sqlite_migrations ORDER BY id")]


@pytest.mark.parametrize("steps", range(1, migrations.SCHEMA))
def test_every_earlier_schema_is_upgraded_and_keeps_its_rows(tmp_path, lab, steps):
    folder = build(tmp_path / "old", steps)
    assert recorded(folder) == list(migrations.STEPS)[:steps]
    before = tables(folder)
    assert all(before.values())
    with Store.open(folder) as store:
        assert store.engine()["schema"] == migrations.SCHEMA
        assert integrity.database_findings(store) == []
    assert schema(folder) == schema(lab.folder)
    assert recorded(folder) == recorded(lab.folder) == list(migrations.STEPS)
    after = tables(folder)
    for table, rows in before.items():
        if table in ("runs", "jobs") and steps <= PACK_KEYS:
            rows = [{**row, "shape": new["shape"]} for row, new in zip(rows, after[table], strict=True)]
        if table != "evaluations":
            kept = [{name: new[name] for name in row} for row, new in zip(rows, after[table], strict=True)]
            assert kept == rows, table


@pytest.mark.parametrize("steps", range(1, migrations.SCHEMA))
def test_rows_of_every_earlier_schema_get_their_sums_and_counts(tmp_path, steps):
    with Store.open(build(tmp_path / "old", steps)) as store:
        for table in TABLES:
            for row in store.rows(f"SELECT * FROM {table}"):
                values = dict(row)
                traces = [values.pop("traces")] if table == "history" else []
                assert traces == [] or values.pop("traces_sum") == row_sum(*traces)
                assert values.pop("sum") == row_sum(*values.values())
        counted = store.rows("SELECT run_id, checks, checkpoints, answers FROM jobs WHERE checks + answers > 0")
        expected = {RUNS[0]: (3 if steps >= 3 else 0, 1 if steps >= 3 else 0, 1 if steps >= 8 else 3)}
        if 4 <= steps < 8:
            expected[RUNS[4]] = (0, 0, 1)
        elif steps < 4:
            expected = {RUNS[0]: (3, 1, 0)} if steps == 3 else {}
        assert {row["run_id"]: tuple(row)[1:] for row in counted} == expected


# The step that brought a table, bytes of one of its rows, what they are replaced by, and what doctor says of the row.
DAMAGED_BEFORE_SUMS = [
    (2, b'{"best_loss":0.25}', b'{"best_loss":0.2!}', r"jobs: run_id r1-old\d, attempt \d, step 0, invalid summary; "),
    (
        2,
        b'{"best_loss":0.25}',
        b'{"best_loss":\xff.25}',
        r"jobs: run_id r1-old\d, attempt \d, step 0, invalid summary; ",
    ),
    (2, b"failed", b"fa\xffled", "jobs: run_id r1-old4, attempt 1, step 0; "),
    (2, b"failed", b"fabled", "jobs: run_id r1-old4, attempt 1, step 0; "),
    (1, b'{"seed":3}', b'{"seed"!3}', "runs: run_id r1-old2, invalid spec; "),
    (1, b'{"seed":3}', b'["seed",3]', "runs: run_id r1-old2, invalid spec; "),
    (1, b'{"seed":3}', b'\xff"seed":3}', "runs: run_id r1-old2, invalid spec; "),
    (1, b"R1-OLD4", b"\xff1-OLD4", r"labels: run_id r1-old4, label \\xff1-OLD4, invalid label; "),
    (1, b"R1-OLD4", b"R1-\xffLD4", r"labels: run_id r1-old4, label R1-\\xffLD4; "),
    (1, b"abouttext", b"ab\xffuttext", "studies: name old; "),
    (2, b"hostboot", b"h\xffstboot", "workers: rowid 1; "),
    (2, b"e{}bits", b"e{)bits", "environments: rowid 1, invalid content; "),
    (3, b'{"nll":0.3000', b'{"nll":0.3x00', r"history: run_id r1-old0, attempt 1, step \d+, invalid scalars; "),
    (3, b"attempt-0001", b"attempt\xff0001", "checkpoints: run_id r1-old0, attempt 1, step 100, invalid path; "),
    (8, b'{"loss":0.3', b'("loss":0.3', "answers: run_id r1-old0, step 100, probe memory, invalid answer; "),
]


@pytest.mark.parametrize(("since", "old", "new", "told"), DAMAGED_BEFORE_SUMS)
def test_a_row_that_was_damaged_before_it_had_a_sum_is_told_and_set_aside(tmp_path, since, old, new, told):
    for steps in sorted({since, BEFORE_SUMS}):
        folder = build(tmp_path / f"after {steps}", steps)
        flip(folder, old, new)
        with Store.open(folder, any_names=True) as store:
            with pytest.raises(Damaged):
                read_all(store)
            texts = [finding.text for finding in integrity.database_findings(store)]
            assert any(re.match(f"a damaged row in {told}", text) for text in texts), texts
            repair(store, lambda spec: None, 50.0)
            assert integrity.database_findings(store) == []
            assert told.split(":")[0] in {row["name"] for row in store.rows("SELECT name FROM set_aside")}
        with Store.open(folder) as store:
            read_all(store)


def read_all(store):
    verification.verify(store)
    history.read(store, RUNS)
    answers.of_runs(store, RUNS)
    checkpoints.live(store, RUNS[0])


def test_a_damaged_id_of_a_run_is_carried_through_all_steps(tmp_path):
    folder = build(tmp_path / "old", 4)
    root = query(folder, "SELECT rootpage FROM sqlite_schema WHERE name = 'evaluations'")[0][0]
    content = bytearray((folder / "rnnctl.db").read_bytes())
    content[content.index(b"r1-old0", (root - 1) * 4096, root * 4096) + 3] = 0xFF
    (folder / "rnnctl.db").write_bytes(content)
    with Store.open(folder, any_names=True) as store:
        assert any("answers: run_id r1-\\xffld0" in finding.text for finding in integrity.database_findings(store))
        repair(store, lambda spec: None, 50.0)
        assert integrity.database_findings(store) == []


def test_a_row_that_no_table_of_the_new_schema_can_take_is_set_aside(tmp_path):
    """Its key is that of another row."""
    folder = build(tmp_path / "old", BEFORE_SUMS)
    root = query(folder, "SELECT rootpage FROM sqlite_schema WHERE name = 'runs'")[0][0]
    content = bytearray((folder / "rnnctl.db").read_bytes())
    place = content.index(b"r1-old4", (root - 1) * 4096, root * 4096)
    content[place + 6] = ord("3")
    (folder / "rnnctl.db").write_bytes(content)
    with Store.open(folder) as store:
        ((name, run_id, text),) = store.rows("SELECT name, run_id, content FROM set_aside")
        assert (name, run_id, json.loads(text)["spec"]) == ("runs", "r1-old3", '{"seed":5}')
        assert any("refers to no row of runs" in finding.text for finding in integrity.database_findings(store))
        repair(store, lambda spec: None, 50.0)
        assert integrity.database_findings(store) == []


@pytest.mark.parametrize("steps", range(4, 8))
def test_evaluations_become_answers_of_the_probe_lengths_bit_for_bit(tmp_path, steps):
    folder = build(tmp_path / "old", steps)
    expected = set()
    for row, of_text in zip(EVALUATIONS, BYTES_PER_ANSWER, strict=True):
        run_id, step, length, samples, seed, loss, error, floor, chance_error = row
        asked = {"length": length, "samples": samples, "seed": seed}
        answer = {
            "loss": loss if loss is not None and math.isfinite(loss) else None,
            "error": error,
            "floor": floor,
            "chance_error": chance_error,
            "bytes_per_answer": of_text if steps >= 6 else None,
        }
        expected.add((run_id, step, repr(asked), repr(answer)))  # repr tells any two floats apart
    with Store.open(folder) as store:
        kept = answers.of_runs(store, RUNS)
        assert {answer.probe for answer in kept} == {"lengths"}
        order = ("loss", "error", "floor", "chance_error", "bytes_per_answer")
        assert {
            (a.run_id, a.step, repr(a.asked), repr({name: a.answer[name] for name in order})) for a in kept
        } == expected
        assert {row["at"] for row in store.rows("SELECT at FROM answers")} == {7.25}
        # The question has the text that the program looks it up by: an answer that is added again is known.
        answers.add(store, [replace(answer, answer={}) for answer in kept], 9.0)
        assert answers.of_runs(store, RUNS) == kept
    assert "evaluations" not in tables(folder)


@pytest.mark.parametrize("steps", range(1, PACK_KEYS))
def test_runs_with_an_earlier_kind_of_shape_are_claimed_alone_until_their_keys_are_known(tmp_path, steps):
    with Store.open(build(tmp_path / "old", steps)) as store:
        rows = store.rows("SELECT run_id, shape FROM runs ORDER BY seq")
        done = RUNS[:1] if steps > 1 else []
        assert [tuple(row) for row in rows] == [(run_id, SHAPE if run_id in done else run_id) for run_id in RUNS]
        if steps == 1:
            return  # it had no jobs yet
        assert [tuple(row) for row in store.rows("SELECT run_id, shape FROM jobs ORDER BY seq")] == list(
            map(tuple, rows)
        )
        waiting = queries.keys_to_check(store)
        assert [(run.run_id, run.shape) for run in waiting] == [(run_id, run_id) for run_id in RUNS[2:]]

        def claim():
            return [held.run_id for held in queue.claim(store, "w", 50.0, 60.0, lambda shape: 8, 1, 1)]

        queue.retry(store)
        assert claim() == [RUNS[2]]
        registry.rekey(store, {run.run_id: "key" for run in waiting})
        assert claim() == RUNS[3:]
        assert claim() == []


def test_an_upgraded_workspace_takes_what_earlier_versions_did_not_know(tmp_path):
    folder = build(tmp_path / "old", 4)
    with Store.open(folder) as store:
        assert lineage.parents(store, RUNS[0]) == []
        new = registry.RunRecord("r1-new", "c", "s", {}, "NEW", 10)
        registry.register(
            store, [registry.StudyRecord("b", "", "", [new], [Descent("r1-new", RUNS[0], "longer")])], 40.0
        )
        assert [descent.parent for descent in lineage.parents(store, "r1-new")] == [RUNS[0]]


def test_an_empty_file_from_a_creation_that_was_cut_off_becomes_a_workspace(tmp_path, lab):
    tmp_path.joinpath("rnnctl.db").touch()
    Store.create(tmp_path).close()
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
    with pytest.raises(OlderWorkspace, match="was made by an older version of rnnctl; run `rnnctl doctor` in it"):
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


def test_every_table_has_sums_of_all_its_columns(lab):
    tables = lab.store.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict")
    assert {row["name"] for row in tables} == {*TABLES, "set_aside"}
    for (table,) in tables:
        columns = lab.store.rows(f"SELECT name, hidden FROM pragma_table_xinfo('{table}')")
        plain = {row["name"] for row in columns if not row["hidden"]}
        sums = summed(lab.store._connection, table)
        assert sums.keys() == {row["name"] for row in columns if row["hidden"]} >= {"sum"}
        assert sorted(name for covered in sums.values() for name in covered) == sorted(plain)
        (sql,) = lab.store.row("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
        for covered in sums.values():
            assert f"AS (row_sum({', '.join(covered)})) STORED" in " ".join(sql.split())


def test_opening_an_up_to_date_workspace_does_not_load_sqlite_utils(lab, run_python):
    code = "import sys; from store import Store; Store.open(sys.argv[1]).close(); print(*sys.modules)"
    modules = run_python(code, lab.folder).split()
    assert "store.migrations" in modules
    assert "sqlite_utils" not in modules
    assert "sqlite_utils" in sys.modules  # which the upgrades of this file did load

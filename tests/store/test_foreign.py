"""Workspaces that somebody else made or changed: they reach no file outside, and no change goes unnoticed."""

import os
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from store import (
    Foreign,
    OlderWorkspace,
    Store,
    StoreError,
    Unwritable,
    checkpoints,
    integrity,
    migrations,
    registry,
    schema,
    sums,
)
from store.registry import RunRecord, StudyRecord
from tests.store.older import build


def change(folder: Path, *statements: str) -> None:
    """Change a database without the program, as somebody else could."""
    connection = sqlite3.connect(folder / "rnnctl.db", isolation_level=None)
    sums.register(connection)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def refused(folder: Path, kind: type[StoreError], readonly: bool = False) -> str:
    """Return the line with which opening is refused; the database must stay as it is."""
    before = folder.joinpath("rnnctl.db").read_bytes()
    with pytest.raises(kind) as caught:
        Store.open(folder, readonly=readonly)
    assert folder.joinpath("rnnctl.db").read_bytes() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the schema ---------------------------------------------------------------------------------------------------


def test_the_sum_of_the_schema_is_known(tmp_path):
    """If this fails after a new step: write the sum that is shown here into store/schema.py."""
    with schema.empty_after(migrations.STEPS.values()) as made:
        assert schema.schema_sum(made) == schema.KNOWN_SUM
    Store.create(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "rnnctl.db")) as connection:
        assert schema.schema_sum(connection) == schema.KNOWN_SUM


def test_opening_an_up_to_date_workspace_takes_no_steps_to_compare_with(tmp_path, monkeypatch):
    Store.create(tmp_path).close()
    monkeypatch.setattr(migrations, "take", None)
    Store.open(tmp_path).close()


def test_every_earlier_schema_that_is_upgraded_has_the_known_sum(tmp_path):
    for steps in range(1, migrations.SCHEMA):
        folder = tmp_path / str(steps)
        build(folder, steps)
        Store.open(folder).close()
        with closing(sqlite3.connect(folder / "rnnctl.db")) as connection:
            assert schema.schema_sum(connection) == schema.KNOWN_SUM


HARM = [
    ("CREATE TRIGGER gone AFTER INSERT ON history BEGIN DELETE FROM labels; END", "trigger gone on history is foreign"),
    ("CREATE VIEW all_runs AS SELECT * FROM runs", "view all_runs is foreign"),
    ("CREATE INDEX slow ON runs (spec)", "index slow on runs is foreign"),
    ("CREATE UNIQUE INDEX _sqlite_migrations_x ON runs (total)", "index _sqlite_migrations_x on runs is foreign"),
    ("CREATE TABLE birds (name TEXT)", "table birds is foreign"),
    ("DROP TRIGGER history_never_changes", "trigger history_never_changes on history is missing"),
    ("DROP INDEX labels_of_study", "index labels_of_study on labels is missing"),
    ("ALTER TABLE studies ADD COLUMN mood TEXT", "table studies is changed"),
]


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(("statement", "difference"), HARM)
def test_a_schema_that_is_not_ours_is_told_and_nothing_is_read_or_written(lab, statement, difference, readonly):
    lab.store.close()
    change(lab.folder, statement)
    assert f"does not have the schema that rnnctl makes: {difference};" in refused(lab.folder, Foreign, readonly)


def test_a_trigger_of_ours_with_another_body_is_told(lab):
    lab.store.close()
    change(
        lab.folder,
        "DROP TRIGGER history_never_changes",
        "CREATE TRIGGER history_never_changes BEFORE UPDATE ON history BEGIN SELECT 1; END",
    )
    assert "trigger history_never_changes on history is changed" in refused(lab.folder, Foreign)


@pytest.mark.parametrize("steps", range(1, migrations.SCHEMA))
def test_every_earlier_schema_is_compared_with_its_own_steps_and_not_upgraded_if_it_differs(tmp_path, steps):
    folder = build(tmp_path / "old", steps)
    change(folder, "CREATE TRIGGER gone AFTER UPDATE ON studies BEGIN DELETE FROM runs; END")
    assert "makes: trigger gone on studies is foreign;" in refused(folder, Foreign)
    change(folder, "DROP TRIGGER gone")
    Store.open(folder).close()


def test_many_differences_are_counted(lab):
    lab.store.close()
    change(lab.folder, *(f"CREATE TABLE t{i} (a)" for i in range(5)))
    assert "table t0 is foreign, table t1 is foreign, table t2 is foreign and 2 more;" in refused(lab.folder, Foreign)


def test_comments_and_what_sqlite_keeps_for_itself_do_not_count(lab):
    lab.store.close()
    change(
        lab.folder,
        "ANALYZE",
        "DROP INDEX labels_of_study",
        "CREATE INDEX labels_of_study /* as it\n was */ ON labels\n (study) -- again",
    )
    Store.open(lab.folder).close()


def test_a_trigger_on_the_record_of_steps_is_told(lab):
    lab.store.close()
    change(
        lab.folder, "CREATE TRIGGER _sqlite_migrations_x AFTER INSERT ON _sqlite_migrations BEGIN DELETE FROM runs; END"
    )
    assert "trigger _sqlite_migrations_x on _sqlite_migrations is foreign" in refused(lab.folder, Foreign)


def test_an_upgrade_by_another_process_meanwhile_is_not_taken_for_a_foreign_schema(tmp_path, monkeypatch):
    folder = build(tmp_path / "old", migrations.SCHEMA - 1)
    version = migrations.version

    def then_another_upgrades(connection, workspace):
        taken = version(connection, workspace)
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(workspace.database, timeout=0.0)) as another:
            another.execute("CREATE TABLE upgraded (a)")  # it has to wait, or is not seen
        return taken

    monkeypatch.setattr(migrations, "version", then_another_upgrades)
    with pytest.raises(OlderWorkspace):
        Store.open(folder, readonly=True)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE studies SET name = '../../x'", "study name '../../x'"),
        ("UPDATE studies SET name = 'a; rm -rf ~'", "study name 'a; rm -rf ~'"),
        ("UPDATE studies SET name = '-rf'", "study name '-rf'"),
        (f"UPDATE studies SET name = '{'a' * 65}'", f"study name '{'a' * 65}'"),
        ("UPDATE labels SET label = '..'", "label '..'"),
        ("UPDATE studies SET name = 'ok' || char(0) || '/../x'", r"study name 'ok\x00/../x'"),
        ("INSERT INTO runs VALUES (7, '../r1', 'c', 's', '{}', 1, 1.0)", "run id '../r1'"),
        ("INSERT INTO runs VALUES (7, 'r1/../../..', 'c', 's', '{}', 1, 1.0)", "run id 'r1/../../..'"),
    ],
)
def test_a_name_that_cannot_be_registered_is_told_and_nothing_is_done(lab, statement, name):
    lab.register("a", *lab.runs(1))
    lab.store.close()
    change(lab.folder, statement)
    for readonly in (False, True):
        assert f"has the {name}, which rnnctl never writes" in refused(lab.folder, Foreign, readonly)
    with Store.open(lab.folder, any_names=True) as store:
        (finding,) = integrity.database_findings(store)
        table, column = {"study": ("studies", "name"), "run": ("runs", "run_id"), "label": ("labels", "label")}[
            name.split()[0]
        ]
        assert re.match(rf"a damaged row in {table}: .*, invalid {column}; ", finding.text, re.DOTALL)


@pytest.mark.parametrize(("study", "run", "label"), [("../x", "r1-a", "A"), ("a", "../r1", "A"), ("a", "r1-a", ".A")])
def test_such_a_name_is_not_registered(lab, study, run, label):
    with pytest.raises(ValueError, match="is not allowed"):
        registry.register(lab.store, [StudyRecord(study, "", "", [RunRecord(run, "c", "s", {}, label, 1)])], 1.0)
    assert lab.store.value("SELECT count(*) FROM studies") == 0


# --- paths of checkpoints -----------------------------------------------------------------------------------------


@pytest.fixture
def thesis(tmp_path):
    file = tmp_path / "thesis.tex"
    file.write_text("years of work")
    return file


def paths(thesis: Path, run_id: str) -> list[str]:
    return [
        str(thesis),
        "../thesis.tex",
        "checkpoints/../../thesis.tex",
        f"checkpoints/{run_id}/../../../thesis.tex",
        f"checkpoints/{run_id}/notes.txt",
        "checkpoints/r1-other/attempt-0001-step-000000010-00000000.ckpt",
        f"./checkpoints/{run_id}/attempt-0001-step-000000010-00000000.ckpt",
        "",
    ]


@pytest.mark.parametrize("which", range(8))
def test_a_path_that_leads_elsewhere_is_neither_resumed_from_nor_removed(lab, held, thesis, which):
    path = paths(thesis, held.run_id)[which]
    first = lab.commit(held, 10)
    change(lab.folder, f"UPDATE checkpoints SET path = '{path}'")
    with pytest.raises(
        Foreign, match="as a checkpoint of run .*, which is not a file that rnnctl writes in checkpoints/"
    ):
        checkpoints.newest_sound(lab.store, held.run_id)
    (finding,) = integrity.checkpoint_findings(lab.store)
    assert (finding.subject, "neither read nor removed" in finding.text) == (path, True)
    (finding,) = integrity.database_findings(lab.store)
    assert finding.text.startswith(
        f"a damaged row in checkpoints: run_id {held.run_id}, attempt 1, step 10, invalid path"
    )
    # As if it were an old one, which two newer ones replace.
    lab.commit(held, 20)
    before = lab.everything()[0]
    with pytest.raises(Foreign):
        lab.commit(held, 30)
    assert lab.everything()[0] == before
    assert thesis.read_text() == "years of work"
    assert (lab.folder / first.path).exists()


def test_an_unsound_row_with_a_path_that_leads_elsewhere_removes_nothing(lab, held, thesis):
    lab.commit(held, 10)
    change(lab.folder, f"UPDATE checkpoints SET path = '{thesis}', status = 'unsound'")
    with pytest.raises(Foreign):
        lab.commit(held, 20)
    assert thesis.exists()


def test_discarding_and_writing_stay_in_the_folder_of_the_run(lab, thesis):
    checkpoint = checkpoints.Checkpoint("r1-a", 1, 10, "../thesis.tex", "", 0)
    with pytest.raises(Foreign):
        checkpoints.discard(lab.store.workspace, checkpoint)
    for run_id in ("..", "../..", "/tmp", "", "a/b", "a\0b"):
        with pytest.raises(Foreign):
            checkpoints.write(lab.store.workspace, run_id, 1, 10, lambda file: file.write(b"x"))
        with pytest.raises(Foreign):
            checkpoints.sweep(lab.store, run_id, 9)
    assert thesis.exists()


# --- symbolic links -----------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of the user that has a file with the name of a checkpoint."""
    folder = tmp_path / "elsewhere"
    folder.joinpath("r1-s00000").mkdir(parents=True)
    folder.joinpath("r1-s00000", "attempt-0001-step-000000010-00000000.ckpt").write_bytes(b"weights")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("deep", [False, True])
def test_a_link_in_place_of_a_folder_of_checkpoints_is_not_followed(lab, held, elsewhere, deep):
    workspace, before = lab.store.workspace, content(elsewhere)
    if deep:
        workspace.checkpoints.mkdir()
        (workspace.checkpoints / held.run_id).symlink_to(elsewhere / held.run_id)
    else:
        workspace.checkpoints.symlink_to(elsewhere)
    for attempt in (
        lambda: lab.write(held, 10),
        lambda: checkpoints.sweep(lab.store, held.run_id, 9),
    ):
        with pytest.raises(Unwritable, match="is a symbolic link to .*elsewhere"):
            attempt()
    assert integrity.orphans(lab.store) == integrity.set_orphans_aside(lab.store) == []
    assert content(elsewhere) == before


def test_a_link_in_place_of_a_checkpoint_is_not_read_or_resumed_from(lab, held, elsewhere):
    checkpoint = lab.commit(held, 10)
    file = lab.folder / checkpoint.path
    file.unlink()
    file.symlink_to(elsewhere / "r1-s00000" / "attempt-0001-step-000000010-00000000.ckpt")
    with pytest.raises(Unwritable, match="cannot be used: it is a symbolic link"):
        checkpoints.newest_sound(lab.store, held.run_id)


@pytest.mark.parametrize("deep", [False, True])
def test_a_link_in_place_of_set_aside_is_not_followed(lab, elsewhere, deep):
    stray = lab.store.workspace.checkpoints / "r1-nobody" / "a.pt"
    stray.parent.mkdir(parents=True)
    stray.touch()
    link = lab.store.workspace.set_aside / "r1-nobody" if deep else lab.store.workspace.set_aside
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    before = content(elsewhere)
    with pytest.raises(Unwritable, match=f"{link.name} cannot be used: it is a symbolic link"):
        integrity.set_orphans_aside(lab.store)
    assert stray.exists()
    assert content(elsewhere) == before


@pytest.mark.parametrize("ending", ["", "-journal", "-wal", "-shm"])
def test_a_link_in_place_of_the_database_or_a_file_beside_it_is_refused(lab, tmp_path, ending):
    lab.store.close()
    target = tmp_path / "target"
    if ending:
        target.write_bytes(b"\0" * 10)
    else:
        lab.folder.joinpath("rnnctl.db").rename(target)
    before = target.read_bytes()
    lab.folder.joinpath(f"rnnctl.db{ending}").symlink_to(target)
    for make in (Store.open, Store.create):
        with pytest.raises(Unwritable, match=f"rnnctl.db{ending} is a symbolic link to {target}; a workspace keeps"):
            make(lab.folder)
    assert target.read_bytes() == before


def test_a_pipe_in_place_of_the_database_is_refused(tmp_path):
    os.mkfifo(tmp_path / "rnnctl.db")
    with pytest.raises(Unwritable, match="is not a file"):
        Store.open(tmp_path)


# --- values -------------------------------------------------------------------------------------------------------


def test_a_value_larger_than_any_of_ours_is_not_read(lab, monkeypatch):
    lab.register("a", *lab.runs(1))
    lab.store.close()
    change(lab.folder, f"UPDATE studies SET about = zeroblob({2**28}) || 'x'")
    with Store.open(lab.folder) as store, pytest.raises(Foreign, match="a value that is larger than any"):
        store.rows("SELECT about FROM studies")

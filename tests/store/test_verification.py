"""Damaged and hidden rows are noticed before anything in them is used."""

from __future__ import annotations

import sqlite3

import pytest

from store import (
    Corrupt,
    Damaged,
    Store,
    answers,
    aside,
    checkpoints,
    history,
    integrity,
    lineage,
    queries,
    queue,
    verification,
)
from store.lineage import Descent
from store.sums import row_sum
from store.tables import COUNTS, TABLES
from store.verification import SMALL
from tests.store.damage import CHANGES, CHANGES_OF_EXTENSIONS, CHANGES_OF_MARKS, RUN, damage, damage_text, flip


def read(store, table):
    """Read a table as commands do."""
    verification.verify(store)
    if table == "history":
        history.read(store, [RUN])
    elif table == "checkpoints":
        queries.checkpoints_of(store, RUN)
    elif table == "answers":
        answers.of_runs(store, [RUN])


def test_every_table_has_a_case():
    cases = CHANGES.keys() | CHANGES_OF_MARKS.keys() | CHANGES_OF_EXTENSIONS.keys()
    assert cases == set(TABLES) - {"lineage"}


@pytest.mark.parametrize("table", CHANGES)
def test_a_damaged_row_is_not_read_and_doctor_names_it(filled, table):
    read(filled.store, table)
    assert integrity.database_findings(filled.store) == []
    damage(filled.folder, table, *CHANGES[table])
    with pytest.raises(Damaged) as caught:
        read(filled.store, table)
    text = str(caught.value)
    assert "\n" not in text
    assert f"rnnctl.db has a damaged row ({table}: " in text
    assert "`rnnctl doctor` tells what is damaged, and with --repair sets it aside" in text
    (finding,) = integrity.database_findings(filled.store)
    assert finding.text.startswith(f"a damaged row in {table}: ")


@pytest.mark.parametrize(
    ("table", "column"), [("labels", "label"), ("runs", "spec"), ("jobs", "error"), ("history", "scalars")]
)
def test_a_text_that_is_not_utf_8_is_damage(filled, table, column):
    damage_text(filled.folder, table, column, CHANGES[table][1])
    with pytest.raises(Damaged, match="has a damaged row"):
        read(filled.store, table)
    (finding,) = integrity.database_findings(filled.store)
    assert finding.text.isprintable()


def test_damage_is_told_by_the_name_of_the_run(filled):
    damage(filled.folder, "history", *CHANGES["history"])
    with pytest.raises(Damaged) as caught:
        history.read(filled.store, [RUN])
    assert caught.value.run_id == RUN
    assert "a/S0" in str(caught.value)
    assert "`rnnctl retry a/S0` then makes the run again" in str(caught.value)


def test_damaged_traces_are_noticed_when_they_are_read(filled):
    damage(filled.folder, "history", "traces = x'0100'", "step = 10")
    history.read(filled.store, [RUN])
    with pytest.raises(Damaged, match="step 10"):
        history.read(filled.store, [RUN], traces=True)


@pytest.mark.parametrize("table", COUNTS)
def test_a_row_too_few_in_a_large_table_is_noticed(filled, table):
    with sqlite3.connect(filled.folder / "rnnctl.db") as connection:
        connection.execute(f"DROP TRIGGER {table}_counted_at_delete")
        connection.execute(f"DELETE FROM {table} WHERE step >= 10")
    with pytest.raises(Damaged, match=f"{table} has . rows of a/S0 instead of "):
        read(filled.store, table)
    assert len(integrity.database_findings(filled.store)) == 1


def test_a_row_that_an_index_hides_is_noticed(filled):
    root = filled.store.value("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_jobs_1'")
    content = bytearray((filled.folder / "rnnctl.db").read_bytes())
    place = content.index(RUN.encode(), (root - 1) * 4096, root * 4096)
    content[place + 5] ^= 2
    (filled.folder / "rnnctl.db").write_bytes(content)
    with Store.open(filled.folder) as store:
        for verify in (verification.verify, verification.verify_structure):
            with pytest.raises(Damaged, match="the table jobs of .* is damaged"):
                verify(store)
        for name in (RUN, "a/S0", "S0"):
            with pytest.raises(Damaged, match="the table jobs of .* is damaged"):
                verification.verify_named(store, [name])


def test_what_is_sound_is_read_beside_what_is_damaged(filled):
    damage(filled.folder, "history", *CHANGES["history"])
    verification.verify(filled.store)
    assert history.read(filled.store, ["r1-s00001"]) == {}
    assert verification.all_sound(filled.store, "answers")
    assert set(SMALL) | set(COUNTS) == set(TABLES)


@pytest.mark.parametrize("name", [RUN, "a/S0"])
@pytest.mark.parametrize("table", ["studies", "runs", "labels", "environments", "workers", "jobs", "attempts"])
def test_a_damaged_row_of_the_run_that_is_asked_for_is_named(filled, table, name):
    verification.verify_named(filled.store, [name])
    damage(filled.folder, table, *CHANGES[table])
    with pytest.raises(Damaged, match=rf"has a damaged row \({table}: "):
        verification.verify_named(filled.store, [name])


@pytest.mark.parametrize("name", ["r1-s00001", "a/S1"])
@pytest.mark.parametrize("table", ["runs", "labels", "jobs", "attempts"])
def test_a_damaged_row_of_another_run_does_not_matter(filled, table, name):
    damage(filled.folder, table, *CHANGES[table])
    verification.verify_named(filled.store, [name])
    (finding,) = integrity.database_findings(filled.store)
    assert finding.text.startswith(f"a damaged row in {table}: ")


@pytest.mark.parametrize(
    ("table", "name"),
    [("labels", "S1"), ("labels", "r1-s0000"), ("labels", "S0"), ("jobs", "a"), ("runs", "S7"), ("jobs", "")],
)
def test_all_rows_that_decide_what_a_name_stands_for_are_looked_at(filled, table, name):
    damage(filled.folder, table, *CHANGES[table])
    with pytest.raises(Damaged, match=rf"has a damaged row \({table}: "):
        verification.verify_named(filled.store, ["r1-s00001", name])


def test_rows_of_relatives_are_looked_at(filled):
    study = filled.store.value("SELECT id FROM studies")
    with filled.store.transaction():
        lineage.add(filled.store, study, [Descent("r1-s00001", RUN, "longer")])
    damage(filled.folder, "runs", *CHANGES["runs"])
    with pytest.raises(Damaged, match="runs: "):
        verification.verify_named(filled.store, ["r1-s00001"])


@pytest.mark.parametrize("table", sorted(CHANGES.keys() - {"history", "environments", "answers"}))
def test_a_damaged_row_cannot_be_changed_into_a_sound_one(filled, table):
    damage(filled.folder, table, *CHANGES[table])
    column = CHANGES[table][0].split()[0]
    with pytest.raises(Damaged, match="cannot be changed"), filled.store.transaction():
        filled.store.execute(f"UPDATE {table} SET {column} = {column}")


def test_a_damaged_schema_is_one_line(filled):
    flip(filled.folder, b"studies_stay_damaged", b"\xfftudies_stay_damaged")
    with pytest.raises(Corrupt):
        Store.open(filled.folder)


@pytest.mark.parametrize("table", ["runs", "labels", "jobs"])
def test_a_damaged_run_is_not_claimed_and_can_be_quarantined(filled, table):
    damage(filled.folder, table, CHANGES[table][0], "run_id = 'r1-s00001'")
    with pytest.raises(Damaged) as caught:
        filled.claim("w")
    assert caught.value.run_id == "r1-s00001"
    aside.quarantine(filled.store, "r1-s00001", str(caught.value), 40.0)
    assert filled.status("r1-s00001") == "quarantined"
    assert filled.claim("w") == []


def test_a_resumption_does_not_trust_a_damaged_row_of_a_checkpoint(filled):
    damage(filled.folder, "checkpoints", *CHANGES["checkpoints"])
    with pytest.raises(Damaged):
        checkpoints.newest_sound(filled.store, RUN)


def test_sums_depend_on_every_value_its_type_and_its_place():
    values = [("a", 1), ("a", "1"), ("a", 1.0), (1, "a"), ("a", None), ("a", "None"), ("a", b"1"), ("ab",), ("a", "b")]
    assert len({row_sum(*columns) for columns in values}) == len(values)
    assert row_sum("é", -1, 0.1, None, b"\x00") == 794130281  # must never change: it stands in databases


def test_keys_of_damaged_runs_are_not_computed(filled):
    damage_text(filled.folder, "runs", "spec", "run_id = 'r1-s00001'")
    assert queries.keys_to_check(filled.store) == []
    assert queue.pending(filled.store)

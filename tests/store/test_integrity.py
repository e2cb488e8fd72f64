import sqlite3
from pathlib import Path

import pytest

from store import Store, integrity, queue
from store.integrity import Finding
from tests.checks import CheckRow


@pytest.fixture
def committed(lab):
    """Two runs of worker w, each with one commit; returns their claims and checkpoints."""
    lab.register("a", *lab.runs(2))
    lab.start("w")
    claims = lab.claim("w", pack=2)
    return claims, [lab.commit(claim, 10, [CheckRow(10, {"nll": 1.0})]) for claim in claims]


def test_a_sound_workspace_has_no_findings(lab, committed):
    assert integrity.database_findings(lab.store) == []
    assert integrity.checkpoint_findings(lab.store) == []
    assert integrity.orphans(lab.store) == []


def test_each_unsound_checkpoint_is_found(lab, committed):
    _, (first, second) = committed
    lab.folder.joinpath(first.path).unlink()
    lab.folder.joinpath(second.path).write_bytes(b"weightz")
    assert integrity.checkpoint_findings(lab.store) == [
        Finding("checkpoint", first.path, "is missing"),
        Finding("checkpoint", second.path, "its content has changed (sha256 differs)"),
    ]


def test_a_row_that_refers_to_nothing_is_found(lab, committed):
    connection = sqlite3.connect(lab.store.workspace.database)
    connection.execute("DELETE FROM environments")
    connection.commit()
    connection.close()
    texts = {finding.text for finding in integrity.database_findings(lab.store)}
    assert "row 1 of workers refers to no row of environments" in texts


def test_a_damaged_page_is_found(lab, committed):
    page = lab.store.value("SELECT rootpage FROM sqlite_master WHERE name = 'history'")
    lab.store.close()
    path = lab.store.workspace.database
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with Store.open(lab.folder) as store:
        (first, *_) = integrity.database_findings(store)
    assert first.kind == "database"
    assert first.subject == "rnnctl.db"


def test_orphans_are_listed_and_set_aside_except_in_folders_of_running_runs(lab, committed):
    (first, second), kept = committed
    stray, about_to_be_committed = lab.write(first, 20, b"stray"), lab.write(second, 20)
    queue.release(lab.store, first, 30.0)
    assert integrity.orphans(lab.store) == [lab.folder / stray.path]
    (aside,) = integrity.set_orphans_aside(lab.store)
    assert aside == lab.folder / "set-aside" / first.run_id / Path(stray.path).name
    assert aside.read_bytes() == b"stray"
    uncommitted = about_to_be_committed.path
    paths = (uncommitted, f"{uncommitted}.uncommitted", *(checkpoint.path for checkpoint in kept))
    left = {str(lab.folder / path) for path in paths}
    assert lab.everything()[1].keys() == left
    assert integrity.set_orphans_aside(lab.store) == []


def test_nothing_that_was_set_aside_is_replaced(lab):
    folder = lab.store.workspace.checkpoints / "r1-nobody"
    folder.mkdir(parents=True)
    for content in (b"1", b"2", b"3"):
        folder.joinpath("a.pt").write_bytes(content)
        integrity.set_orphans_aside(lab.store)
    aside = lab.folder / "set-aside" / "r1-nobody"
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == {"a.pt": b"1", "a.pt.2": b"2", "a.pt.3": b"3"}

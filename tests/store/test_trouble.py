"""What can go wrong around a workspace: each is told in one line, and changes nothing."""

import shutil
import tempfile
from pathlib import Path

import pytest

from store import Busy, Corrupt, NoWorkspace, Store, StoreError, Unwritable, Workspace, integrity
from tests.store.processes import PATIENCE

# --- nothing there, or something else -------------------------------------------------------------


def one_line(error):
    text = str(error)
    assert text
    assert "\n" not in text
    return text


def test_a_missing_workspace_says_how_to_make_one(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NoWorkspace) as caught:
            Store.open(folder)
        assert one_line(caught.value) == f"no workspace in {folder}; make one with `rnnctl init`"
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_is_found_from_any_folder_inside_it(lab, tmp_path):
    inside = lab.folder / "figures" / "deep"
    inside.mkdir(parents=True)
    assert Workspace.find(inside) == Workspace.find(lab.folder) == Workspace(lab.folder)
    with pytest.raises(NoWorkspace) as caught:
        Workspace.find(tmp_path)
    assert "or above it; make one with `rnnctl init`" in one_line(caught.value)


def test_the_folders_of_a_workspace_are_inside_it(tmp_path):
    workspace = Workspace(tmp_path)
    inside = [workspace.database, workspace.checkpoints, workspace.logs, workspace.figures]
    assert [path.name for path in inside] == ["rnnctl.db", "checkpoints", "logs", "figures"]
    assert {path.parent for path in inside} == {tmp_path}


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at " * 100, b"short"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    tmp_path.joinpath("rnnctl.db").write_bytes(content)
    for make in (Store.open, Store.create):
        with pytest.raises(Corrupt) as caught:
            make(tmp_path)
        assert "rnnctl.db is not a database; move it away, or restore it from a backup" in one_line(caught.value)
    assert tmp_path.joinpath("rnnctl.db").read_bytes() == content


@pytest.mark.parametrize("lost", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_no_database_is_made_beside_the_checkpoints_of_a_lost_one(lab, held, lost):
    checkpoint = lab.commit(held, 10)
    lab.store.close()
    lost(lab.store.workspace.database)
    before = {path: path.stat().st_size for path in lab.folder.rglob("*")}
    with pytest.raises(Corrupt) as caught:
        Store.create(lab.folder)
    path = checkpoint.path.removeprefix("checkpoints/")
    assert f"checkpoints has a checkpoint of a run that it named ({path}): restore it from a backup" in one_line(
        caught.value
    )
    assert {path: path.stat().st_size for path in lab.folder.rglob("*")} == before
    lab.store.workspace.checkpoints.rename(lab.folder / "elsewhere")
    Store.create(lab.folder).close()


def test_a_folder_of_checkpoints_of_another_program_is_no_sign_of_a_lost_database(tmp_path):
    other = tmp_path / "checkpoints" / "bert" / "step-100.ckpt"
    other.parent.mkdir(parents=True)
    other.touch()
    Store.create(tmp_path).close()


def test_something_else_in_the_place_of_folder_or_file_is_told(tmp_path):
    tmp_path.joinpath("file").touch()
    with pytest.raises(Unwritable) as caught:
        Store.create(tmp_path / "file")
    assert "file exists; move it away or choose another folder" in one_line(caught.value)
    with pytest.raises(Unwritable) as caught:
        Store.create(tmp_path / "file" / "workspace")
    assert "not a directory; move it away" in one_line(caught.value)
    tmp_path.joinpath("rnnctl.db").mkdir()
    with pytest.raises(Unwritable) as caught:
        Store.open(tmp_path)
    assert "or a folder in its place" in one_line(caught.value)


# --- no permission --------------------------------------------------------------------------------

# Root may write anywhere, so the code under test runs as nobody, who may not.
AS_NOBODY = """
import os, sys
import sqlite_utils
from store import Store, StoreError, Workspace, checkpoints, queries, registry

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = sys.argv[1]
"""


@pytest.fixture
def protected():
    """A function that makes a workspace, or a folder, unwritable for whoever the tests run code as."""
    # tmp_path lies in folders that only their owner may enter
    base = Path(tempfile.mkdtemp(prefix="rnnctl-"))
    base.chmod(0o755)
    folder = base / "workspace"

    def protect(file_mode=0o444):
        for path in folder.iterdir():
            path.chmod(file_mode)
        folder.chmod(0o555)
        return folder

    folder.mkdir()
    yield folder, protect
    folder.chmod(0o755)
    shutil.rmtree(base)


def test_a_workspace_cannot_be_made_in_a_read_only_folder(protected, run_python):
    _, protect = protected
    code = AS_NOBODY + (
        "for make in (Store.create, lambda f: Store.create(f + '/deeper')):\n"
        "    try:\n        make(folder)\n    except StoreError as error:\n        print(type(error).__name__, error)"
    )
    lines = run_python(code, protect()).splitlines()
    assert [line.split()[0] for line in lines] == ["Unwritable", "Unwritable"]
    assert all("no permission, a read-only file system" in line for line in lines)


def test_a_read_only_workspace_can_be_read_and_says_so_when_written(protected, run_python):
    folder, protect = protected
    Store.create(folder).close()
    code = AS_NOBODY + (
        "for readonly in (True, False):\n"
        "    with Store.open(folder, readonly=readonly) as store:\n"
        "        print(queries.counts(store)['queued'])\n"
        "with Store.open(folder) as store:\n"
        "    try:\n        registry.register(store, [registry.StudyRecord('a', '', '', [])], 1.0)\n"
        "    except StoreError as error:\n        print(type(error).__name__, error)\n"
        "try:\n    checkpoints.write(Workspace(folder), 'r1-a', 1, 1, lambda file: file.write(b'x'))\n"
        "except StoreError as error:\n    print(type(error).__name__, error)"
    )
    first, second, *lines = run_python(code, protect()).splitlines()
    assert (first, second) == ("0", "0")
    assert [line.split()[0] for line in lines] == ["Unwritable", "Unwritable"]
    assert all("change that or use another folder" in line for line in lines)


def test_a_workspace_that_may_not_be_read_says_so(protected, run_python):
    folder, protect = protected
    Store.create(folder).close()
    code = AS_NOBODY + (
        "try:\n    Store.open(folder, readonly=True)\n"
        "except StoreError as error:\n    print(type(error).__name__, error)"
    )
    (line,) = run_python(code, protect(file_mode=0o000)).splitlines()
    assert line.startswith("Unwritable")
    assert "rnnctl.db cannot be opened or written: no permission" in line


# --- no room --------------------------------------------------------------------------------------

FILL = """
import os, resource, sys
from store import DiskFull, Store, registry

with Store.open(sys.argv[1]) as store:
    size = os.path.getsize(store.workspace.database)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))
    run = lambda i: registry.RunRecord(f"r1-x{i}", "c", "s", {"i": i, "pad": "x" * 1000}, f"X{i}", 10)
    try:
        registry.register(store, [registry.StudyRecord("big", "", "", [run(i) for i in range(2000)])], 2.0)
    except DiskFull as error:
        print(error)
    print(store.value("SELECT count(*) FROM runs"))
    registry.register(store, [registry.StudyRecord("small", "", "", [])], 3.0)
"""


def test_a_full_disk_is_told_and_leaves_the_database_whole(lab, run_python):
    lab.register("a", *lab.runs(5))
    message, runs = run_python(FILL, lab.folder).splitlines()
    assert message == (
        f"no room left to write {lab.folder}/rnnctl.db (disk, quota or file size limit); free some, then try again"
    )
    assert runs == "5"
    assert integrity.database_findings(lab.store) == []
    assert [row["name"] for row in lab.store.rows("SELECT name FROM studies ORDER BY id")] == ["a", "small"]


def test_a_device_without_room_is_told_the_same():
    from store.errors import DiskFull, translated

    def fill():
        with translated(Path("/dev/full")), open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")

    with pytest.raises(DiskFull, match="no room left to write /dev/full"):
        fill()


# --- locked ---------------------------------------------------------------------------------------

HOLD = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def hold(start_python, lab, kind):
    process = start_python(HOLD, lab.store.workspace.database, kind)
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_database_locked_by_another_process_is_busy_after_the_timeout_and_fine_afterwards(lab, start_python):
    lab.register("a", *lab.runs(1))
    process = hold(start_python, lab, "EXCLUSIVE")
    with pytest.raises(Busy) as caught:
        Store.open(lab.folder, timeout=0.05)
    expected = f"{lab.folder}/rnnctl.db is locked by another program; close what holds it open, then try again"
    assert one_line(caught.value) == expected
    process.communicate("go\n", timeout=PATIENCE)
    with Store.open(lab.folder, timeout=0.05) as store:
        assert store.value("SELECT count(*) FROM runs") == 1


def test_a_write_that_comes_while_another_process_writes_is_busy_and_reading_goes_on(lab, start_python):
    lab.register("a", *lab.runs(1))
    process = hold(start_python, lab, "IMMEDIATE")
    with Store.open(lab.folder, timeout=0.05) as store:
        assert store.value("SELECT count(*) FROM runs") == 1
        with pytest.raises(Busy):
            store.transaction().__enter__()
        process.communicate("go\n", timeout=PATIENCE)
        with store.transaction():
            store.execute("UPDATE studies SET about = 'free again'")
    assert lab.store.value("SELECT about FROM studies") == "free again"


READ = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
cursor = connection.execute("SELECT * FROM studies UNION ALL SELECT * FROM studies")
cursor.fetchone()
print("reading", flush=True)
sys.stdin.readline()
"""


def test_a_commit_is_made_whole_or_taken_back_while_another_process_reads(lab, start_python):
    lab.register("a", *lab.runs(1))
    process = start_python(READ, lab.store.workspace.database)
    assert process.stdout.readline() == "reading\n"

    def write(store):
        with store.transaction():
            store.execute("UPDATE studies SET about = 'changed'")

    with Store.open(lab.folder, timeout=0.05) as store:
        if store.engine()["journal_mode"] == "delete":  # where a reader holds up the end of a commit
            with pytest.raises(Busy):
                write(store)
            assert store.value("SELECT about FROM studies") == "about a"
            process.communicate("go\n", timeout=PATIENCE)
        write(store)
        assert store.value("SELECT about FROM studies") == "changed"


def test_every_error_of_the_store_is_a_store_error():
    from store import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 16
    assert all(issubclass(kind, StoreError) for kind in kinds)

import os
import re
import signal

import pytest

from store import Store, StoreError, Unwritable, Workspace, checkpoints, commits, integrity
from store.checkpoints import PassedOver, Resumption
from tests.store.processes import PATIENCE


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def delete(path):
    path.unlink()


DAMAGES = [
    (truncate, "has 99999 bytes instead of 100000"),
    (flip_a_bit, "its content has changed (sha256 differs)"),
    (delete, "is missing"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_and_the_reason_is_told(lab, held, damage, reason):
    older, newer = (lab.commit(held, step, content=os.urandom(100_000)) for step in (10, 20))
    assert checkpoints.newest_sound(lab.store, held.run_id) == Resumption(newer, [])
    damage(lab.folder / newer.path)
    actual = checkpoints.newest_sound(lab.store, held.run_id)
    assert actual == Resumption(older, [PassedOver(newer, reason)])


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_with_no_sound_checkpoint_a_run_begins_again_and_all_reasons_are_told(lab, held, damage, reason):
    both = [lab.commit(held, step, content=os.urandom(100_000)) for step in (10, 20)]
    for checkpoint in both:
        damage(lab.folder / checkpoint.path)
    actual = checkpoints.newest_sound(lab.store, held.run_id)
    assert actual == Resumption(None, [PassedOver(checkpoint, reason) for checkpoint in reversed(both)])


def test_a_file_that_was_written_but_not_committed_is_not_resumed_from(lab, held):
    committed = lab.commit(held, 10)
    lab.write(held, 20)
    assert checkpoints.newest_sound(lab.store, held.run_id) == Resumption(committed, [])


def test_a_checkpoint_that_cannot_be_read_just_now_is_not_given_up(lab, held):
    checkpoint = lab.commit(held, 10)
    path = lab.folder / checkpoint.path
    path.unlink()
    path.symlink_to(path)  # opening it fails, but not because it is missing
    with pytest.raises(StoreError, match="cannot be used"):
        checkpoints.newest_sound(lab.store, held.run_id)


def test_the_name_tells_attempt_and_step_and_no_file_is_written_over(tmp_path):
    workspace = Workspace(tmp_path)
    both = [checkpoints.write(workspace, "r1-a", 3, 1200, lambda file: file.write(b"x")) for _ in range(2)]
    assert all(c.path.startswith("checkpoints/r1-a/attempt-0003-step-000001200-") for c in both)
    assert both[0].path != both[1].path
    assert [c.size for c in both] == [1, 1]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_writer_that_raises_leaves_no_file(tmp_path, error):
    def writer(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        checkpoints.write(Workspace(tmp_path), "r1-a", 1, 10, writer)
    assert list(tmp_path.rglob("*.*")) == []


DIE_WHILE_WRITING = """
import os, signal, sys
from store import Workspace, checkpoints

def writer(file):
    file.write(b"x" * 100_000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

checkpoints.write(Workspace(sys.argv[1]), "r1-s00000", 1, 20, writer)
"""


def test_killed_while_writing_leaves_no_file_under_a_final_name_and_the_next_owner_sweeps(lab, held, start_python):
    kept = lab.commit(held, 10)
    process = start_python(DIE_WHILE_WRITING, lab.folder)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    left, mark = sorted(lab.everything()[1].keys() - {str(lab.folder / kept.path)})
    assert mark.endswith(".ckpt.uncommitted")
    assert re.search(r"/attempt-0001-step-000000020-[0-9a-f]{8}\.ckpt\.[0-9a-f]{8}\.tmp$", left)
    assert [str(path) for path in checkpoints.sweep(lab.store, held.run_id, held.attempt + 1)] == [left]
    assert lab.everything()[1].keys() == {str(lab.folder / kept.path)}


def test_sweeping_removes_uncommitted_files_and_those_of_no_other_run(lab, held):
    lab.register("a", *lab.runs(2))
    (other,) = lab.claim("w")
    kept, uncommitted, theirs = lab.commit(held, 10), lab.write(held, 20), lab.write(other, 20)
    assert checkpoints.sweep(lab.store, held.run_id, 2) == [lab.folder / uncommitted.path]
    left = (kept.path, theirs.path, f"{theirs.path}.uncommitted")
    assert lab.everything()[1].keys() == {str(lab.folder / path) for path in left}
    assert checkpoints.sweep(lab.store, "r1-never-ran", 2) == []


def test_sweeping_removes_only_what_earlier_attempts_wrote(lab, held):
    mine = lab.write(held, 20)
    stranger = (lab.folder / mine.path).with_name("notes.txt")
    stranger.touch()
    assert checkpoints.sweep(lab.store, held.run_id, held.attempt) == []
    assert checkpoints.sweep(lab.store, held.run_id, held.attempt + 1) == [lab.folder / mine.path]
    assert list(stranger.parent.iterdir()) == [stranger]


def test_what_a_newer_database_named_is_never_removed_and_is_an_orphan(lab, held):
    """A database is restored from an older backup beside the checkpoints that were committed since."""
    path, files = lab.store.workspace.database, lab.folder / "checkpoints" / held.run_id
    lab.commit(held, 10)
    lab.commit(held, 20)
    backup = path.read_bytes()
    for step in (30, 40, 50):
        lab.commit(held, step)
    newer = sorted(files.iterdir())
    assert len(newer) == checkpoints.KEPT
    lab.store.close()
    path.write_bytes(backup)
    lab.store = Store.open(lab.folder)
    lab.rescue(1000.0)
    lab.start("v")
    (claim,) = lab.claim("v", now=1001.0)
    assert checkpoints.sweep(lab.store, held.run_id, claim.attempt) == []
    lab.commit(claim, 30, outcome="budget", now=1002.0)
    assert set(newer) < set(files.iterdir())
    assert integrity.orphans(lab.store) == newer


def test_a_file_is_marked_until_it_is_committed(lab, held):
    checkpoint = lab.write(held, 10)
    mark = lab.folder / f"{checkpoint.path}.uncommitted"
    assert mark.exists()
    commits.commit(lab.store, held, checkpoint, [], {}, 20.0)
    assert not mark.exists()
    mark.touch()  # as if the worker was killed before it could remove the mark
    assert integrity.orphans(lab.store) == []
    assert checkpoints.sweep(lab.store, held.run_id, held.attempt + 1) == []
    assert [path.name for path in mark.parent.iterdir()] == [mark.stem]


def test_what_a_killed_commit_did_not_remove_any_more_is_swept(lab, held, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(checkpoints, "discard", lambda workspace, checkpoint: None)
        first = [lab.commit(held, step) for step in (10, 20, 30)][0]
    assert checkpoints.sweep(lab.store, held.run_id, held.attempt + 1) == [lab.folder / first.path]


def test_a_sweeper_that_was_overtaken_halfway_removes_nothing_of_its_successor(lab, held, monkeypatch):
    """It is stopped between reading which files count and removing the others."""
    real = checkpoints.live
    theirs = []

    def overtaken(store, run_id):
        before = real(store, run_id)
        lab.rescue(1000.0)
        lab.start("v")
        (claim,) = lab.claim("v", now=1001.0)
        theirs.extend(lab.write(claim, step) for step in (10, 20))
        commits.commit(store, claim, theirs[0], [], {}, 1002.0)
        return before

    monkeypatch.setattr(checkpoints, "live", overtaken)
    assert checkpoints.sweep(lab.store, held.run_id, held.attempt) == []
    assert all((lab.folder / checkpoint.path).exists() for checkpoint in theirs)


FULL = """
import resource, sys
from store import DiskFull, Workspace, checkpoints

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

def plain(file):
    file.write(b"x" * 100_000)

def hiding(file):  # as torch.save does
    try:
        file.write(b"x" * 100_000)
    except OSError:
        raise RuntimeError("unexpected pos 704 vs 598")

try:
    checkpoints.write(Workspace(sys.argv[1]), "r1-a", 1, 10, {"plain": plain, "hiding": hiding}[sys.argv[2]])
except DiskFull as error:
    print(error)
"""


@pytest.mark.parametrize("writer", ["plain", "hiding"])
def test_a_full_disk_is_told_even_where_the_writer_hides_it_and_no_file_is_left(tmp_path, run_python, writer):
    assert "no room left to write" in run_python(FULL, tmp_path, writer)
    assert list(tmp_path.rglob("*.*")) == []


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    tmp_path.joinpath("checkpoints").touch()
    with pytest.raises(Unwritable, match="checkpoints.* cannot be used: .*; move it away"):
        checkpoints.write(Workspace(tmp_path), "r1-a", 1, 10, lambda file: file.write(b"x"))

import errno
import shutil
from pathlib import Path

import pytest

from store import DiskFull, Store, Unwritable, Workspace, checkpoints, history, integrity
from store import backup as backup_module
from store.backup import BackedUp, backup
from store.queue import Claim
from tests.checks import CheckRow


@pytest.fixture
def trained(lab):
    """A workspace with two running runs that have one commit each."""
    lab.register("a", *lab.runs(2))
    lab.start("w")
    for claim in lab.claim("w", pack=2):
        lab.commit(claim, 10, [CheckRow(10, {"nll": 1.0})])
    return lab


def test_a_backup_is_a_workspace_of_its_own(trained, tmp_path):
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert made == BackedUp(Workspace(tmp_path / "copy"), 2, damaged=[], replaced=[])
    before = trained.everything()[0]
    shutil.rmtree(trained.folder)
    with Store.open(tmp_path / "copy") as copy:
        assert integrity.database_findings(copy) == integrity.checkpoint_findings(copy) == []
        assert history.read(copy, ["r1-s00000"])["r1-s00000"].steps.tolist() == [10]
        assert checkpoints.newest_sound(copy, "r1-s00000").passed_over == []
    copied = type(trained)(tmp_path / "copy")
    assert copied.everything()[0] == before
    copied.store.close()


def test_without_checkpoints_only_the_database_is_copied(trained, tmp_path):
    made = backup(trained.store, tmp_path / "copy")
    assert made == BackedUp(Workspace(tmp_path / "copy"), 0, damaged=[], replaced=[])
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["rnnctl.db"]


def test_a_checkpoint_that_training_replaces_before_its_turn_comes_is_told(trained, tmp_path, monkeypatch):
    replaced = checkpoints.live(trained.store, "r1-s00001")[0]
    copy_to = trained.store.copy_to

    def copy_then_train(path):
        copy_to(path)
        claim = Claim("r1-s00001", 1, "w", {}, "s", "S1", 1000, 10, 0, True)
        for step in (20, 30):  # two newer ones are kept
            trained.commit(claim, step)

    monkeypatch.setattr(trained.store, "copy_to", copy_then_train)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert not trained.folder.joinpath(replaced.path).exists()
    assert (made.checkpoints, made.damaged, made.replaced) == (1, [], [replaced.path])


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (flip_a_byte, "its content has changed (sha256 differs)"),
        (lambda path: path.write_bytes(b"we"), "has 2 bytes instead of 7"),
        (Path.unlink, "is missing"),
    ],
)
def test_a_checkpoint_that_is_damaged_in_the_workspace_is_named_and_the_others_are_copied(
    trained, tmp_path, harm, reason
):
    damaged = checkpoints.live(trained.store, "r1-s00001")[0]
    harm(trained.folder / damaged.path)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    finding = integrity.Finding("checkpoint", damaged.path, reason)
    assert (made.checkpoints, made.damaged, made.replaced) == (1, [finding], [])
    with Store.open(tmp_path / "copy") as copy:
        assert integrity.checkpoint_findings(copy) == [finding]
        assert checkpoints.newest_sound(copy, "r1-s00000").passed_over == []


def test_a_checkpoint_that_is_damaged_by_the_copying_is_named(trained, tmp_path, monkeypatch):
    copyfile = shutil.copyfile

    def copy_badly(source, target):
        copyfile(source, target)
        flip_a_byte(target)

    monkeypatch.setattr(backup_module.shutil, "copyfile", copy_badly)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert (made.checkpoints, len(made.damaged), made.replaced) == (0, 2, [])


def test_a_checkpoint_that_cannot_be_read_is_named_and_leaves_no_piece_in_the_copy(trained, tmp_path, monkeypatch):
    bad = checkpoints.live(trained.store, "r1-s00001")[0]
    copyfile = shutil.copyfile

    def read_error(source, target):
        copyfile(source, target)
        if source == trained.folder / bad.path:
            source.unlink()  # so that it is unsound when it is checked, as on a failing disk
            raise OSError(errno.EIO, "Input/output error", str(source))

    monkeypatch.setattr(backup_module.shutil, "copyfile", read_error)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert (made.checkpoints, [finding.subject for finding in made.damaged]) == (1, [bad.path])
    assert not (tmp_path / "copy" / bad.path).exists()


def test_a_sound_checkpoint_that_cannot_be_copied_ends_the_backup(trained, tmp_path, monkeypatch):
    def no_room(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))

    monkeypatch.setattr(backup_module.shutil, "copyfile", no_room)
    with pytest.raises(DiskFull, match=f"no room left to write {tmp_path / 'copy' / 'checkpoints'}"):
        backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert not tmp_path.joinpath("copy").exists()


def test_a_backup_works_from_a_read_only_store_and_while_another_store_is_open(trained, tmp_path):
    with Store.open(trained.folder, readonly=True) as store:
        backup(store, tmp_path / "copy")
    with Store.open(tmp_path / "copy", readonly=True) as copy:
        assert copy.value("SELECT count(*) FROM history") == 2


def test_a_backup_never_goes_into_a_folder_with_something_in_it(trained, tmp_path):
    tmp_path.joinpath("mine").mkdir()
    tmp_path.joinpath("mine", "thesis.tex").write_text("years of work")
    tmp_path.joinpath("file").touch()
    for taken in ("mine", "file"):
        with pytest.raises(Unwritable, match=f"{taken} exists already; name a new folder for the backup"):
            backup(trained.store, tmp_path / taken)
    assert [path.name for path in tmp_path.joinpath("mine").iterdir()] == ["thesis.tex"]


def test_a_backup_that_fails_leaves_nothing_behind(trained, tmp_path, monkeypatch):
    def no_room(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(backup_module.shutil, "copyfile", no_room)
    with pytest.raises(KeyboardInterrupt):
        backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert not tmp_path.joinpath("copy").exists()


FULL = """
import resource, sys
from store import DiskFull, Store
from store.backup import backup

with Store.open(sys.argv[1]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        backup(store, sys.argv[2])
    except DiskFull as error:
        print(error)
"""


def test_a_backup_onto_a_full_disk_names_the_disk_and_leaves_nothing_behind(trained, tmp_path, run_python):
    message = run_python(FULL, trained.folder, tmp_path / "copy")
    assert f"no room left to write {tmp_path / 'copy'}/rnnctl.db" in message
    assert not tmp_path.joinpath("copy").exists()

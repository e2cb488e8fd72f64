import copy
import errno
import shutil
from pathlib import Path

import pytest

from store import Busy, DiskFull, Store, Unwritable, Workspace, checkpoints, history, integrity
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


def train_on(lab, run_id, *steps):
    claim = Claim(run_id, 1, "w", {}, "s", "S", 1000, 10, 0, True)
    for step in steps:  # two newer ones are kept
        lab.commit(claim, step)


def train_after_each_copy(trained, monkeypatch, most):
    """Replace the checkpoints of both runs whenever the database has been copied, `most` times; return the copies."""
    copy_database = backup_module._Copy._verify_database
    copies = []

    def copy_then_train(self):
        copy_database(self)
        copies.append(len(copies))
        if len(copies) <= most:
            for run_id in ("r1-s00000", "r1-s00001"):
                train_on(trained, run_id, 20 * len(copies), 20 * len(copies) + 10)

    monkeypatch.setattr(backup_module._Copy, "_verify_database", copy_then_train)
    return copies


def test_checkpoints_that_training_replaces_meanwhile_are_copied_all_the_same(trained, tmp_path, monkeypatch):
    replaced = checkpoints.live(trained.store)
    copies = train_after_each_copy(trained, monkeypatch, 100)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert not any(trained.folder.joinpath(checkpoint.path).exists() for checkpoint in replaced)
    assert (made.checkpoints, made.damaged, made.replaced, copies) == (2, [], [], [0])
    with Store.open(tmp_path / "copy") as copy:
        assert integrity.checkpoint_findings(copy) == []


def test_no_commit_comes_between_the_copy_of_the_database_and_the_opening_of_the_files(trained, tmp_path, monkeypatch):
    opened = backup_module._opened

    def train_then_open(*arguments):
        if trained.store.engine()["journal_mode"] != "wal":
            with pytest.raises(Busy):
                another.commit(Claim("r1-s00001", 1, "w", {}, "s", "S", 1000, 10, 0, True), 20)
        return opened(*arguments)

    another = copy.copy(trained)
    another.store = Store.open(trained.folder, timeout=0.1)
    monkeypatch.setattr(backup_module, "_opened", train_then_open)
    assert backup(trained.store, tmp_path / "copy", checkpoints=True).checkpoints == 2
    another.store.close()


def test_where_files_cannot_be_kept_open_a_newer_copy_of_the_database_is_made(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(backup_module, "SPARE", 2**40)
    copies = train_after_each_copy(trained, monkeypatch, 2)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert (made.checkpoints, made.damaged, made.replaced, copies) == (4, [], [], [0, 1, 2])
    with Store.open(tmp_path / "copy") as kept:
        named = {tmp_path / "copy" / checkpoint.path for checkpoint in checkpoints.live(kept)}
        assert integrity.checkpoint_findings(kept) == []
    assert named == set((tmp_path / "copy").glob("checkpoints/*/*"))


def test_checkpoints_that_training_keeps_replacing_are_told(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(backup_module, "SPARE", 2**40)
    copies = train_after_each_copy(trained, monkeypatch, 100)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert len(copies) == backup_module.ROUNDS
    with Store.open(tmp_path / "copy") as kept:
        assert made.replaced == sorted(checkpoint.path for checkpoint in checkpoints.live(kept))
    assert (made.checkpoints, made.damaged) == (0, [])


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
    def copy_badly(source, target):
        target.write(source.read().swapcase())

    monkeypatch.setattr(backup_module.shutil, "copyfileobj", copy_badly)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert (made.checkpoints, len(made.damaged), made.replaced) == (0, 2, [])


def test_a_checkpoint_that_cannot_be_read_is_named_and_leaves_no_piece_in_the_copy(trained, tmp_path, monkeypatch):
    bad = checkpoints.live(trained.store, "r1-s00001")[0]
    copyfileobj = shutil.copyfileobj

    def read_error(source, target):
        copyfileobj(source, target)
        if source.name == str(trained.folder / bad.path):
            raise OSError(errno.EIO, "Input/output error", source.name)

    def cannot_be_read(source, checkpoint):
        raise OSError(errno.EIO, "Input/output error", source.name)

    monkeypatch.setattr(backup_module.shutil, "copyfileobj", read_error)
    monkeypatch.setattr(backup_module, "unsound_content", cannot_be_read)
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    finding = integrity.Finding("checkpoint", bad.path, "cannot be read from the disk")
    assert (made.checkpoints, made.damaged) == (1, [finding])
    assert not (tmp_path / "copy" / bad.path).exists()


def test_a_sound_checkpoint_that_cannot_be_copied_ends_the_backup(trained, tmp_path, monkeypatch):
    def no_room(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backup_module.shutil, "copyfileobj", no_room)
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

    monkeypatch.setattr(backup_module.shutil, "copyfileobj", no_room)
    with pytest.raises(KeyboardInterrupt):
        backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert not tmp_path.joinpath("copy").exists()


FULL = """
import resource, sys
from store import Busy, DiskFull, Store
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

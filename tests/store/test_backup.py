import shutil

import pytest

from store import Store, Unwritable, checkpoints, history, integrity
from store import backup as backup_module
from store.backup import backup
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
    assert (made.workspace.root, made.checkpoints, made.missing) == (tmp_path / "copy", 2, [])
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
    assert (made.checkpoints, made.missing) == (0, [])
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["rnnctl.db"]


def test_a_checkpoint_that_is_gone_when_its_turn_comes_is_told(trained, tmp_path):
    gone = checkpoints.live(trained.store, "r1-s00001")[0]
    trained.folder.joinpath(gone.path).unlink()
    made = backup(trained.store, tmp_path / "copy", checkpoints=True)
    assert (made.checkpoints, made.missing) == (1, [gone.path])


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

"""Keeping a workspace in order."""

import subprocess

import pytest
import torch

from rnnctl.kernels.files import KernelFiles, Place
from rnnctl.lab import maintain
from rnnctl.lab.errors import Code, LabError
from rnnctl.study.loading import load_study
from store import Store, StoreError, queries
from tests.cards import OLD, RTX, pretend


def test_cancelled_runs_come_back(store):
    ids = maintain.chosen(store, ["omega=1.0 seed=1"], "tiny")
    assert len(ids) == 4
    assert sorted(maintain.cancel(store, ids[:2])) == sorted(ids[:2])
    assert queries.counts(store)["cancelled"] == 2
    assert sorted(maintain.retry(store, ids)) == sorted(ids[:2])
    assert queries.counts(store)["queued"] == 4


def test_nothing_to_do_is_an_error(store):
    for attempt in (lambda: maintain.retry(store), lambda: maintain.cancel(store, [])):
        with pytest.raises(LabError, match="nothing to") as error:
            attempt()
        assert error.value.code is Code.NOTHING
    with pytest.raises(LabError, match="did you mean tiny"):
        maintain.chosen(store, study="tinny")


def test_a_stray_file_is_found_and_set_aside(store):
    stray = store.workspace.checkpoints / "r1-nobody" / "a1-s5.pt"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    diagnosis = maintain.diagnose(store)
    assert (diagnosis.wrong, diagnosis.orphans, diagnosis.unknown) == ([], [str(stray)], 1)
    assert diagnosis.facts["workspace"] == str(store.workspace.root)
    aside = maintain.set_orphans_aside(store)
    assert aside == maintain.SetAside(store.workspace.root / "set-aside", [aside.folder / "r1-nobody" / "a1-s5.pt"])
    assert not stray.exists()
    assert aside.files[0].read_bytes() == b"x"


def test_the_state_of_the_kernel_cache_is_a_fact(store, monkeypatch, tmp_path):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path))
    folder = tmp_path / "kernels"
    assert maintain.diagnose(store).facts["kernel cache"] == f"{folder}: 0 kernels, 0.0 MiB"
    files = KernelFiles([Place(folder, None)])
    for name in "ab":
        files.save(f"{name}.kernel", bytes(2**20))
    (folder / "b.kernel").write_bytes(b"")
    damaged = "damaged and to be compiled again: b.kernel (its checksum is wrong)"
    assert maintain.diagnose(store).facts["kernel cache"] == f"{folder}: 2 kernels, 1.0 MiB, {damaged}"
    monkeypatch.setenv("RNNCTL_CACHE", str(folder / "b.kernel"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fact = maintain.diagnose(store).facts["kernel cache"]
    assert fact.startswith(f"{folder}/b.kernel/kernels: cannot be used: Not a directory; {tmp_path}/rnnctl-kernels-")
    assert (folder / "b.kernel").read_bytes() == b""


def test_each_card_is_a_fact(store, monkeypatch):
    pretend(monkeypatch, RTX, OLD)
    monkeypatch.setattr("rnnctl.devices.gpu_kernel_compiler", lambda: "triton 3.6.0")
    facts = maintain.diagnose(store).facts
    assert facts["cuda:0"] == "NVIDIA GeForce RTX 3090, compute capability 8.6, 24.0 GiB, 20.0 GiB of it free"
    assert facts["cuda:1"] == "Tesla P100, not usable: compute capability 6.0; 7.5 or more is needed"
    assert facts["gpu kernels"] == "triton 3.6.0"
    assert "gpu" not in facts
    monkeypatch.setattr("rnnctl.devices.gpu_kernel_compiler", lambda: None)
    assert maintain.diagnose(store).facts["gpu kernels"].startswith("none: ")


def test_without_a_card_it_is_told_what_one_would_need(store, monkeypatch):
    pretend(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", None)
    fact = maintain.diagnose(store).facts["gpu"]
    assert fact.startswith("none: this torch was built without CUDA; ")
    assert "7.5" in fact


def test_a_backup_is_a_workspace(store, tmp_path):
    made = maintain.backup(store, tmp_path / "copy")
    assert (made.folder, made.checkpoints, made.damaged, made.replaced) == (tmp_path / "copy", 0, [], [])
    with Store.open(made.folder) as copy:
        assert queries.counts(copy) == queries.counts(store)
    assert [path.relative_to(made.folder).as_posix() for path in made.studies] == ["studies/tiny.yaml"]
    assert load_study(made.studies[0]).name == "tiny"
    assert made.studies[0].read_text() == queries.studies(store)[0].source
    assert made.places == []
    with pytest.raises(StoreError, match="exists already"):
        maintain.backup(store, tmp_path / "copy")


def test_the_command_that_restores_a_backup_can_be_pasted_whatever_the_folders_are_called(tmp_path):
    folder, copy = tmp_path / "of \x1b[31m it's", tmp_path / "copy\t\udcff"
    with Store.create(folder) as store:
        made = maintain.backup(store, copy)
    assert made.restore.isprintable()
    (folder / "rnnctl.db").unlink()
    subprocess.run(["bash", "-c", made.restore], check=True)
    with Store.open(folder) as restored:
        assert queries.runs_of(restored) == []


def test_the_command_that_restores_a_backup_leaves_no_journal_of_the_old_database(store, tmp_path):
    folder = store.workspace.root
    made = maintain.backup(store, tmp_path / "a copy")
    assert f"cd {folder} && rm -f rnnctl.db rnnctl.db-journal rnnctl.db-wal rnnctl.db-shm && " in made.restore
    ids = [row.run_id for row in queries.runs_of(store)]
    store.close()
    for ending in ("", "-journal", "-wal", "-shm"):
        (folder / f"rnnctl.db{ending}").write_bytes(b"of the old database")
    subprocess.run(["sh", "-c", made.restore], check=True)
    assert sorted(path.name for path in folder.glob("rnnctl.db*")) == ["rnnctl.db"]
    with Store.open(folder) as restored:
        assert [row.run_id for row in queries.runs_of(restored)] == ids

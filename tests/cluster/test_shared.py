"""Checkpoints that go through a folder that all machines reach: the same results, and nothing is left there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from jobs import identity
from rnnctl.cluster.calls import Call, Parcel
from rnnctl.cluster.clock import LedgerClock
from rnnctl.cluster.ledger import ClusterLedger
from rnnctl.cluster.service import Service
from rnnctl.cluster.shared import OWNER, PREFIX, filed, folder_of_training, why_not_reached
from rnnctl.cluster.versions import answer, read_answer
from rnnctl.lab.errors import Code, LabError
from store import Store, StoreError, queries
from store.errors import Busy
from store.queue import Claim
from tests.checks import CheckRow
from tests.cluster.transports import SETTINGS, Losing, record
from tests.jobs.toy import add_runs, run_record


class Sharing(Losing):
    """Sends contents through a folder, and loses the first answers to commits."""

    def __init__(self, service: Service, folder: Path, answers: int = 0) -> None:
        super().__init__(service, "commit", answers)
        self.folder = folder

    def packed(self, content: bytes) -> bytes | Parcel:
        return filed(self.folder, content)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    add_runs(tmp_path, run_record("one", "a"))
    running = Service(tmp_path)
    yield running
    running.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def held(ledger: ClusterLedger) -> Claim:
    ledger.__enter__().start(record("w"), {}, 0.0)
    [claim] = ledger.claim("w", 0.0, SETTINGS, lambda shape: 1, 1)
    return claim


def commit(ledger: ClusterLedger, claim: Claim, step: int = 5) -> None:
    ledger.commit(claim, step, lambda file: file.write(b"state") and None, [CheckRow(step, {})], {}, 1.0, None)


def kept(workspace: Path) -> list[bytes]:
    return [path.read_bytes() for path in workspace.glob("checkpoints/*/*.ckpt")]


def test_a_checkpoint_arrives_and_its_file_goes(service: Service, tmp_path: Path, folder: Path) -> None:
    ledger = ClusterLedger(Sharing(service, folder), LedgerClock())
    commit(ledger, held(ledger))
    assert kept(tmp_path) == [b"state"]
    assert list(folder.iterdir()) == []


def test_a_file_stays_while_the_ledger_may_still_read_it(
    service: Service, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnctl.cluster.ledger.PAUSE", 60.0)
    ledger = ClusterLedger(Sharing(service, folder, answers=1), LedgerClock(), timeout=0.0)
    claim = held(ledger)
    with pytest.raises(Busy):
        commit(ledger, claim)
    assert [path.read_bytes() for path in folder.iterdir()] == [b"state"]
    commit(ledger, claim)
    assert kept(tmp_path) == [b"state"]
    assert list(folder.iterdir()) == []


def test_a_file_goes_when_the_next_save_is_another(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of the first one was lost meanwhile, so that it is not tried again."""
    monkeypatch.setattr("rnnctl.cluster.ledger.PAUSE", 60.0)
    ledger = ClusterLedger(Sharing(service, folder, answers=2), LedgerClock(), timeout=0.0)
    claim = held(ledger)
    with pytest.raises(Busy):
        commit(ledger, claim, step=5)
    [first] = folder.iterdir()
    with pytest.raises(Busy):
        commit(ledger, claim, step=6)
    [second] = folder.iterdir()
    assert first != second


def test_a_refused_checkpoint_leaves_no_file(service: Service, folder: Path) -> None:
    ledger = ClusterLedger(Sharing(service, folder), LedgerClock())
    claim = held(ledger)
    commit(ledger, claim)
    with pytest.raises(StoreError):
        commit(ledger, claim)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["another", "missing"])
def test_what_is_damaged_on_its_way_is_not_kept(service: Service, tmp_path: Path, folder: Path, damage: str) -> None:
    ledger = ClusterLedger(Sharing(service, folder), LedgerClock())
    claim = held(ledger)
    parcel = filed(folder, b"state")
    if damage == "missing":
        parcel.path.unlink()
    else:
        parcel.path.write_bytes(b"statE")
    answered = service.submit(Call("1", "commit", (claim, 5, parcel, [], {}, 1.0, None))).result()
    assert isinstance(answered.error, StoreError)
    assert str(parcel.path) in str(answered.error)
    assert kept(tmp_path) == []
    with Store.open(tmp_path, readonly=True) as store:
        assert [row.step for row in queries.runs_of(store)] == [0]


def test_folders_of_killed_trainings_are_removed_and_no_others(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = identity.started(process.pid)
        assert started is not None
    me = asdict(identity.here())
    owners = {
        "killed": {**me, "pid": process.pid, "pid_started": started},
        "elsewhere": {**me, "host": "another"},
        "living": me,
    }
    for name, owner in owners.items():
        (folder / f"{PREFIX}{name}").mkdir()
        (folder / f"{PREFIX}{name}" / OWNER).write_text(json.dumps(owner))
    (folder / f"{PREFIX}empty").mkdir()
    (folder / "other").mkdir()
    with folder_of_training(folder) as ours:
        assert ours.parent == folder
        names = {path.name for path in folder.iterdir()} - {ours.name}
    assert names == {f"{PREFIX}elsewhere", f"{PREFIX}living", f"{PREFIX}empty", "other"}
    assert not ours.exists()


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, why in (("nowhere", "No such file or directory"), ("file", "Not a directory")):
        with pytest.raises(LabError) as refused:
            folder_of_training(tmp_path / name).__enter__()
        assert str(refused.value) == f"--checkpoints-folder {tmp_path / name}: {why}"
        assert refused.value.code is Code.FAILURE


def test_a_node_that_does_not_reach_the_folder_has_that_as_its_problem(folder: Path) -> None:
    with folder_of_training(folder) as ours:
        assert why_not_reached(ours) == ""
        assert read_answer("id", "a", 1.0, answer("cpu", ours)).problem == ""
        assert [path.name for path in ours.iterdir()] == [OWNER]
    problem = f"it cannot use {folder} (No such file or directory), which --checkpoints-folder names"
    assert read_answer("id", "a", 1.0, answer("cpu", ours)).problem == problem

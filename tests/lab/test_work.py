"""What a worker does with the runs that it has claimed, where a card is short of memory."""

import threading
from types import SimpleNamespace

import pytest
import torch

from jobs.child import CannotWork
from jobs.session import OutOfMemory
from rnnctl.lab.status import status
from rnnctl.lab.work import build_worker, environment, execute
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.training.loop import Cadence
from tests.cards import GIB, OLD, RTX, pretend


def session(*hidden):
    """A session of runs with these numbers of hidden units."""
    specs = [{"task": {"name": "temporal_order"}, "model": {"name": "rnn", "hidden": n}, "seed": 1} for n in hidden]
    return SimpleNamespace(claims=[SimpleNamespace(run_id=f"r{i}", spec=spec) for i, spec in enumerate(specs)])


def training(monkeypatch, error=None):
    """Put a function in place of the trainer: it raises the error, and keeps what it was asked to train."""
    trained = []

    def train_pack(specs, recorder, *, device, cadence):
        trained.append((sorted(specs), device))
        if error is not None:
            raise error

    monkeypatch.setattr("rnnctl.lab.work.train_pack", train_pack)
    return trained


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nSee the documentation."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_card_without_memory_left_is_told_in_one_line(monkeypatch, error):
    pretend(monkeypatch, RTX, RTX, free=2 * GIB)
    trained = training(monkeypatch, error)
    with pytest.raises(OutOfMemory) as raised:
        execute(session(50, 50), device="cuda:1", cadence=Cadence())
    assert trained == [(["r0", "r1"], "cuda:1")]
    line = str(raised.value)
    assert line.startswith("memory ran out; a run needs about 0.")
    assert line.endswith("and 2.00 GiB is free on cuda:1 (NVIDIA GeForce RTX 3090)")
    # The tensors of a pack live as long as anything refers to the frames of its training.
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


def test_a_run_too_large_for_the_card_is_not_started(monkeypatch):
    pretend(monkeypatch, RTX, free=GIB // 2)
    trained = training(monkeypatch)
    with pytest.raises(OutOfMemory, match=r"^a run needs about .* GiB, and 0.50 GiB is free on cuda:0 \("):
        execute(session(20_000), device="cuda:0", cadence=Cadence())
    assert trained == []
    execute(session(50), device="cuda:0", cadence=Cadence())
    execute(session(20_000), device="cpu", cadence=Cadence())
    assert trained == [(["r0"], "cuda:0"), (["r0"], "cpu")]


def test_other_errors_pass_through(monkeypatch):
    pretend(monkeypatch, RTX)
    training(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        execute(session(50), device="cuda:0", cadence=Cadence())


def test_an_environment_names_the_card_but_its_bits_do_not(monkeypatch):
    pretend(monkeypatch, RTX, RTX)
    first, second = environment("cuda:0"), environment("cuda:1")
    assert (first["device"], second["device"]) == ("cuda:0", "cuda:1")
    assert first["bits"]["device"] == second["bits"]["device"] == "cuda"


def test_the_worker_of_a_slot_is_known_by_its_card(store, monkeypatch):
    pretend(monkeypatch, RTX, RTX)
    options = WorkerOptions(store.workspace.root, "auto", peers=3, slot=1)
    with build_worker(options, lambda event: None, threading.Event()):
        assert [worker.device for worker in status(store, 0.0).workers] == ["cuda:1"]


@pytest.mark.parametrize(("device", "words"), [("cuda:2", "2 GPUs: cuda:0, cuda:1"), ("cuda:1", "7.5 or more")])
def test_a_worker_without_its_card_cannot_work(store, monkeypatch, device, words):
    pretend(monkeypatch, RTX, OLD)
    with pytest.raises(CannotWork, match=words):
        build_worker(WorkerOptions(store.workspace.root, device), lambda event: None, threading.Event())

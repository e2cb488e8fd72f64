"""What a worker does with the runs that it has claimed, where a card is short of memory."""

import threading
from types import SimpleNamespace

import pytest
import torch

from jobs.child import CannotWork
from jobs.session import FitsLater, NeverFits, OutOfMemory, PackFailed
from rnnctl.devices import gpu_kernel_compiler
from rnnctl.lab.status import status
from rnnctl.lab.work import build_worker, environment, execute
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, PackError
from rnnctl.training.memory import ESTIMATED_MOST, bytes_on_cpu
from store.registry import RunRecord, StudyRecord, register
from tests.cards import GIB, OLD, RTX, pretend


def session(*hidden):
    """A session of runs with these numbers of hidden units."""
    specs = [{"task": {"name": "temporal_order"}, "model": {"name": "rnn", "hidden": n}, "seed": 1} for n in hidden]
    claims = [SimpleNamespace(run_id=f"r{i}", spec=spec) for i, spec in enumerate(specs)]
    return SimpleNamespace(claims=claims, emit=lambda event, **fields: None)


def training(monkeypatch, error=None):
    """Put a function in place of the trainer: it raises the error, and keeps what it was asked to train."""
    trained = []

    def train_packs(groups, recorder, *, device, cadence, pack_factory):
        trained.append(([sorted(specs) for specs in groups], device))
        if error is not None:
            raise PackError(error, groups[-1])

    monkeypatch.setattr("rnnctl.lab.work.train_packs", train_packs)
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
    with pytest.raises(PackFailed) as raised:
        execute(session(20, 50, 50), device="cuda:1", cadence=Cadence())
    assert trained == [([["r0"], ["r1", "r2"]], "cuda:1")]
    assert raised.value.run_ids == {"r1", "r2"}
    assert isinstance(raised.value.error, OutOfMemory)
    line = str(raised.value.error)
    assert line.startswith("memory ran out; a run needs about ")
    assert line.endswith("and 2 GiB is free on cuda:1 (NVIDIA GeForce RTX 3090)")
    # The tensors of a pack live as long as anything refers to the frames of its training.
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


def test_a_run_too_large_for_the_card_is_not_started(monkeypatch):
    pretend(monkeypatch, RTX, free=GIB // 2)
    trained = training(monkeypatch)
    with pytest.raises(PackFailed, match=r"^a run needs about .* GiB, and 512 MiB is free on cuda:0 \(") as raised:
        execute(session(50, 10_000), device="cuda:0", cadence=Cadence())
    assert (type(raised.value.error), raised.value.run_ids) == (FitsLater, {"r1"})
    assert trained == []
    execute(session(50), device="cuda:0", cadence=Cadence())
    execute(session(4000), device="cpu", cadence=Cadence())
    assert trained == [([["r0"]], "cuda:0"), ([["r0"]], "cpu")]


def test_a_run_that_this_machine_can_never_hold_is_not_started(monkeypatch):
    trained = training(monkeypatch)
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: GIB)
    with pytest.raises(
        PackFailed, match=r"^model.hidden 20,000 makes a run take about .* GiB of memory, and"
    ) as raised:
        execute(session(50, 20_000), device="cpu", cadence=Cadence())
    assert (type(raised.value.error), raised.value.run_ids, trained) == (NeverFits, {"r1"}, [])


def test_a_run_waits_for_memory_only_if_it_cannot_fit_into_what_is_free(monkeypatch):
    trained = training(monkeypatch)
    need = bytes_on_cpu(RunSpec.model_validate(session(6000).claims[0].spec))
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: need)
    monkeypatch.setattr("rnnctl.training.memory.available_bytes", lambda: int(need / ESTIMATED_MOST) - 1)
    with pytest.raises(PackFailed, match=r"^a run needs about .* available; use fewer workers, or try later") as raised:
        execute(session(6000), device="cpu", cadence=Cadence())
    assert (type(raised.value.error), trained) == (FitsLater, [])
    enough = int(need / ESTIMATED_MOST) + 1
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: enough)
    monkeypatch.setattr("rnnctl.training.memory.available_bytes", lambda: enough)
    execute(session(6000), device="cpu", cadence=Cadence())  # the estimate may be so many times too high
    assert trained == [([["r0"]], "cpu")]


def test_a_pack_that_this_machine_cannot_hold_now_is_made_smaller(monkeypatch):
    trained = training(monkeypatch)
    monkeypatch.setattr("rnnctl.training.memory.available_bytes", lambda: 4 * GIB)
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: 16 * GIB)
    with pytest.raises(PackFailed, match=r"^4 runs need about .* GiB of memory, and 4 GiB is available; ") as raised:
        execute(session(6000, 6000, 6000, 6000), device="cpu", cadence=Cadence())
    assert (type(raised.value.error), len(raised.value.run_ids), trained) == (OutOfMemory, 4, [])
    execute(session(6000), device="cpu", cadence=Cadence())
    assert trained == [([["r0"]], "cpu")]


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 9 GiB"), RuntimeError("[enforce fail] DefaultCPUAllocator: no memory")]
)
def test_a_machine_without_memory_left_is_told_in_one_line(monkeypatch, error):
    training(monkeypatch, error)
    with pytest.raises(PackFailed, match=r"^memory ran out; a run needs about .*, and .* is available$") as raised:
        execute(session(50), device="cpu", cadence=Cadence())
    assert isinstance(raised.value.error, OutOfMemory)


def test_data_that_does_not_reach_this_machine_fails_a_run_in_one_line():
    def lost(run):
        raise ValueError("words cannot be sent to this node: corpus words: no such file")

    with pytest.raises(PackFailed) as failed:
        execute(session(50), device="cpu", cadence=Cadence(), moved=lost)
    assert isinstance(failed.value.error, NeverFits)
    assert str(failed.value).startswith(
        "words cannot be sent to this node: corpus words: no such file; once the data is"
    )


def test_other_errors_pass_through(monkeypatch):
    pretend(monkeypatch, RTX)
    training(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(PackFailed) as raised:
        execute(session(20, 50), device="cuda:0", cadence=Cadence())
    assert raised.value.run_ids == {"r1"}
    assert str(raised.value.error) == "CUDA error: an illegal memory access was encountered"


def test_a_spec_that_cannot_be_read_is_the_fault_of_its_run_only(monkeypatch):
    trained = training(monkeypatch)
    of_two = session(20, 50)
    of_two.claims[1].spec["model"]["hidden"] = "many"
    with pytest.raises(PackFailed, match="hidden") as raised:
        execute(of_two, device="cpu", cadence=Cadence())
    assert (raised.value.run_ids, trained) == ({"r1"}, [])


def test_a_worker_of_a_card_takes_several_packs_and_one_of_the_cpu_does_not(store, monkeypatch):
    pretend(monkeypatch, RTX)
    runs = [RunSpec.model_validate(claim.spec).identified() for claim in session(20, 30, 40).claims]
    records = [
        RunRecord(run.run_id, run.config_id, PackKey.of(run).text, run.canonical(), f"r{i}", run.train.updates)
        for i, run in enumerate(runs)
    ]
    register(store, [StudyRecord("sizes", "", "", records)], 0.0)
    packs = []
    monkeypatch.setattr(
        "rnnctl.lab.work.train_packs",
        lambda groups, recorder, **options: packs.append([len(specs) for specs in groups]),
    )
    for device in ("cpu", "cuda:0"):
        options = WorkerOptions(store.workspace.root, device)
        with build_worker(options, lambda event: None, threading.Event()) as worker:
            worker.run_once(0.0)
        packs.append(device)
    # The store had a study of four runs before. They were not trained, so that they are due again.
    assert packs == [[4], "cpu", [4, 1, 1, 1], "cuda:0"]


def gated_session(count, **train):
    """A session of gated runs whose flags differ."""
    flags = [{"input_gate": a, "state_gate": b, "residual": c} for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    claims = session(*[8] * count).claims
    for claim, on in zip(claims, flags, strict=False):
        claim.spec |= {"model": {"name": "gated", "hidden": 8, **{flag: bool(value) for flag, value in on.items()}}}
        claim.spec |= {"train": train}
    return SimpleNamespace(claims=claims, emit=lambda event, **fields: None)


@pytest.mark.skipif(gpu_kernel_compiler() is None, reason="Triton is not installed")
def test_runs_of_several_pack_keys_share_a_pack_on_a_card_where_they_train_with_kernels(monkeypatch):
    pretend(monkeypatch, RTX)
    trained = training(monkeypatch)
    execute(gated_session(5), device="cuda:0", cadence=Cadence())
    execute(gated_session(5), device="cuda:0", cadence=Cadence(), most=2)
    execute(gated_session(3), device="cpu", cadence=Cadence())
    execute(gated_session(3, accumulate=2), device="cuda:0", cadence=Cadence())  # by operations of torch
    alone = [["r0"], ["r1"], ["r2"]]
    pairs = [["r0", "r1"], ["r2", "r3"], ["r4"]]
    assert [packs for packs, _ in trained] == [[["r0", "r1", "r2", "r3", "r4"]], pairs, alone, alone]


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


def test_a_card_that_does_not_answer_any_more_ends_the_process(monkeypatch, capsys):
    """Or the worker would claim pack after pack, and strike every run of the queue."""
    pretend(monkeypatch, RTX, free=2 * GIB)
    training(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))

    class Ended(Exception):
        pass

    def end():
        raise Ended

    def refuse(device=None):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("rnnctl.lab.work.abandon", end)
    with pytest.raises(PackFailed):
        execute(session(20), device="cuda:0", cadence=Cadence())
    monkeypatch.setattr(torch.cuda, "synchronize", refuse)
    with pytest.raises(Ended):
        execute(session(20), device="cuda:0", cadence=Cadence())
    assert "illegal memory access" in capsys.readouterr().err

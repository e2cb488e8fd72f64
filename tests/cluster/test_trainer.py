"""A worker inside an actor: its orders, its events, and its settings where there are many."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from jobs.config import Settings
from jobs.events import Emit, event
from rnnctl.cluster import trainer
from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.service import Service
from rnnctl.cluster.trainer import Seat, Trainer
from tests.cluster.transports import Pickling


@pytest.fixture(autouse=True)
def _without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(trainer, "GATHERING", 0.01)


def made(tmp_path: Path, train: trainer.Train, slots: int = 1) -> Trainer:
    service = Service(tmp_path)
    service.close()
    return Trainer(train, Pickling(service), "node", ClusterOptions("auto", slots))


def say(emit: Emit, name: str, **fields: object) -> None:
    emit(event(name, 0.0, "w", **fields))


def test_events_come_in_order_and_those_that_were_not_known_come_again(tmp_path: Path) -> None:
    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        for name in ("worker_started", "idle", "worker_ended"):
            say(emit, name)
        return 0

    worker = made(tmp_path, train)
    assert worker.run() == 0
    first = worker.events(0)
    assert ([heard["event"] for heard in first.events], first.over) == (
        ["worker_started", "idle", "worker_ended"],
        True,
    )
    assert worker.events(0).events == first.events  # the answer was lost
    assert [heard["event"] for heard in worker.events(2).events] == ["worker_ended"]
    assert (worker.events(first.last).events, worker.events(first.last).over) == ([], True)


def test_events_that_come_close_together_are_fetched_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "LONGEST_WAIT", 60.0)
    monkeypatch.setattr(trainer, "GATHERING", 60.0)

    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        for name in ("worker_started", "idle", "worker_ended"):
            say(emit, name)
            time.sleep(0.01)
        return 0

    worker = made(tmp_path, train)
    thread = threading.Thread(target=worker.run)
    thread.start()
    fetched = worker.events(0)  # the end of the worker ends the wait
    thread.join()
    assert (len(fetched.events), fetched.over) == (3, True)


def test_what_the_pool_decides_by_is_kept_when_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "WAITING_EVENTS", 3)

    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        for _ in range(10):
            say(emit, "idle")
        say(emit, "worker_ended")
        return 0

    worker = made(tmp_path, train)
    worker.run()
    assert [heard["event"] for heard in worker.events(0).events] == ["idle", "idle", "idle", "worker_ended"]


def test_it_drains_and_events_can_be_waited_for_meanwhile(tmp_path: Path) -> None:
    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        stop.wait()
        return 7

    worker = made(tmp_path, train)
    status: list[int] = []
    thread = threading.Thread(target=lambda: status.append(worker.run()))
    thread.start()
    assert (worker.events(0).events, worker.events(0).over) == ([], False)
    worker.drain()
    thread.join()
    assert (status, worker.events(0).over) == ([7], True)


def test_an_error_passes_through_and_no_more_events_come(tmp_path: Path) -> None:
    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        raise RuntimeError("broken")

    worker = made(tmp_path, train)
    with pytest.raises(RuntimeError):
        worker.run()
    assert worker.events(0).over


@pytest.mark.parametrize(("workers", "seconds"), [(1, 1.0), (50, 1.0), (200, 4.0), (4000, 10.0)])
def test_many_workers_look_for_work_less_often(tmp_path: Path, workers: int, seconds: float) -> None:
    seen: list[Settings] = []

    def train(seat: Seat, emit: Emit, stop: threading.Event) -> int:
        seen.append(seat.settings(Settings()))
        return 0

    made(tmp_path, train, workers).run()
    assert seen[0].rescue_every == seconds

"""A worker of a cluster as its pool sees it: how it finds a place, and what is not its end. Ray is played by a fake."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.events import Event, event
from rnnctl.lab.errors import LabError

pytest.importorskip("ray")

from ray.exceptions import ActorUnavailableError, RayActorError

from rnnctl.cluster import launcher, resources
from rnnctl.cluster.launcher import RayLauncher
from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.trainer import Fetched

NODE = "a" * 56

Outcome = tuple[Any, list[str], int]  # how a worker ended, the names of its events, its pid


class Method:
    """A method of an actor. Each call takes the next of its answers; an exception is raised when it is fetched."""

    def __init__(self, answers: Sequence[object]) -> None:
        self.answers = list(answers)

    def remote(self, *arguments: object) -> object:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def actor(place: Sequence[object] = ((7, NODE),), events: Sequence[object] = ()) -> Any:
    goodbye = event("worker_ended", 0.0, "w", reason="empty", error=None)
    last = Fetched(events=[goodbye], last=1, over=True)
    return SimpleNamespace(
        place=Method(place), run=Method([0]), events=Method([*events, last]), drain=Method([None]), killed=False
    )


def get(answer: object, timeout: float | None = None) -> object:
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Outcome]:
    """Start a worker with this actor, and wait for its end."""
    ray = SimpleNamespace(
        get=get,
        wait=lambda answers, timeout: (answers, []),
        kill=lambda worker, no_restart: setattr(worker, "killed", True),
    )
    monkeypatch.setattr(launcher, "ray", ray)
    monkeypatch.setattr(launcher, "AGAIN_AFTER", 0.0)
    monkeypatch.setattr(launcher, "NODE_FOLLOWS", 0.0)
    monkeypatch.setattr(launcher, "free_slots", lambda options: 1)
    monkeypatch.setattr(launcher, "is_alive", lambda node: node == NODE)

    def run(own: Any) -> Outcome:
        monkeypatch.setattr(launcher, "start_trainer", lambda *arguments: own)
        heard: list[Event] = []
        nodes: Any = SimpleNamespace(selector={}, look=lambda tell: None)
        options = ClusterOptions(address="local", slots=1)
        worker = RayLauncher(lambda *arguments: 0, None, options, {}, nodes).start(0, heard.append)
        until = time.monotonic() + 60.0
        while worker.ended() is None and time.monotonic() < until:
            time.sleep(0.005)
        assert own.killed  # which frees its slot
        return worker.ended(), [each["event"] for each in heard], worker.pid

    return run


@pytest.mark.parametrize("when", ["place", "events"])
def test_a_worker_that_cannot_be_reached_for_a_moment_has_not_died(
    outcome: Callable[[Any], Outcome], when: str
) -> None:
    broken = [ActorUnavailableError("the connection broke", actor_id=None) for _ in range(2)]
    ending, heard, pid = outcome(actor(place=[*broken, (7, NODE)]) if when == "place" else actor(events=broken))
    assert (ending.exit, heard, pid) == (0, ["worker_ended"], 7)


@pytest.mark.parametrize(("node", "named"), [(NODE, None), ("b" * 56, "b" * 12)], ids=["process", "node"])
def test_the_end_of_a_worker_that_dies_says_whether_its_node_did(
    outcome: Callable[[Any], Outcome], node: str, named: str | None
) -> None:
    ending, heard, _ = outcome(actor(place=[(7, node)], events=[RayActorError()]))
    assert (ending.exit, ending.node, heard) == (None, named, [])


@pytest.mark.parametrize("missing", ["place", "events", "run"])
def test_nobody_waits_for_a_worker_of_which_nothing_is_heard_after_the_training(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As it is where the cluster has broken down."""
    monkeypatch.setattr(launcher, "LONGEST_LOOK", 0.01)
    monkeypatch.setattr(launcher, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(launcher, "free_slots", lambda options: 1)
    own = actor()
    getattr(own, missing).answers = ["never"]

    def wait(answers: list[object], timeout: float) -> tuple[list[object], list[object]]:
        if answers != ["never"]:
            return answers, []
        time.sleep(timeout)
        return [], answers

    ray = SimpleNamespace(get=get, wait=wait, kill=lambda worker, no_restart: None)
    monkeypatch.setattr(launcher, "ray", ray)
    monkeypatch.setattr(launcher, "start_trainer", lambda *arguments: own)
    nodes: Any = SimpleNamespace(selector={}, look=lambda tell: None)
    made = RayLauncher(lambda *arguments: 0, None, ClusterOptions(address="local", slots=1), {}, nodes)
    worker = made.start(0, lambda each: None)
    time.sleep(0.1)
    assert worker.ended() is None
    made.close()
    assert worker.ended() is not None


@pytest.mark.parametrize("free", [1, 0])
def test_that_other_programs_have_taken_the_slots_is_told_soon(
    outcome: Callable[[Any], Outcome], monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    """If there are enough, it is the start that takes so long."""
    looks = iter([[], [], ["started"]])
    monkeypatch.setattr(launcher.ray, "wait", lambda answers, timeout: (next(looks, ["started"]), []))
    monkeypatch.setattr(launcher, "PATIENCE", 0.0)
    monkeypatch.setattr(launcher, "free_slots", lambda options: free)
    monkeypatch.setattr(launcher, "what_there_is", lambda: "1 CPU (0 free)")
    _, heard, _ = outcome(actor())
    assert heard == ([] if free else ["notice"]) + ["worker_ended"]


@pytest.fixture
def cluster_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the cluster have such nodes. free: what no program has taken; everything if it is not said."""

    def make(*nodes: dict[str, float], free: dict[str, float] | None = None) -> None:
        alive = [{"Alive": True, "NodeID": str(i), "Resources": has} for i, has in enumerate(nodes)]
        total = {name: sum(has.get(name, 0.0) for has in nodes) for name in ("CPU", "GPU")}
        ray = SimpleNamespace(
            nodes=lambda: alive,
            cluster_resources=lambda: total,
            available_resources=lambda: total if free is None else free,
        )
        monkeypatch.setattr(resources, "ray", ray)

    return make


def test_slots_are_free_where_a_node_has_them_and_no_program_does(cluster_of: Callable[..., None]) -> None:
    nodes = {"CPU": 1.0}, {"CPU": 3.0, "GPU": 1.0}
    for cpus, gpus, free, expected in (
        (1.0, 0.0, None, 4),
        (2.0, 0.0, None, 1),
        (1.0, 0.5, None, 2),
        (1.0, 0.0, {"CPU": 1.0, "GPU": 1.0}, 1),
        (1.0, 0.0, {}, 0),
        (0.1, 0.0, {"CPU": 0.3}, 3),
    ):
        cluster_of(*nodes, free=free)
        options = ClusterOptions(address="auto", slots=5, cpus_per_slot=cpus, gpus_per_slot=gpus)
        assert resources.free_slots(options) == expected


def test_one_node_must_have_all_that_a_slot_takes(cluster_of: Callable[..., None]) -> None:
    wanted = ClusterOptions(address="auto", slots=1, cpus_per_slot=4.0, gpus_per_slot=1.0)
    cluster_of({"CPU": 1.0, "GPU": 1.0}, {"CPU": 8.0})
    with pytest.raises(LabError, match="no node has all that a slot takes, 4 CPUs and 1 GPU; the cluster has 2 nodes"):
        resources.require(wanted)
    cluster_of({"CPU": 4.0, "GPU": 1.0}, {"CPU": 8.0})
    resources.require(wanted)

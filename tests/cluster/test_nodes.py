"""Nodes that are asked what they have, and that end before they answer. Real ones are in tests/slow/cluster."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="it is an extra: pip install 'rnnctl[ray]'")

from ray.exceptions import GetTimeoutError, TaskUnschedulableError, WorkerCrashedError

from rnnctl.cluster import nodes, resources
from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.versions import here

NODE = {"NodeID": "1" * 56, "NodeManagerHostname": "far", "Resources": {"CPU": 2.0}, "Alive": True}
LATER = {**NODE, "NodeID": "2" * 56}
GOOD = {"version": here().version, "sources": here().sources, "bits": {"cpu": "A"}}


class Cluster:
    """What Ray tells of a node, and of the question to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: object, alive: bool) -> None:
        self.answer = answer
        self.alive = alive
        for module in (nodes, resources):
            monkeypatch.setattr(module, "ray", self)

    def nodes(self) -> list[dict[str, Any]]:
        return [{**NODE, "Alive": self.alive}]

    def get(self, reference: object, timeout: float) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def get_runtime_context(self) -> Cluster:
        return self

    def get_node_id(self) -> str:
        return str(NODE["NodeID"])


def gone(message: str) -> TaskUnschedulableError:
    return TaskUnschedulableError(message)


@pytest.mark.parametrize(
    ("error", "alive"),
    [
        (gone("The node specified via NodeAffinitySchedulingStrategy doesn't exist any more"), True),
        (gone("The node specified via NodeAffinitySchedulingStrategy doesn't exist any more"), False),
        (WorkerCrashedError(), False),
    ],
)
def test_nothing_is_said_of_a_node_that_is_gone(monkeypatch, error, alive):
    Cluster(monkeypatch, error, alive)
    assert nodes._answer(NODE, None) is None


def test_a_node_whose_process_dies_has_a_problem_in_one_line(monkeypatch):
    Cluster(monkeypatch, WorkerCrashedError(), True)
    problem = nodes._answer(NODE, None).problem
    assert problem.startswith("it cannot be asked: The worker died unexpectedly")
    assert "\n" not in problem


def test_a_node_that_answers_is_known(monkeypatch):
    Cluster(monkeypatch, GOOD, True)
    node = nodes._answer(NODE, None)
    assert (node.name, node.cpus, node.problem) == ("111111111111 (far)", 2.0, "")


def test_the_node_of_this_process_comes_first(monkeypatch):
    Cluster(monkeypatch, None, True)
    others = [{**NODE, "NodeID": letter * 56} for letter in "ab"]
    assert nodes._own_first([*others, NODE]) == [NODE, *others]
    assert nodes._own_first(others) == others


class Asked(Cluster):
    """Nodes that are asked, and answer when they are told to. An answer is known by the id of its node."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *there: dict[str, Any]) -> None:
        super().__init__(monkeypatch, None, True)
        self.there = list(there)
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(nodes, "LOOK_EVERY", 0.0)
        monkeypatch.setattr(nodes, "NOTICES", 0.01)
        monkeypatch.setattr(nodes, "NodeAffinitySchedulingStrategy", lambda node, soft: node)

    def nodes(self) -> list[dict[str, Any]]:
        return self.there

    def remote(self, **options: object) -> Any:
        return lambda function: self

    def options(self, scheduling_strategy: str, **options: object) -> Any:
        self.asked.append(scheduling_strategy)
        return SimpleNamespace(remote=lambda: scheduling_strategy)

    def wait(self, missing: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        if any(each not in self.answers for each in missing):
            time.sleep(timeout)
        came = [each for each in missing if each in self.answers]
        return came, [each for each in missing if each not in came]

    def get(self, reference: object, timeout: float) -> object:
        if reference not in self.answers:
            raise GetTimeoutError
        return self.answers[str(reference)]

    def cancel(self, reference: object, force: bool) -> None:
        pass


def until(reached) -> None:
    over = time.monotonic() + 30.0
    while not reached():
        assert time.monotonic() < over
        time.sleep(0.01)


def used(known: nodes.Nodes) -> str:
    return known.selector["ray.io/node-id"]


def test_no_worker_waits_for_the_answer_of_a_node_that_has_joined(monkeypatch):
    cluster = Asked(monkeypatch, NODE)
    cluster.answers[NODE["NodeID"]] = GOOD
    with nodes.Nodes(ClusterOptions("h:1", 2), {}, pytest.fail) as known:
        assert used(known) == f"in({NODE['NodeID']})"
        cluster.there.append(LATER)
        for _ in range(3):
            known.look(pytest.fail)  # returns at once
        until(lambda: LATER["NodeID"] in cluster.asked)
        assert used(known) == f"in({NODE['NodeID']})"
        cluster.answers[LATER["NodeID"]] = GOOD
        until(lambda: used(known) == f"in({NODE['NodeID']},{LATER['NodeID']})")
    assert cluster.asked == [NODE["NodeID"], LATER["NodeID"]]


def test_a_look_ends_with_the_training(monkeypatch):
    cluster = Asked(monkeypatch, NODE)
    cluster.answers[NODE["NodeID"]] = GOOD
    with nodes.Nodes(ClusterOptions("h:1", 2), {}, pytest.fail) as known:
        cluster.there.append(LATER)
        known.look(pytest.fail)
        until(lambda: LATER["NodeID"] in cluster.asked)
    assert not [thread for thread in threading.enumerate() if thread.name == "nodes"]
    known.look(pytest.fail)
    assert not [thread for thread in threading.enumerate() if thread.name == "nodes"]


def test_a_node_that_has_not_answered_in_time_is_asked_again_later(monkeypatch):
    cluster = Asked(monkeypatch, NODE, LATER)
    cluster.answers[NODE["NodeID"]] = GOOD
    monkeypatch.setattr(nodes, "PATIENCE", 0.05)
    monkeypatch.setattr(nodes, "AGAIN_AFTER", 0.5)
    said: list[str] = []
    with nodes.Nodes(ClusterOptions("h:1", 2), {}, said.append) as known:
        assert said == [f"node 222222222222 (far) is not used: {nodes.SILENT}"]
        cluster.answers[LATER["NodeID"]] = GOOD
        known.look(pytest.fail)
        assert used(known) == f"in({NODE['NodeID']})"
        until(lambda: (known.look(pytest.fail), LATER["NodeID"] in used(known))[1])
    assert cluster.asked == [NODE["NodeID"], LATER["NodeID"], LATER["NodeID"]]

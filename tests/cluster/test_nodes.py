"""Nodes that are asked what they have, and that end before they answer. Real ones are in tests/slow/cluster."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ray", reason="it is an extra: pip install 'rnnctl[ray]'")

from ray.exceptions import TaskUnschedulableError, WorkerCrashedError

from rnnctl.cluster import nodes, resources
from rnnctl.cluster.versions import here

NODE = {"NodeID": "1" * 56, "NodeManagerHostname": "far", "Resources": {"CPU": 2.0}, "Alive": True}


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
    Cluster(monkeypatch, {"version": here().version, "sources": here().sources, "bits": {"cpu": "A"}}, True)
    node = nodes._answer(NODE, None)
    assert (node.name, node.cpus, node.problem) == ("111111111111 (far)", 2.0, "")


def test_the_node_of_this_process_comes_first(monkeypatch):
    Cluster(monkeypatch, None, True)
    others = [{**NODE, "NodeID": letter * 56} for letter in "ab"]
    assert nodes._own_first([*others, NODE]) == [NODE, *others]
    assert nodes._own_first(others) == others

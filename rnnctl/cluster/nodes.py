"""The nodes on which a training may place workers: those that were asked what they have, and that may be used.

Nodes that join later are asked when a worker still waits for a place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rnnctl.cluster.actors import node_name
from rnnctl.cluster.options import LOCAL, ClusterOptions
from rnnctl.cluster.resources import holds_a_slot, is_alive
from rnnctl.cluster.versions import Choice, Node, choose, here, question, read_answer
from rnnctl.words import one_line, shortened

PATIENCE = 120.0  # seconds that a node has to answer: torch may have to be read from a slow disk
LOOK_EVERY = 2.0  # seconds between looks whether nodes have joined


class Nodes:
    """Which nodes may be used. variables: of the environment of workers. tell: see `look`.

    Raise LabError if there is no node that can be used.
    """

    def __init__(self, options: ClusterOptions, variables: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._options = options
        self._variables = dict(variables)
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._used: list[str] = []
        self._reference: Node | None = None
        self._looked_at = 0.0
        # The only node of a cluster that was started here is this machine, with the Python of this process.
        self._any = options.address == LOCAL
        self.look(tell)

    @property
    def selector(self) -> dict[str, str]:
        """The nodes that may be used, as Ray is told that a worker must be on one of them."""
        return {} if self._any else {"ray.io/node-id": f"in({','.join(self._used)})"}

    def look(self, tell: Callable[[str], None]) -> None:
        """Ask nodes that have joined, unless that was done a moment ago, or another thread does it now.

        tell: is called with a line for each of them that is not used, or that differs.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            now = time.monotonic()
            if self._any or (self._asked and now - self._looked_at < LOOK_EVERY):
                return
            self._looked_at = now
            joined = [
                node
                for node in ray.nodes()
                if node["Alive"] and node["NodeID"] not in self._asked and holds_a_slot(node, self._options)
            ]
            if not joined and self._asked:
                return
            joined = _own_first(joined)
            choice: Choice = choose(
                _answers(joined, self._options, self._variables), here(), self._options.mixed, self._reference
            )
            self._asked |= {node["NodeID"] for node in joined}
            self._used += choice.used
            self._reference = choice.reference
            for note in choice.notes:
                tell(note)
        finally:
            self._lock.release()


def _own_first(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes with the one of this process first, which decides between kinds of as many CPUs."""
    own = ray.get_runtime_context().get_node_id()
    return sorted(nodes, key=lambda node: bool(node["NodeID"] != own))


def _answers(nodes: list[dict[str, Any]], options: ClusterOptions, variables: dict[str, str]) -> list[Node]:
    """Ask nodes at the same time, in processes with the environment of workers; return their answers in order.

    A node that does not answer in time, or whose process dies, has that as its problem. One that is gone has no answer.
    """
    # Its process ends after the answer: torch on a card would keep some of its memory.
    ask, environment = ray.remote(max_calls=1)(question(options.device, options.checkpoints)), {"env_vars": variables}
    answers = [
        ask.options(
            num_cpus=0,
            max_retries=0,
            runtime_env=environment,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote()
        for node in nodes
    ]
    if answers:
        ray.wait(answers, num_returns=len(answers), timeout=PATIENCE)
    both = zip(nodes, answers, strict=True)
    return [known for node, answer in both if (known := _answer(node, answer)) is not None]


def _answer(node: dict[str, Any], answer: Any) -> Node | None:
    """Return what a node has answered so far; None if it is gone, even if Ray has named it a moment ago."""
    name = f"{node_name(node['NodeID'])} ({node['NodeManagerHostname']})"
    cpus = node["Resources"].get("CPU", 0.0)
    try:
        return read_answer(node["NodeID"], name, cpus, ray.get(answer, timeout=0))
    except GetTimeoutError:
        ray.cancel(answer, force=True)
        problem = f"it has not answered within {PATIENCE:.0f} seconds"
    except TaskUnschedulableError:  # it takes no CPU, so that it fits on any node that is there
        return None
    except RayError as error:
        if not is_alive(node["NodeID"]):
            return None
        line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        problem = f"it cannot be asked: {one_line(shortened(line[0]))}"
    return Node(node["NodeID"], name, cpus, problem=problem)

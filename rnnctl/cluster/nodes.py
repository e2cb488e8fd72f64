"""The nodes on which a training may place workers: those that were asked what they have, and that may be used.

Nodes that join later are asked while a worker still waits for a place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import GetTimeoutError, RayError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rnnctl.cluster.actors import node_name
from rnnctl.cluster.options import LOCAL, ClusterOptions
from rnnctl.cluster.resources import holds_a_slot, is_alive
from rnnctl.cluster.versions import Choice, Node, choose, here, question, read_answer
from rnnctl.words import one_line, shortened

PATIENCE = 120.0  # seconds that a node has to answer: torch may have to be read from a slow disk
AGAIN_AFTER = 300.0  # seconds from one question to the next, of a node that has not answered in time
LOOK_EVERY = 2.0  # seconds between looks whether nodes have joined
NOTICES = 0.5  # seconds within which a look ends that is not needed any more
LONGEST_END = 5.0  # seconds that are waited for that: a look that asks a head which has just died does not end
NEVER = float("inf")
SILENT = f"it has not answered within {PATIENCE:.0f} seconds"


class Nodes:
    """Which nodes may be used. variables: of the environment of workers. tell: see `look`.

    Leaving the context ends a look that is under way: Ray must not be called any more when it has been shut down.
    Raise LabError if there is no node that can be used.
    """

    def __init__(self, options: ClusterOptions, variables: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._options = options
        self._variables = dict(variables)
        self._lock = threading.Lock()
        self._ask_at: dict[str, float] = {}  # id -> when to ask a node again that was asked before
        self._used: tuple[str, ...] = ()
        self._reference: Node | None = None
        self._over = threading.Event()
        self._looker: threading.Thread | None = None
        self._looked_at = 0.0
        # The only node of a cluster that was started here is this machine, with the Python of this process.
        self._any = options.address == LOCAL
        if not self._any:
            self._look_now(tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over.set()
        if self._looker is not None:
            self._looker.join(LONGEST_END)

    @property
    def selector(self) -> dict[str, str]:
        """The nodes that may be used, as Ray is told that a worker must be on one of them."""
        return {} if self._any else {"ray.io/node-id": f"in({','.join(self._used)})"}

    def look(self, tell: Callable[[str], None]) -> None:
        """See to it that nodes that have joined are asked, and do not wait for their answers, which can take minutes.

        Nothing is done if that was done a moment ago, or is still under way. May be called from any thread.

        tell: is called, from another thread, with a line for each of them that is not used, or that differs.
        """
        with self._lock:
            now = time.monotonic()
            under_way = self._looker is not None and self._looker.is_alive()
            if self._any or self._over.is_set() or under_way or now - self._looked_at < LOOK_EVERY:
                return
            self._looked_at = now
            self._looker = threading.Thread(target=self._look_again, args=(tell,), name="nodes", daemon=True)
            self._looker.start()

    def _look_again(self, tell: Callable[[str], None]) -> None:
        with suppress(RayError):  # the cluster is gone: the workers that wait will hear of it themselves
            self._look_now(tell)

    def _look_now(self, tell: Callable[[str], None]) -> None:
        now = time.monotonic()
        joined = [
            node
            for node in ray.nodes()
            if node["Alive"] and self._ask_at.get(node["NodeID"], now) <= now and holds_a_slot(node, self._options)
        ]
        if not joined and self._ask_at:
            return
        joined = _own_first(joined)
        answers = _answers(joined, self._options, self._variables, self._over)
        if self._over.is_set():
            return
        choice: Choice = choose(answers, here(), self._options.mixed, self._reference)
        silent = {node.id for node in answers if node.problem == SILENT}
        for node in joined:
            self._ask_at[node["NodeID"]] = now + AGAIN_AFTER if node["NodeID"] in silent else NEVER
        self._used += choice.used
        self._reference = choice.reference
        for note in choice.notes:
            tell(note)


def _own_first(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes with the one of this process first, which decides between kinds of as many CPUs."""
    own = ray.get_runtime_context().get_node_id()
    return sorted(nodes, key=lambda node: bool(node["NodeID"] != own))


def _answers(
    nodes: list[dict[str, Any]], options: ClusterOptions, variables: dict[str, str], over: threading.Event
) -> list[Node]:
    """Ask nodes at the same time, in processes with the environment of workers; return their answers in order.

    over: is set when the answers are not needed any more. A node that does not answer in time, or whose process dies,
    has that as its problem. One that is gone has no answer.
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
    until, missing = time.monotonic() + PATIENCE, answers
    while missing and time.monotonic() < until and not over.is_set():
        _, missing = ray.wait(missing, num_returns=len(missing), timeout=NOTICES)
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
        problem = SILENT
    except TaskUnschedulableError:  # it takes no CPU, so that it fits on any node that is there
        return None
    except RayError as error:
        if not is_alive(node["NodeID"]):
            return None
        line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        problem = f"it cannot be asked: {one_line(shortened(line[0]))}"
    return Node(node["NodeID"], name, cpus, problem=problem)

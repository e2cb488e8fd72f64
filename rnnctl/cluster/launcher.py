"""A launcher that starts workers as actors of a cluster; see `jobs.launcher`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from jobs.events import Emit, Event, event
from jobs.launcher import Ending
from rnnctl.cluster.actors import node_name, start_trainer
from rnnctl.cluster.nodes import Nodes
from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.resources import free_slots, is_alive, what_there_is
from rnnctl.cluster.trainer import Fetched, Train

LOOK_EVERY = 0.2  # seconds between looks whether a worker has found a place
LONGEST_LOOK = 2.0  # seconds of one look whether a worker has answered
PATIENCE = 5.0  # seconds after which the user is told that workers wait for a place, if too few are free
LONG_START = 60.0  # seconds after which that is told if there are enough: it is not the start that takes so long
AGAIN_AFTER = 1.0  # seconds after which a worker that could not be reached is asked again
NODE_FOLLOWS = 2.0  # seconds within which a node whose processes have died may turn out to be dying itself
GONE_WITHIN = 10.0  # seconds that ending a worker may take


class RayLauncher:
    """Starts workers as actors. train: what a worker does. variables: of the environment of its process.

    nodes: where workers may be placed.
    """

    def __init__(
        self, train: Train, ledger: Any, options: ClusterOptions, variables: Mapping[str, str], nodes: Nodes
    ) -> None:
        self._train = train
        self._ledger = ledger
        self._options = options
        self._variables = dict(variables)
        self._nodes = nodes
        self._nothing_left = threading.Event()
        self._over = threading.Event()
        self._gone: str | None = None  # why no worker may go on, once it is known
        self._patience = PATIENCE if free_slots(options) < options.slots else LONG_START
        self._workers: list[RayWorker] = []

    def give_up(self, reason: str) -> None:
        """Make all workers save and leave, and say so. May be called from any thread. reason: one line."""
        self._gone = reason
        for worker in list(self._workers):
            worker.give_up(reason)

    def close(self) -> None:
        """Kill workers that have not ended, and lose sight of them: where a cluster has broken down they never end."""
        self._over.set()
        until = time.monotonic() + LONGEST_LOOK * 2
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))

    def start(self, slot: int, hear: Emit) -> RayWorker:
        def actor(selector: dict[str, str]) -> Any:
            return start_trainer(self._train, self._ledger, self._options, self._variables, selector)

        worker = RayWorker(
            actor, hear, self._options, self._nodes, self._nothing_left, self._over, self._patience, f"worker-{slot}"
        )
        self._workers = [*(each for each in self._workers if each.ended() is None), worker]
        if self._gone is not None:  # it may have become known since the worker was asked for
            worker.give_up(self._gone)
        return worker


class _LostSight(Exception):
    """Ends the thread of a worker of which nothing is heard."""


class RayWorker:
    """A worker in an actor, and the thread that waits for its place, hands on its events and sees its end.

    start: the nodes that may be used -> the actor, which waits for a place on one of them. nothing_left: is set once a
    worker of this training has found nothing left to do. Those that still wait for a place need not start then. over:
    is set once nobody asks how it ends. patience: seconds after which the user is told that it waits.
    """

    def __init__(
        self,
        start: Callable[[dict[str, str]], Any],
        hear: Emit,
        options: ClusterOptions,
        nodes: Nodes,
        nothing_left: threading.Event,
        over: threading.Event,
        patience: float,
        thread_name: str,
    ) -> None:
        self.pid = 0  # until it has started
        self._start = start
        self._selector = nodes.selector
        self._actor = start(self._selector)
        self._hear = hear
        self._options = options
        self._nodes = nodes
        self._nothing_left = nothing_left
        self._over = over
        self._patience = patience
        self._node = ""  # id of its node, once it has started
        self._given_up = threading.Event()  # it is to end before it has a place
        self._reason: str | None = None  # why it was made to leave, if it was not the user
        self._ending: Ending | None = None
        self._watcher = threading.Thread(target=self._watch, name=thread_name, daemon=True)
        self._watcher.start()

    def ended(self) -> Ending | None:
        return None if self._watcher.is_alive() else self._ending

    def drain(self) -> None:
        self._given_up.set()
        with suppress(RayError):
            self._actor.drain.remote()

    def give_up(self, reason: str) -> None:
        """Drain the worker, whose goodbye then tells the reason."""
        self._say(f"{reason.partition(';')[0]}: saving and leaving")
        self._reason = reason
        self.drain()

    def kill(self) -> None:
        self._given_up.set()
        self._end()
        self.join(GONE_WITHIN)

    def join(self, timeout: float) -> None:
        """Wait until its end has been seen, `timeout` seconds at most."""
        self._watcher.join(timeout)

    def let_go(self) -> None:
        self.drain()

    def _watch(self) -> None:
        self._ending = Ending(None, "its pool lost sight of it")  # unless the next lines end as they should
        try:
            self._ending = self._follow() if self._has_place() else Ending(0, "")
        except _LostSight:
            pass
        except RayActorError as error:
            self._ending = self._cause(error)
        except RayTaskError as error:  # an exception passed through the worker
            self._ending = Ending(1, str(error))
        except RayError as error:
            self._ending = Ending(None, _last_line(error))
        finally:
            self._end()

    def _has_place(self) -> bool:
        """Wait until the worker has started. Return False if it was given up before."""
        place = self._actor.place.remote()
        tell_at = time.monotonic() + self._patience
        while not ray.wait([place], timeout=LOOK_EVERY)[0]:
            if self._over.is_set():
                raise _LostSight
            if self._given_up.is_set() or self._nothing_left.is_set():
                self._say_goodbye("drained" if self._given_up.is_set() else "empty")
                return False
            if time.monotonic() >= tell_at:
                self._say(f"waiting for a free slot, which takes {self._options.request}: {what_there_is()}")
                tell_at = float("inf")
            self._nodes.look(self._say)
            if self._nodes.selector != self._selector and not self._given_up.is_set():  # a node has joined
                self._end()
                self._selector = self._nodes.selector
                self._actor = self._start(self._selector)
                place = self._actor.place.remote()
        while True:
            try:
                self.pid, self._node = self._answer(place)
                break
            except ActorUnavailableError:  # this is not death
                time.sleep(AGAIN_AFTER)
                place = self._actor.place.remote()
            except RayActorError as error:
                if not error.actor_init_failed:
                    raise
                # It would fail in the same way on the next try.
                self._say_goodbye("error", f"a worker could not be started: {_last_line(error)}")
                return False
        if self._given_up.is_set():  # perhaps while its actor was replaced, which has not heard of it
            self._say_goodbye("drained")
            return False
        return True

    def _follow(self) -> Ending:
        """Hand on the worker's events until it has ended; return how."""
        status = self._actor.run.remote()
        known = 0
        while True:
            try:
                fetched: Fetched = self._answer(self._actor.events.remote(known))
            except ActorUnavailableError:  # this is not death: the fence decides what the worker may still do
                time.sleep(AGAIN_AFTER)
                continue
            known = fetched.last
            for heard in fetched.events:
                if heard["event"] == "worker_ended" and heard.get("reason") == "empty":
                    self._nothing_left.set()
                self._hear(self._explained(heard))
            if fetched.over:
                return Ending(int(self._answer(status)), "")

    def _answer(self, reference: Any) -> Any:
        """Wait for the answer to a call of the worker."""
        while not self._over.is_set():
            if ray.wait([reference], timeout=LONGEST_LOOK)[0]:
                return ray.get(reference)
        raise _LostSight

    def _say(self, line: str) -> None:
        self._hear(event("notice", time.time(), None, line=line))

    def _say_goodbye(self, reason: Literal["drained", "empty", "error"], error: str | None = None) -> None:
        self._hear(self._explained(event("worker_ended", time.time(), None, reason=reason, error=error)))

    def _explained(self, heard: Event) -> Event:
        """Return an event of the worker, with the reason why it was made to leave."""
        if heard["event"] != "worker_ended" or self._reason is None:
            return heard
        return {**heard, "reason": "error", "error": self._reason}

    def _cause(self, error: RayActorError) -> Ending:
        """Return how a worker ended whose actor is dead: by itself, or with its node."""
        until = time.monotonic() + NODE_FOLLOWS
        while not self._node or (not self._over.is_set() and is_alive(self._node)):
            if not self._node or time.monotonic() >= until:
                return Ending(None, _last_line(error))
            time.sleep(LOOK_EVERY)
        return Ending(None, f"node {node_name(self._node)} is gone", node_name(self._node))

    def _end(self) -> None:
        """End the actor, which frees its slot."""
        with suppress(RayError, ValueError):
            ray.kill(self._actor, no_restart=True)


def _last_line(error: Exception) -> str:
    """Return the last line of an error, without the advice that Ray adds to it."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1].strip().partition(" Some common causes include")[0].rpartition("Worker exit detail: ")[2]

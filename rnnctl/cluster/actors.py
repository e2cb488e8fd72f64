"""The actors of a training, and how they are called. Ray never restarts one and never repeats a call.

Which run is tried again, and which worker is started again, our queue and our pool decide alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rnnctl.cluster.calls import Answer, Call, LedgerGone, Parcel, Unreachable
from rnnctl.cluster.ledger import GONE
from rnnctl.cluster.options import ClusterOptions
from rnnctl.cluster.service import Service
from rnnctl.cluster.shared import filed
from rnnctl.cluster.texts import Data, Shelf, Shipment
from rnnctl.cluster.trainer import Train, Trainer
from rnnctl.lab.worker_options import WorkerOptions
from store.errors import Busy, StoreError

ONCE = {"max_restarts": 0, "max_task_retries": 0}
CALLS_AT_ONCE = 100_000  # that may wait in the ledger: each worker has a few, and they only wait
TRAINER_THREADS = 4  # one trains; the others take orders and hand over events
DATA_TIMEOUT = 600.0  # seconds that a text may take to be read and sent
# Seconds that the ledger waits for a content that a worker has. All other workers wait as long, so that it has to be
# much less than a lease.
FETCH_TIMEOUT = 15.0
LARGE = 512 * 1024  # bytes of a content from which on it stays with the worker until the ledger fetches it


class LedgerActor:
    """The ledger as an actor: calls wait here, without a thread each, until the service has answered them."""

    def __init__(self, options: WorkerOptions, logs: Path) -> None:
        _work_where_nothing_goes_away()
        self._service = Service(options.workspace, options.wanted, logs, peers=options.peers)
        self._shelf = Shelf(options.allow_code)
        self._reader = ThreadPoolExecutor(1, "shelf")  # commits do not wait for large files

    async def answer(self, call: Call) -> Answer:
        """Return the answer to a call."""
        return await asyncio.wrap_future(self._service.submit(call))

    async def data(self, method: Literal["sha256", "content"], spec: Mapping[str, Any], data: Data) -> Shipment:
        """Return what the shelf of texts returns; see `rnnctl.cluster.texts`."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, getattr(self._shelf, method), spec, data)

    async def close(self) -> None:
        """Do what has come in, and end."""
        await asyncio.get_running_loop().run_in_executor(None, self._service.close)


class TrainerActor(Trainer):
    """A worker as an actor, which knows the name of its node. home: the id of the ledger's node, where data lies."""

    def __init__(self, train: Train, ledger: Any, options: ClusterOptions, home: str) -> None:
        _work_where_nothing_goes_away()
        node = ray.get_runtime_context().get_node_id()
        shelf = None if node == home else ShelfCalls(ledger)
        super().__init__(train, LedgerCalls(ledger, options.checkpoints), node_name(node), options, shelf)

    def place(self) -> tuple[int, str]:
        """Return the pid of its process and the id of its node."""
        return self.pid(), ray.get_runtime_context().get_node_id()


def _work_where_nothing_goes_away() -> None:
    """Leave the folder that Ray starts processes in.

    It is replaced when a second node of the same machine joins, and nothing that asks for the current folder can be
    loaded after that: neither torch nor MKL.
    """
    os.chdir("/")


@dataclass(frozen=True)
class LedgerCalls:
    """Carries calls to a ledger; see `rnnctl.cluster.calls.Transport`.

    ledger: the handle of its actor. folder: what large contents go through; None for Ray.
    """

    ledger: Any
    folder: Path | None = None

    def send(self, call: Call, timeout: float) -> Answer:
        answer: Answer = _answered(self.ledger.answer.remote(call), timeout)
        return answer

    def packed(self, content: bytes) -> bytes | Parcel:
        if len(content) < LARGE:
            return content
        if self.folder is not None:
            return filed(self.folder, content)
        try:
            return Stored(ray.put(content), len(content))
        except RayError as error:  # no room in memory, nor on the disk
            raise Busy(f"a checkpoint could not be handed to Ray: {type(error).__name__}") from error


def _answered(answer: Any, timeout: float) -> Any:
    """Return an answer of the ledger's actor. Raise Unreachable or LedgerGone if it does not come."""
    try:
        return ray.get(answer, timeout=timeout)
    except GetTimeoutError:
        raise Unreachable(f"no answer for {timeout:.0f} seconds") from None
    except ActorUnavailableError:  # a broken connection says nothing about the ledger
        raise Unreachable("it cannot be reached") from None
    except RayActorError as error:
        raise LedgerGone(str(error)) from error


@dataclass(frozen=True)
class ShelfCalls:
    """The shelf of texts on the ledger's node; see `rnnctl.cluster.texts.Keeper`. ledger: the handle of its actor."""

    ledger: Any

    def sha256(self, spec: Mapping[str, Any], data: Data) -> Shipment:
        return self._ask("sha256", spec, data)

    def content(self, spec: Mapping[str, Any], data: Data) -> Shipment:
        return self._ask("content", spec, data)

    def _ask(self, method: str, spec: Mapping[str, Any], data: Data) -> Shipment:
        try:
            shipment: Shipment = _answered(self.ledger.data.remote(method, spec, data), DATA_TIMEOUT)
        except Unreachable as error:
            raise Busy(f"{data[0]} has not come from the ledger: {error}") from error
        except LedgerGone as error:
            raise StoreError(GONE) from error
        return shipment


@dataclass(frozen=True)
class Stored:
    """Content in the memory that Ray shares between processes of a node; see `rnnctl.cluster.calls.Parcel`."""

    reference: Any
    size: int

    def read(self) -> bytes:
        try:
            content: bytes = ray.get(self.reference, timeout=FETCH_TIMEOUT)
        except GetTimeoutError:
            raise Busy(f"a checkpoint has not come from its worker within {FETCH_TIMEOUT:.0f} s") from None
        except RayError as error:
            raise StoreError(f"a checkpoint was lost with its worker: {type(error).__name__}") from error
        return content

    def forget(self) -> None:
        """Do nothing: Ray sees that the reference is gone."""


def node_name(node_id: str) -> str:
    """Return how a node is called: the beginning of its id."""
    return node_id[:12]


def start_ledger(options: WorkerOptions, logs: Path) -> Any:
    """Start the ledger on the node of this process, and return its handle. options: of the workers."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(LedgerActor).options(num_cpus=0, scheduling_strategy=here, max_concurrency=CALLS_AT_ONCE, **ONCE)
    return actor.remote(options, logs)


def start_trainer(
    train: Train, ledger: Any, options: ClusterOptions, variables: dict[str, str], nodes: dict[str, str]
) -> Any:
    """Start the worker of a slot where there is room for it, and return its handle at once.

    variables: of the environment of its process, set before it starts. nodes: selects those that may be used.
    """
    actor = ray.remote(TrainerActor).options(
        num_cpus=options.cpus_per_slot,
        num_gpus=options.gpus_per_slot,
        max_concurrency=TRAINER_THREADS,
        label_selector=nodes,
        runtime_env={"env_vars": variables},
        **ONCE,
    )
    return actor.remote(train, ledger, options, ray.get_runtime_context().get_node_id())

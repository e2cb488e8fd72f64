"""Join a cluster, or start one on this machine, for the time of one training.

Ray writes much to terminals. Here all of it goes to a file.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from jobs.events import Emit, event
from jobs.launcher import Launcher
from rnnctl.cluster.address import of_this_machine, require_answer
from rnnctl.cluster.code import pack
from rnnctl.cluster.folders import temporary_folder
from rnnctl.cluster.head import Head
from rnnctl.cluster.options import AUTO, LOCAL, ClusterOptions
from rnnctl.cluster.shared import folder_of_training
from rnnctl.cluster.token import token_for
from rnnctl.cluster.trainer import Seat
from rnnctl.determinism import BIT_VARIABLES
from rnnctl.host import cores
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.usercode import code_of
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.words import cut, one_line
from store import Store

LOG = "ray.log"  # in the folder for logs: what Ray would have written to the terminal
CODE = "code"  # in the temporary folder: the modules of users' parts, see `rnnctl.cluster.code`
CLOSE_TIMEOUT = 10.0  # seconds that the ledger may take for its last calls
LONGEST_FOLDER = 24  # characters of the folder for temporary files: what Ray puts below it takes the others
NO_HEAD = "the head of the cluster is gone; rnnctl train goes on from the last checkpoints"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHARED_MEMORY = 256 * 2**20  # bytes that a cluster of this machine sets aside; only large checkpoints pass through it
# Ray shows or hides cards by itself, and says something about it. It sends figures about its use to its makers. It
# gives the workers of a cluster that it starts the niceness 15, so that they stand still where others are busy.
VARIABLES = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}


@contextmanager
def launching(
    options: ClusterOptions, workers: WorkerOptions, store: Store, logs: Path, emit: Emit
) -> Iterator[Launcher]:
    """Inside `with`, be part of a cluster that has a ledger of the workspace; yield a launcher of workers there.

    See `rnnctl.lab.train.Launch`. Raise LabError, in one line, if the cluster cannot be used as it was asked.
    """
    ray = _ray()
    with ExitStack() as stack:
        stack.enter_context(_signals_kept())
        stack.enter_context(_variables(VARIABLES))
        stack.enter_context(_logging_to(logs / LOG))
        address, what = _address(options)
        with _stderr_to(logs / LOG):
            stack.enter_context(token_for(address, what))
        folder = stack.enter_context(temporary_folder("rnnctl-ray-", _short_folder()))
        code = folder / CODE
        code.mkdir()
        if options.checkpoints is not None:
            options = replace(options, checkpoints=stack.enter_context(folder_of_training(options.checkpoints)))
        with code_of(workers.workspace):
            pack(store, workers.wanted, code, workers.allow_code)
        stack.enter_context(_no_cluster_by_itself())
        stack.callback(ray.shutdown)
        _join(ray, options, address, what, folder, logs / LOG)
        from rnnctl.cluster.actors import start_ledger
        from rnnctl.cluster.launcher import RayLauncher
        from rnnctl.cluster.nodes import Nodes
        from rnnctl.cluster.resources import require

        require(options)
        nodes = stack.enter_context(
            Nodes(options, BIT_VARIABLES, lambda line: emit(event("notice", time.time(), None, line=line)))
        )
        ledger = start_ledger(workers, logs)
        stack.callback(_close, ray, ledger)
        launcher = RayLauncher(partial(_train, workers), ledger, options, BIT_VARIABLES, nodes)
        stack.callback(launcher.close)
        stack.enter_context(Head(ray.get_runtime_context().gcs_address, lambda: launcher.give_up(NO_HEAD)))
        stack.callback(_ignore_signals)
        yield launcher


def _train(options: WorkerOptions, seat: Seat, emit: Emit, stop: threading.Event) -> int:
    """Do what a worker does. Torch is not loaded where this is sent from."""
    from rnnctl.cluster.worker import train

    return train(options, seat, emit, stop)


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise LabError("--ray needs Ray: pip install 'rnnctl[ray]'", Code.FAILURE) from None
    if ray.is_initialized():
        raise LabError("this process is part of a Ray cluster already; call ray.shutdown() first", Code.FAILURE)
    module: ModuleType = ray
    return module


def _address(options: ClusterOptions) -> tuple[str, str]:
    """Return LOCAL, or HOST:PORT of a head that answers, and how messages name the cluster. Raise LabError."""
    if options.address == LOCAL:
        return LOCAL, "a cluster could not be started on this machine"
    if options.address == AUTO:
        address = of_this_machine()
        what = f"--ray {AUTO}, which is {address}"
    else:
        address, what = options.address, f"--ray {one_line(cut(options.address)) or repr('')}"
    require_answer(address, what)
    return address, what


def _join(ray: ModuleType, options: ClusterOptions, address: str, what: str, folder: Path, log: Path) -> None:
    """Become part of the cluster. folder: for what a cluster of this machine keeps. CODE in it goes to all nodes.

    address, what: from `_address`. log: the file for what Ray writes to stderr.

    With such a folder, Ray does not put the user's current one before all others where its processes look for modules:
    a store.py in it must not be imported in place of ours.
    """
    settings: dict[str, Any] = {
        "address": address,
        "configure_logging": False,
        "log_to_driver": False,
        "runtime_env": {"working_dir": str(folder / CODE)},
    }
    if address == LOCAL:
        settings |= {
            "num_cpus": max(cores(), math.ceil(options.slots * options.cpus_per_slot)),
            "object_store_memory": SHARED_MEMORY,
            "include_dashboard": False,
            "_temp_dir": str(folder),
        }
    with _stderr_to(log):
        try:
            ray.init(**settings)
        except Exception as error:  # a bare one where a busy machine does not start it within half a minute
            raise LabError(f"{what}: {_reason(error)}", Code.FAILURE) from error


def _reason(error: Exception) -> str:
    """Return what Ray says of an error, on one line."""
    return one_line(" ".join(str(error).split())) or type(error).__name__


def _ignore_signals() -> None:
    """From now on, let nobody interrupt the leaving of the cluster, which takes seconds; see `_signals_kept`."""
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)


def _close(ray: ModuleType, ledger: Any) -> None:
    """End the ledger, once it has done what has come in."""
    with suppress(Exception):  # it may be gone, and so may the cluster
        ray.get(ledger.close.remote(), timeout=CLOSE_TIMEOUT)
    with suppress(Exception):
        ray.kill(ledger, no_restart=True)


def _short_folder() -> Path:
    """Return a folder for temporary files: the names of sockets below it must not be longer than 107 bytes."""
    usual = tempfile.gettempdir()
    return Path(usual if len(usual) <= LONGEST_FOLDER else "/tmp")


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Inside `with`, the handlers of signals may be replaced, as Ray does. Only the main thread has them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {name: signal.getsignal(name) for name in SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def _no_cluster_by_itself() -> Iterator[None]:
    """Inside `with`, Ray starts no cluster at a call that finds none, as it would where its own has broken down.

    The variable for that, RAY_ENABLE_AUTO_CONNECT, is read when Ray is imported, which may be long ago.
    """
    from ray._private import auto_init_hook

    before = auto_init_hook.enable_auto_connect
    auto_init_hook.enable_auto_connect = False
    try:
        yield
    finally:
        auto_init_hook.enable_auto_connect = before


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Inside `with`, this process has these environment variables, and so have those that it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _stderr_to(file: Path) -> Iterator[None]:
    """Inside `with`, what this process and what it starts write to stderr goes to the end of a file."""
    kept = os.dup(2)
    try:
        with file.open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """Inside `with`, what Ray logs in this process, and what it tells of others, goes to a file."""
    from ray._private import worker

    def keep(data: dict[str, Any], ignore_prefix: bool = False) -> None:
        for line in data.get("lines", []):
            logger.warning("%s: %s", data.get("pid"), line)

    logger = logging.getLogger("ray")
    handler = logging.FileHandler(file)
    handler.addFilter(logging.Filter(logger.name))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before, propagates, prints = logger.handlers[:], logger.propagate, worker.print_to_stdstream
    logging.root.addHandler(handler)  # Ray takes all handlers away from its own logger when it starts
    logger.handlers, logger.propagate, worker.print_to_stdstream = [], True, keep
    try:
        yield
    finally:
        logger.handlers, logger.propagate, worker.print_to_stdstream = before, propagates, prints
        logging.root.removeHandler(handler)
        handler.close()

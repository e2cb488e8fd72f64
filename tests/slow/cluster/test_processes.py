"""A cluster of real processes, as `ray start` makes it, with ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.cli.command_line import PATIENCE, environment, train_here, wait_until, workspace
from tests.cli.survival import assert_unbroken
from tests.slow.bounds import bounded
from tests.slow.cluster.machines import OBJECT_STORE, QUIET, SHORT_LEASE, STUDY, UPDATES, Training, attempts
from tests.slow.undisturbed import assert_sound

pytest.importorskip("ray", reason="it is an extra: pip install 'rnnctl[ray]'")
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a1" * 32}


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


@contextmanager
def ray_start(*options: object, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `ray start --block`, which ends with all that it has started."""
    command = [
        Path(sys.executable).with_name("ray"), "start", "--block", "--disable-usage-stats",
        "--object-store-memory", OBJECT_STORE, *options,
    ]  # fmt: skip
    process = subprocess.Popen(
        list(map(str, command)),
        env=environment(**QUIET, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        kill_with_children(process)


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                each.kill()
    process.wait()


@dataclass(frozen=True)
class Started:
    """A cluster that was started by hand."""

    address: str
    head: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """A head without slots and a node with two, that ask for a token."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="rnnctl-test-", dir="/tmp"))  # sockets need short paths
    address = f"127.0.0.1:{port}"
    head = (
        "--head", "--port", port, "--num-cpus", 0, "--temp-dir", folder, "--node-ip-address", "127.0.0.1",
        "--include-dashboard", "false", "--ray-client-server-port", free_port(),
        "--dashboard-agent-listen-port", free_port(),
    )  # fmt: skip
    node = ("--address", address, "--num-cpus", 2, "--node-ip-address", "127.0.0.1")
    with ray_start(*head, **TOKEN) as process:
        wait_until(lambda: _answers(port), "the head answers")
        with ray_start(*node, "--dashboard-agent-listen-port", free_port(), **TOKEN):
            wait_until(lambda: _cpus(address) == 2, "the node has joined")
            yield Started(address, process)
    shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def test_a_study_is_trained_on_processes_that_were_started_by_hand(started, tmp_path, undisturbed):
    folder = workspace(tmp_path / "w", STUDY)
    with bounded():
        Training(folder, started.address, **TOKEN).wait(0)
    assert_unbroken(folder, undisturbed, UPDATES)
    assert_sound(folder)
    nodes = {attempt.environment["node"] for attempt in attempts(folder)}
    assert len(nodes) == 1


def _cpus(address: str) -> int:
    """Return how many CPUs the cluster has, as a process that joins it sees them."""
    code = (
        f"import ray; ray.init(address={address!r}, log_to_driver=False, logging_level='error'); "
        "print(int(ray.cluster_resources().get('CPU', 0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**QUIET, **TOKEN), capture_output=True, text=True, cwd=os.sep
    )
    return int(done.stdout or 0) if done.returncode == 0 else 0


def test_the_token_of_this_machine_is_taken_to_an_address(started, tmp_path):
    """Ray itself looks for it only where RAY_AUTH_MODE says so."""
    folder = workspace(tmp_path / "w", STUDY)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN["RAY_AUTH_TOKEN"])
    with bounded():
        said = Training(folder, started.address, "--gpus-per-slot", 1, HOME=str(tmp_path)).wait(1)
    assert "no node has a GPU" in said


@pytest.mark.parametrize("variables", [{}, {"RAY_AUTH_TOKEN": "b2" * 32}, {**TOKEN, "RAY_AUTH_TOKEN": "b2" * 32}])
def test_without_the_token_of_the_cluster_it_is_refused_in_one_line(started, tmp_path, variables):
    """Ray itself tries for 20 seconds."""
    folder = workspace(tmp_path / "w", STUDY)
    with bounded():
        said = Training(folder, started.address, HOME=str(tmp_path), **variables).wait(1)
    assert len(said.strip().splitlines()) == 1, said
    assert "it asks for a token that this machine does not have" in said


def test_what_is_no_head_is_refused_in_one_line(tmp_path):
    folder = workspace(tmp_path / "w", STUDY)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        with bounded():
            said = Training(folder, address, RAY_py_gcs_connect_timeout_s="2").wait(1)
        server.shutdown()
    assert len(said.strip().splitlines()) == 1, said
    assert f"--ray {address}: what answers there is no head of a cluster that Ray " in said


def test_the_cluster_ends_with_its_head_and_the_database_does_not(started, tmp_path, undisturbed):
    """The last test of this module: it leaves no cluster."""
    folder = workspace(tmp_path / "w", STUDY)
    with bounded():
        training = Training(folder, started.address, *SHORT_LEASE, **TOKEN)
        training.busy_worker()
        kill_with_children(started.head)
        status = training.process.wait(PATIENCE)
    assert status in (1, 130), training.said
    assert "the head of the cluster is gone" in training.said
    train_here(folder)
    assert_unbroken(folder, undisturbed, UPDATES)
    assert_sound(folder)

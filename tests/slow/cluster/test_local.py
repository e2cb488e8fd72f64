"""`train --ray local`: a cluster of this machine that is started for one training, and what is left of it."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command_line import TINY, bits, counts, rnnctl, train_here, wait_until, workspace
from tests.cli.survival import slow_study
from tests.slow.bounds import bounded
from tests.slow.cluster.machines import Training

# Checkpoints of more than half a megabyte take another way than small ones.
LARGE = TINY.replace("hidden: 12, init: orthogonal", "hidden: 300").replace("updates: 120", "updates: 400")


def head_of(training: Training) -> psutil.Process | None:
    """The head of the cluster that a training has started."""
    children = psutil.Process(training.process.pid).children(recursive=True)
    return next((child for child in children if "gcs_server" in child.name()), None)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files whose name is as short as the sockets in it need."""
    with tempfile.TemporaryDirectory(prefix="r") as folder:
        yield Path(folder)


def test_when_its_head_is_gone_all_is_saved_and_the_next_one_goes_on(tmp_path: Path, short: Path) -> None:
    pytest.importorskip("ray")
    train_here(workspace(tmp_path / "undisturbed", LARGE))
    folder = workspace(tmp_path / "w", LARGE)
    with bounded():
        training = Training(folder, "local", TMPDIR=str(short))
        training.busy_worker()
        head = training.wait_until(lambda: head_of(training), "the head runs")
        processes = psutil.Process(training.process.pid).children(recursive=True)
        head.send_signal(signal.SIGKILL)
        said = training.wait(1)
        assert "the head of the cluster is gone; rnnctl train goes on from the last checkpoints" in said
        wait_until(lambda: not any(process.is_running() for process in processes), "no process is left")
        shared = tmp_path / "shared"
        shared.mkdir()
        through = ("--checkpoints-folder", shared)
        told = rnnctl("train", "--ray", "local", "--slots", 2, *through, cwd=folder, check=0, TMPDIR=str(short)).stderr
    assert "resumed" in told
    assert not any(word in told.lower() for word in ("raylet", "warning", "token", "ray.io"))
    assert bits(folder) == bits(tmp_path / "undisturbed")
    assert any(path.stat().st_size > 512 * 1024 for path in folder.glob("checkpoints/*/*.ckpt"))
    assert list(short.glob("rnnctl-*")) == []
    assert list(shared.iterdir()) == []


def test_when_the_cluster_breaks_down_no_other_one_is_started(tmp_path: Path, short: Path) -> None:
    """As Ray does by itself at the next call, unless it is told not to."""
    pytest.importorskip("ray")
    folder = workspace(tmp_path / "w", slow_study(80_000))
    with bounded():
        training = Training(folder, "local", TMPDIR=str(short), RAY_TMPDIR=str(short))
        training.busy_worker()
        training.wait_until(lambda: head_of(training), "the head runs")
        processes = psutil.Process(training.process.pid).children(recursive=True)
        for process in processes:
            if process.name() in ("gcs_server", "raylet"):
                process.send_signal(signal.SIGKILL)
        training.wait(1)
        wait_until(lambda: not any(process.is_running() for process in processes), "no process is left")
    assert counts(folder)["running"] == 0
    assert list(short.iterdir()) == []

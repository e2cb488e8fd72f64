"""`train --ray`: what it refuses before a cluster is looked for. Trainings are in tests/slow/cluster."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from rnnctl.cli.train import _cluster
from rnnctl.cluster import connect
from rnnctl.cluster.address import place_of, require_answer
from rnnctl.cluster.options import ClusterOptions
from rnnctl.lab.errors import LabError
from tests.cli.command_line import one_line, rnnctl, workspace


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--slots", 2], "--slots is for training on a cluster: it needs --ray"),
        (["--cpus-per-slot", 2], "--cpus-per-slot is for training on a cluster"),
        (["--gpus-per-slot", 0], "--gpus-per-slot is for training on a cluster"),
        (["--mixed"], "--mixed is for training on a cluster"),
        (["--checkpoints-folder", "."], "--checkpoints-folder is for training on a cluster"),
        (["--ray", "auto"], "--ray needs --slots"),
        (["--ray", "auto", "--slots", 2, "--workers", 2], "--slots says how many workers there are"),
        (["--ray", "auto", "--slots", 0], "--slots"),
        (["--ray", "auto", "--slots", 2, "--cpus-per-slot", "nan"], "--cpus-per-slot"),
        (["--ray", "auto", "--slots", 2, "--gpus-per-slot", "nan"], "--gpus-per-slot"),
        (["--ray", "auto", "--slots", 2, "--cpus-per-slot", "inf"], "--cpus-per-slot"),
        (["--ray", "auto", "--slots", 2, "--device", "cuda:1"], "the cluster chooses the card"),
        (["--ray", "auto", "--slots", 2, "--gpus-per-slot", 2], "--gpus-per-slot"),
        (["--ray", "auto", "--slots", 2, "--gpus-per-slot", 1, "--device", "cpu"], "exclude each other"),
        (["--ray", "auto", "--slots", 2, "--gpus-per-slot", 0, "--device", "cuda"], "exclude each other"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_in_one_line(
    tmp_path: Path, args: list[object], words: str
) -> None:
    one_line(rnnctl("train", *args, cwd=workspace(tmp_path / "w"), check=2), words)


@pytest.mark.parametrize("address", ["nonsense", "ray://head:10001", ":6379", "head:port", ""])
def test_what_is_not_an_address_is_refused_in_one_line(tmp_path: Path, address: str) -> None:
    pytest.importorskip("ray")
    refused = rnnctl("train", "--ray", address, "--slots", 2, cwd=workspace(tmp_path / "w"), check=2)
    one_line(refused, "is not an address; allowed: local, auto, or HOST:PORT")


@pytest.mark.parametrize(
    "address", ["x" * 300 + ":1", "\udcff:1", "a..b:1", "host:99999", "host:" + "9" * 5000, "\x00:1", "\x1b[31m:1"]
)
def test_an_odd_address_is_one_short_line(address: str) -> None:
    with pytest.raises(LabError) as refused:
        connect._address(ClusterOptions(address, 2))
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


def test_an_address_at_which_nothing_answers_is_told_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    refused = rnnctl("train", "--ray", address, "--slots", 2, cwd=workspace(tmp_path / "w"), check=1)
    one_line(refused, f"--ray {address}: nothing answers there (Connection refused)")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("head:6379", ("head", 6379)),
        ("[::1]:6379", ("::1", 6379)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("head:65535", ("head", 65535)),
        ("head:65536", None),
        ("head:0", None),
        ("head:", None),
        ("head", None),
        ("head:٣", None),
        ("[]:1", None),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, place: tuple[str, int] | None) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize(
    ("address", "meant"), [("Local", "local"), ("locl", "local"), ("atuo", "auto"), ("10.0.0.1", "10.0.0.1:6379")]
)
def test_what_was_meant_by_an_address_is_said(address: str, meant: str) -> None:
    with pytest.raises(LabError, match=f"did you mean {re.escape(meant)}[?]$"):
        require_answer(address, f"--ray {address}")


def test_without_a_cluster_of_this_machine_it_is_said_how_to_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    services = pytest.importorskip("ray._private.services")

    def no_cluster(address: str) -> str:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(services, "canonicalize_bootstrap_address_or_die", no_cluster)
    with pytest.raises(LabError, match=r"^no cluster runs on this machine; `ray start --head` starts one, and --ray H"):
        connect._address(ClusterOptions("auto", 2))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LabError) as refused:
        connect._ray()
    assert str(refused.value) == "--ray needs Ray: pip install 'rnnctl[ray]'"


def test_a_card_is_asked_for_by_its_share_or_by_the_device() -> None:
    def asked(device: str, gpus: float | None) -> ClusterOptions | None:
        return _cluster("auto", None, 2, None, gpus, False, device)

    assert asked("auto", None) == ClusterOptions("auto", 2)
    assert asked("cuda", None) == asked("auto", 1.0) == ClusterOptions("auto", 2, gpus_per_slot=1.0)


@pytest.mark.parametrize(
    ("cpus", "gpus", "device", "on_device", "on_machine", "request_"),
    [
        (1.0, 0.0, "cpu", 1, 8, "1 CPU"),
        (2.0, 1.0, "cuda:0", 1, 4, "2 CPUs and 1 GPU"),
        (0.5, 0.25, "cuda:0", 4, 16, "0.5 CPUs and 0.25 GPUs"),
        (0.0, 0.3, "cuda:0", 3, 5, "0 CPUs and 0.3 GPUs"),
        (16.0, 0.0, "cpu", 1, 1, "16 CPUs"),
    ],
)
def test_what_a_slot_asks_for(
    cpus: float, gpus: float, device: str, on_device: int, on_machine: int, request_: str
) -> None:
    asked = ClusterOptions("auto", 5, cpus, gpus)
    assert (asked.device, asked.workers_on_device, asked.workers_on(8)) == (device, on_device, on_machine)
    assert asked.request == request_

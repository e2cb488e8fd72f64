"""Training through Python, in a script without a guard: it drains at Ctrl-C, goes on, and ends with the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rnnctl
from rnnctl.cluster.options import ClusterOptions
from rnnctl.lab.train import TrainEnd
from rnnctl.lab.worker_options import WorkerOptions
from tests.cli.command_line import PATIENCE, counts, environment, in_a_process, rows, wait_until, workspace
from tests.cli.survival import STUDY, UPDATES, assert_unbroken, updates_left

# As a user writes it: nothing guards its lines from a second import.
SCRIPT = """\
import rnnctl

study = rnnctl.Workspace("w")["tiny"]
try:
    end = study.train(workers=2, progress=False, checkpoint_seconds=1000, lease=6)
except KeyboardInterrupt:
    print("interrupted", [run.status for run in study])
    raise SystemExit(130)
print(end.runs == {run.id: "budget" for run in study}, [run.step for run in study])
"""


def test_a_script_is_interrupted_and_goes_on_with_the_same_bits(tmp_path, unbroken):
    folder = workspace(tmp_path / "w", STUDY)
    (tmp_path / "script.py").write_text(SCRIPT)
    script = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: all(row.step for row in rows(folder)), "progress in all runs")
    script.send_signal(signal.SIGINT)
    out, error = script.communicate(timeout=PATIENCE)
    assert (script.returncode, out, error) == (130, "interrupted ['queued', 'queued', 'queued', 'queued']\n", "")
    assert counts(folder)["queued"] == 4
    assert updates_left(folder) < 4 * UPDATES
    again = in_a_process(sys.executable, "script.py", cwd=tmp_path, check=0)
    assert (again.stdout, again.stderr) == (f"True {[UPDATES] * 4}\n", "")
    assert_unbroken(folder, unbroken, UPDATES)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[TrainEnd]:
    """How the next calls of the lab's training end; nothing is started."""
    ends: list[TrainEnd] = []
    monkeypatch.setattr("rnnctl.lab.train.train", lambda *_, **__: ends.pop())
    return ends


def test_how_training_ended_is_told(lab: rnnctl.Workspace, ends: list[TrainEnd]) -> None:
    ends.append(TrainEnd(started=True, drained=True, interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        lab.train(progress=False)
    ends.append(TrainEnd(started=True, errors=["no card"]))
    with pytest.raises(rnnctl.Failed, match="no card"):
        lab.train(progress=False)
    ends.append(TrainEnd(started=True, runs={"r1": "failed"}))
    with pytest.warns(rnnctl.Note, match="1 run failed"):
        assert lab.train(progress=False).failed == 1
    ends.append(TrainEnd(started=True, drained=True, out_of_time=True))
    assert lab["cells"]["GRU seed=1"].train(seconds=1, progress=False).out_of_time


def test_training_of_what_is_done_starts_nothing(lab: rnnctl.Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lab["cells"].train().started
    assert capsys.readouterr() == ("", "")


def test_runs_get_their_priority(own: rnnctl.Workspace, tmp_path: Path, ends: list[TrainEnd]) -> None:
    study = own.add({"study": "late", "base": {"task": {"name": "temporal_order"}}})
    ends.append(TrainEnd(started=True))
    study.train(priority=5, progress=False)
    assert study.runs[0].show().priority == 5
    with pytest.raises(rnnctl.InvalidArgument, match="priority: 1001 is not allowed; allowed: -1000 to 1000"):
        study.train(priority=1001, progress=False)


def test_how_training_ended_is_shown_in_a_few_words():
    ended = TrainEnd(True, {"done": 9}, {"r1": "solved", "r2": "solved", "r3": "failed"})
    assert repr(ended) == "TrainEnd(2 solved, 1 failed)"
    assert repr(TrainEnd(False)) == "TrainEnd(nothing was trained)"
    assert repr(TrainEnd(True, {}, {"r1": "queued"}, drained=True)) == "TrainEnd(1 queued; drained)"


def test_what_is_asked_of_a_cluster_is_what_the_command_asks(
    lab: rnnctl.Workspace, ends: list[TrainEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[ClusterOptions, WorkerOptions]] = []
    monkeypatch.setattr(ClusterOptions, "launch", lambda cluster, workers: asked.append((cluster, workers)))
    ends += [TrainEnd(started=True)] * 2
    lab["cells"].train(ray="head:6379", slots=3, cpus_per_slot=2, mixed=True, lease=30, progress=False)
    lab.train(ray="local", slots=2, device="cuda", progress=False)
    (first, workers), (second, _) = asked
    assert first == ClusterOptions("head:6379", 3, 2, 0.0, True)
    assert (workers.peers, workers.studies, workers.lease) == (3, ("cells",), 30)
    assert second == ClusterOptions("local", 2, 1.0, 1.0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"slots": 2}, "slots is for training on a cluster: it needs ray"),
        ({"mixed": True}, "mixed is for training on a cluster: it needs ray"),
        ({"ray": "local"}, "ray needs slots, the number of workers"),
        ({"ray": "local", "slots": 2, "workers": 2}, "workers is for this machine; with ray, slots says how many"),
        ({"ray": "local", "slots": 0}, "slots: 0 is not allowed; allowed: 1 to 4096"),
        ({"ray": "local", "slots": "2"}, "slots: '2' is not allowed"),
        ({"ray": 3, "slots": 2}, "ray: 3 is not allowed; allowed: local, auto, or HOST:PORT of a head"),
        ({"ray": "local", "slots": 2, "cpus_per_slot": -1}, "cpus_per_slot: -1 is not allowed"),
        ({"ray": "local", "slots": 2, "gpus_per_slot": float("nan")}, "gpus_per_slot: nan is not allowed"),
        ({"ray": "local", "slots": 2, "device": "cuda:1"}, "device cuda:1: with ray, the cluster chooses the card"),
        ({"ray": "local", "slots": 2, "device": "cpu", "gpus_per_slot": 1}, "device cpu and gpus_per_slot 1 exclude"),
        ({"ray": "local", "slot": 2}, "did you mean slots?"),
    ],
)
def test_what_does_not_fit_together_is_one_line(lab: rnnctl.Workspace, options: dict[str, Any], line: str) -> None:
    with pytest.raises(rnnctl.InvalidArgument) as refused:
        lab.train(progress=False, **options)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)

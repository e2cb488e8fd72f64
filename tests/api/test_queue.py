"""Training through Python, in a script without a guard: it drains at Ctrl-C, goes on, and ends with the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rnnctl
from rnnctl.lab.train import TrainEnd
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
    monkeypatch.setattr("rnnctl.lab.train.train", lambda options, on_event=None, seconds=None: ends.pop())
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

"""`train` and `bench`: what they do, and what they refuse before they start anything."""

import json

import pytest
import torch

from rnnctl.cli.options import a_duration
from rnnctl.cli.train import _summary
from rnnctl.lab.train import TrainEnd, prioritize, wanted_runs
from tests.cli.command_line import counts, one_line, rnnctl, workspace


def test_train_with_nothing_to_do_says_so(trained):
    one_line(rnnctl("train", cwd=trained, check=3), "nothing to do: 4 done")


@pytest.fixture
def no_card(monkeypatch):
    """A machine without a GPU."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_device_cuda_without_a_gpu_is_refused_in_one_line(tmp_path, no_card):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("train", "--device", "cuda", cwd=folder, check=2), "--device cuda", "cpu")
    one_line(rnnctl("train", "--device", "cuda:7", cwd=folder, check=2), "--device cuda:7")
    assert counts(folder)["queued"] == 4


@pytest.mark.parametrize("name", ["cuda", "cuda:7", "cuda:0,cuda:1", "gpu:1", ""])
def test_bench_refuses_a_card_that_is_absent_in_one_line(tmp_path, no_card, name):
    one_line(rnnctl("bench", "--device", name, cwd=tmp_path, check=2), "--device", name)


def test_pack_bounds_how_many_runs_train_together(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("train", "--pack", 3, cwd=folder, check=0)
    events = map(json.loads, (folder / "logs" / "events.jsonl").read_text().splitlines())
    assert [len(event["runs"]) for event in events if event["event"] == "claimed"] == [3, 1]


@pytest.mark.parametrize(
    "args",
    [
        ["--workers", "0"],
        ["--device", ""],
        ["--device", "tpu"],
        ["--device", "cuda:0,cuda:0"],
        ["--lease", "-1"],
        ["--checkpoint-updates", "0"],
        ["--pack", "0"],
        ["--budget", "0s"],
        ["--budget", "30"],
        ["--priority", "x"],
        ["--priority", "1001"],
        ["--budget", "1e9h"],
        ["--budget", "9" * 400 + "h"],
    ],
)
def test_train_refuses_nonsense(tmp_path, args):
    folder = workspace(tmp_path / "w")
    done = rnnctl("train", *args, cwd=folder, check=2)
    one_line(done, args[0])
    assert not any(words in done.stderr for words in ("Value error", "Input should"))  # pydantic's own


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("0.5h", 1800), ("1d", 86_400)]
)
def test_durations_have_units(text, seconds):
    assert a_duration(text) == seconds


def test_train_of_an_unknown_name_tells_the_nearest(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("train", "tinny", cwd=folder, check=3), "no study or run 'tinny'; did you mean tiny?")
    rnnctl("cancel", "omega=0.0 seed=1", "--yes", cwd=folder, check=0)
    told = rnnctl("train", "omega=0.0 seed=1", cwd=folder, check=3)
    one_line(told, "nothing to do of omega=0.0 seed=1: 1 cancelled")


def test_the_end_of_the_time_is_told_as_an_interruption(capsys):
    end = TrainEnd(True, {"queued": 1}, {"r1-0": "queued"}, drained=True, out_of_time=True)
    assert _summary(end, 1800.0) == 130
    told = capsys.readouterr().err.splitlines()
    assert told == ["1 run: 1 queued", "the time is over (30:00); rnnctl train goes on from here"]


def test_train_with_a_priority_trains_these_runs_before_all_others(tmp_path):
    folder = workspace(tmp_path / "w")
    prioritize(folder, wanted_runs(folder, ["omega=0.0 seed=2"]), 7)
    state = rnnctl("status", cwd=folder, check=0).stdout
    assert [line.split() for line in state.splitlines()[-4:]] == [
        ["priority", "study", "queued"],
        ["--------", "-----", "------"],
        ["7", "tiny", "1"],
        ["0", "tiny", "3"],
    ]
    shown = rnnctl("show", "omega=0.0 seed=2", cwd=folder, check=0).stdout
    assert ", priority 7\n" in shown
    told = rnnctl("train", "--priority", -2, "tiny", "--pack", 1, cwd=folder, check=0)
    assert "priority -2 for 4 runs to be trained" in told.stderr
    assert counts(folder)["done"] == 4

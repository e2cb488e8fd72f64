"""One run in this process is the run that a workspace trains."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

import rnnctl
from rnnctl.api import training

SPEC = {
    "task": {"name": "temporal_order", "min_length": 10, "max_length": 20},
    "model": {"name": "gru", "hidden": 12, "init": "orthogonal"},
    "train": {"updates": 70, "batch": 10, "lr": 0.1},
    "check": {"every": 20, "samples": 100, "chunk": 50, "diagnostic_batch": 5, "diagnose_every": 40},
    "stop": {"solved": "never"},
    "seed": 2,
}
SHORT = {**SPEC, "train": {"updates": 2}, "check": {**SPEC["check"], "every": 2}}


def test_it_ends_with_the_bits_of_the_workspace(lab):
    mine, theirs = rnnctl.train(SPEC, progress=False), lab["cells"]["GRU seed=2"]
    assert mine.spec == theirs.spec
    assert (mine.outcome, mine.step) == ("budget", 70)
    past = theirs.history
    assert list(mine.history) == list(past)
    for name, values in past.items():
        assert mine[name].tobytes() == values.tobytes(), name
    for name, values in theirs.traces.items():
        assert mine.traces[name].tobytes() == values.tobytes(), name
    for which in ("best", "last"):
        for name, weight in theirs.weights(which).items():
            assert mine.weights(which)[name].tobytes() == weight.tobytes()
    inputs = np.arange(12).reshape(4, 3) % 6
    with torch.no_grad():
        assert torch.equal(mine.model()(inputs), theirs.model()(inputs))
    assert mine.result.loss == theirs.result.loss
    assert len(mine.plot("gradient").axes) > 0
    with pytest.raises(rnnctl.NotFound, match="kept in workspaces, and this run is in none"):
        mine.plot("hidden-state")


def test_yaml_is_taken_as_well():
    text = """
    task: {name: temporal_order, min_length: 10, max_length: 12}
    train:
      updates: 4
      batch: 2
    check: {every: 2, samples: 10, chunk: 10, diagnostic_batch: 2}
    """
    run = rnnctl.train(text, progress=False)
    assert run.history.steps.tolist() == [0, 2, 4]
    assert "temporal_order" in run._repr_html_()
    assert repr(run).startswith("TrainedRun(budget at update 4, best loss 1.")


def test_it_leaves_torch_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    try:
        rnnctl.train(SHORT, progress=False)
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(True)
    assert torch.is_grad_enabled()


def test_an_interrupt_returns_what_there_is(monkeypatch):
    handler = signal.getsignal(signal.SIGINT)
    progress = training._Memory.progress

    def interrupted(self, run_id, step):
        progress(self, run_id, step)
        if step == 30:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(training._Memory, "progress", interrupted)
    run = rnnctl.train(SPEC, progress=False)
    assert (run.outcome, run.step) == (None, 30)
    assert run.history.steps.tolist() == [0, 20]
    assert run.model("last").updates == 30
    assert "interrupted" in repr(run)
    assert signal.getsignal(signal.SIGINT) is handler


def test_progress_goes_to_stderr(capsys):
    rnnctl.train(SHORT)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "temporal_order, gru: 2 updates at most" in shown.err


def test_what_is_odd_is_told_without_lines_of_a_text_that_nobody_wrote(tmp_path):
    odd = {**SPEC, "model": {"name": "relational_memory", "hidden": 8}, "train": {"updates": 2, "batch": 2}}
    start = r": base.model.hidden: of 1 run: 2 of 4 slots are equal for ever"
    with pytest.warns(rnnctl.Note, match=f"^spec{start}"), pytest.warns(rnnctl.Note, match="check.every is above"):
        rnnctl.train(odd, progress=False)
    with pytest.warns(rnnctl.Note, match=f"^study{start}"), pytest.warns(rnnctl.Note, match="check.every is above"):
        rnnctl.Workspace(tmp_path / "lab").add({"study": "odd", "base": odd})

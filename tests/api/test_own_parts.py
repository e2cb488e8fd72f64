"""Parts of users, from Python: allowed by a context, or where the workspace trusts their module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import rnnctl
from tests.usercode.forgetting import forget

LEAKY = """\
from pydantic import Field

from rnnctl.cells.base.stepped import StepSection


class Leaky(StepSection):
    leak: float = Field(0.5, gt=0, le=1, description="share of new content in the state")

    def shapes(self, inputs):
        return {"W_uh": (inputs, self.hidden), "W_hh": (self.hidden, self.hidden), "b_hh": (self.hidden,)}

    def step(self, weights, x, state):
        new = (x @ weights["W_uh"] + state @ weights["W_hh"] + weights["b_hh"]).tanh()
        return (1 - self.leak) * state + self.leak * new
"""
SPEC = {
    "task": {"name": "temporal_order", "min_length": 10, "max_length": 12},
    "model": {"name": "leaky_of_test:Leaky", "hidden": 8, "leak": 0.25},
    "train": {"updates": 10, "batch": 5},
    "check": {"every": 5, "samples": 20, "chunk": 20, "diagnostic_batch": 5},
}


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module with a cell in the current folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaky_of_test.py").write_text(LEAKY)


def test_a_cell_is_trained_where_it_is_allowed():
    with pytest.raises(rnnctl.SpecError, match="leaky_of_test"):
        rnnctl.train(SPEC, progress=False)
    with rnnctl.allow_code():
        run = rnnctl.train(SPEC, progress=False)
        net = run.model("last")
    inputs = np.arange(12).reshape(4, 3) % 6
    weights, state = run.weights("last"), np.zeros((3, 8))
    for symbols in inputs:
        new = np.tanh(weights["W_uh"][symbols] + state @ weights["W_hh"] + weights["b_hh"])
        state = 0.75 * state + 0.25 * new
    with torch.no_grad():
        assert net.unroll(inputs).hidden[-1].numpy() == pytest.approx(state, rel=1e-5, abs=1e-6)
    net(inputs).sum().backward()
    assert net.W_hh.grad.abs().sum() > 0


def test_a_step_that_is_wrong_is_told(tmp_path):
    (tmp_path / "leaky_of_test.py").write_text(
        LEAKY.replace("return (1 -", "return state[:1] + (1 -").replace("self.leak * new\n", "self.leak * new[:, :3]\n")
    )
    with rnnctl.allow_code(), pytest.raises(rnnctl.Error) as caught:
        rnnctl.train(SPEC, progress=False)
    assert "leaky_of_test:Leaky" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_workspace_can_trust_a_module():
    lab = rnnctl.Workspace("lab")
    with pytest.raises(rnnctl.SpecError):
        lab.add({"study": "own", "base": SPEC})
    assert list(lab.trust("leaky_of_test")) == list(lab.trust()) == ["leaky_of_test"]
    study = lab.add({"study": "own", "base": SPEC})
    assert study.runs[0].spec["model"]["leak"] == 0.25
    assert lab.trust("leaky_of_test", undo=True) == {}
    forget()
    with pytest.raises(rnnctl.SpecError):
        lab.add({"study": "again", "base": SPEC})
    with pytest.raises(rnnctl.NotFound, match="no_such_module"):
        lab.trust("no_such_module")

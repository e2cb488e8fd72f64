"""The examples of the page on your own data run as they stand: arrays, and trials of a stand-in for NeuroGym."""

from __future__ import annotations

import json
import re
import sys
from types import ModuleType

import numpy as np
import pytest
import yaml

from rnnctl.docs.pages import FOLDER
from tests.cli.command_line import rnnctl, train_here

PAGE = (FOLDER / "your-data.md").read_text(encoding="utf-8")
PYTHON, YAML = (re.findall(rf"```{kind}\n(.+?)```", PAGE, re.S) for kind in ("python", "yaml"))


def trained(folder, study, **changes):
    """Register and train a study of the page with smaller numbers, and return its runs as `examine` shows them."""
    data = yaml.safe_load(study)
    for section, keys in changes.items():
        data["base"][section] |= keys
    (folder / "study.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    rnnctl("init", "study.yaml", cwd=folder, check=0)
    train_here(folder)
    return json.loads(rnnctl("examine", "--json", "--no-figures", cwd=folder, check=0).stdout)["runs"]


def test_arrays_are_saved_trained_on_and_evaluated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[0], "your-data.md", "exec"), {})
    runs = trained(tmp_path, YAML[0], train={"updates": 70})
    assert len(runs) == 2
    for run in runs:
        assert run["loss"] < 0.9 * run["floor"]
    shown = rnnctl("show", "seed=1", "--json", cwd=tmp_path, check=0).stdout
    assert "420 + 120 + 60 sequences, 12 steps, 3 reals, 2 classes, last" in shown
    evaluated = rnnctl("evaluate", "seed=1", "--lengths", "12", "--json", cwd=tmp_path, check=0).stdout
    assert '"loss"' in evaluated
    refused = rnnctl("evaluate", "seed=1", "--lengths", "13", cwd=tmp_path)
    assert refused.returncode
    assert "arrays has no length 13: all sequences have 12 steps" in " ".join(refused.stderr.split())


class Environment:
    """What the script asks of a NeuroGym environment: trials of several lengths, in a choice between two."""

    def __init__(self) -> None:
        self.unwrapped = self

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def new_trial(self) -> None:
        steps, side = int(self.rng.integers(6, 10)), int(self.rng.integers(2))
        self.ob = np.zeros((steps, 3), np.float32)
        self.ob[: steps - 1, 0] = 1
        self.ob[1 : steps - 1, 1 + side] = 1
        self.gt = np.zeros(steps, int)
        self.gt[-1] = 1 + side
        self.start_ind, self.end_ind = {"decision": steps - 1}, {"decision": steps}


def test_trials_are_recorded_by_the_script_and_trained_on(tmp_path, monkeypatch, capsys):
    neurogym = ModuleType("neurogym")
    vars(neurogym)["make"] = lambda name, dt: Environment()
    monkeypatch.setitem(sys.modules, "neurogym", neurogym)
    monkeypatch.setattr(sys, "argv", ["record.py", "PerceptualDecisionMaking-v0", "200", "trials.npz"])
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[1], "record.py", "exec"), {})
    assert "200 trials of PerceptualDecisionMaking-v0: 6 to 9 steps, 3 inputs" in capsys.readouterr().out
    runs = trained(tmp_path, YAML[1], train={"updates": 50}, check={"every": 25})
    for run in runs:
        assert run["loss"] < 0.5 * run["floor"]


@pytest.mark.parametrize("command", ["plan", "init"])
def test_a_missing_file_is_told_in_one_line_at_its_key(command, tmp_path):
    (tmp_path / "study.yaml").write_text(YAML[0])
    done = rnnctl(command, "study.yaml", cwd=tmp_path)
    assert done.returncode
    assert "file mine.npz: no such file" in " ".join(done.stderr.split())

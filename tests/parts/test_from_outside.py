"""A cell, a task, an optimizer, a schedule and a probe from outside the package: one file and one line each, and then
from YAML through training, an interruption, examination, figures and export.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnctl.determinism import worker_environment

ROOT = Path(__file__).parents[2]
OUTSIDE = Path(__file__).parent / "outside"
PATH = os.pathsep.join([str(OUTSIDE), str(ROOT)])
STUDY = """\
study: outside
base:
  task: {name: same_ends, min_length: 5, max_length: 9}
  model: {name: leaky, hidden: 12, leak: 0.7}
  train: {updates: 600, batch: 20, lr: 0.01, clip: 1.0, optimizer: signs, rate: {name: stairs, every: 200}}
  check: {every: 50, samples: 200, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
grid: {train.optimizer.alpha: [0.0, 0.9]}
seeds: [1, 2]
"""
PATIENCE = 600  # seconds that end a test that hangs


# Runs commands, one a line of stdin, in one process that knows the parts from outside.
COMMANDS = """
import json, sys
from pathlib import Path
from tests.cli.command_line import rnnctl

answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    words, folder = json.loads(line)
    done = rnnctl(*words, cwd=Path(folder))
    print(json.dumps([done.returncode, done.stdout, done.stderr]), file=answers, flush=True)
"""


@pytest.fixture(scope="module")
def rnnctl():
    """Return a function that runs a command and returns what it wrote to stdout, or to stderr where it must fail."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", COMMANDS],
        env={**worker_environment(), "PYTHONPATH": PATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(*words: str, cwd: Path, check: int = 0) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps([words, str(cwd)]), file=process.stdin, flush=True)
        status, said, complained = json.loads(process.stdout.readline())
        assert status == check, complained
        return complained if check else said

    yield run
    process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, rnnctl):
    """A workspace with the study, trained by `rnnctl train`, whose worker is a process of its own."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "outside.yaml").write_text(STUDY)
    rnnctl("init", "outside.yaml", cwd=folder)
    rnnctl("train", "--workers", "1", cwd=folder)
    return folder


def test_it_is_planned_with_its_cost_and_explained_where_it_is_wrong(rnnctl, tmp_path):
    (tmp_path / "s.yaml").write_text(STUDY)
    assert "4 runs of 2 configurations" in rnnctl("plan", "s.yaml", cwd=tmp_path)
    (tmp_path / "s.yaml").write_text(STUDY.replace("leak: 0.7", "leek: 0.7"))
    assert "did you mean leak?" in rnnctl("plan", "s.yaml", cwd=tmp_path, check=2)


def test_it_learns_and_is_ranked_beside_its_floor(rnnctl, trained):
    lines = rnnctl("examine", "outside", "--csv", cwd=trained).splitlines()
    names, *runs = (line.split(",") for line in lines)
    assert len(runs) == 4
    for values in runs:
        run = dict(zip(names, values, strict=True))
        assert float(run["floor"]) == pytest.approx(np.log(2))
        assert float(run["loss"]) < 0.9 * np.log(2)


def test_its_keys_are_hyper_parameters(rnnctl, trained):
    shown = rnnctl("examine", "outside", "--where", "optimizer=signs", "--where", "alpha=0.9", "--csv", cwd=trained)
    assert len(shown.splitlines()) == 1 + 2
    assert "train.optimizer.alpha" in rnnctl("effects", "outside", "--json", cwd=trained)


def test_figures_and_exports_are_made(rnnctl, trained, tmp_path):
    made = rnnctl("plot", "outside", "all", "--out", f"{tmp_path}/", cwd=trained).split()
    assert any(name.endswith("gradient.png") for name in made)
    rnnctl("export", "outside", "--format", "npz", "--out", f"{tmp_path}/", cwd=trained)
    (first, *_) = sorted(tmp_path.glob("*_final_state.npz"))
    with np.load(first) as arrays:
        assert str(arrays["model_type"]) == "leaky"
        assert arrays["W_hh"].shape == (12, 12)


def test_its_probe_is_a_command_with_options(rnnctl, trained):
    assert "--threshold" in rnnctl("probe", "outside", "parameter-count", "--help", cwd=trained)
    shown = rnnctl("probe", "outside", "parameter-count", "--threshold", "0.001", cwd=trained)
    assert str(2 * 12 + 12 * 12 + 12 * 2 + 12 + 2) in shown
    assert "parameter-count.png" in shown


IN_PROCESS = """
import random, torch
from rnnctl.determinism import settle_torch
settle_torch()
from rnnctl.study.loading import load_study
from tests.training.drawn_packs import check_pack
runs = {run.spec.run_id: run.spec for run in load_study("outside.yaml").runs}
check_pack(random.Random(1), runs)

from rnnctl.cells.base.cell import projection
from rnnctl.training.member import network_of
torch.manual_seed(1)
spec = next(iter(runs.values()))
network = network_of(spec.model, spec.task.make())
flat = torch.randn(1, network.layout.size, dtype=torch.float64)
tape = network.torch_tape(network, 1, 6, 3, dtype=torch.float64, device="cpu")
symbols, direct = torch.randint(2, (6, 3)), torch.randn(1, 3, network.hidden, dtype=torch.float64)
grads = torch.zeros_like(flat)
with torch.no_grad():
    tape.forward(network.layout.views(flat), [symbols])
    tape.backward(network.layout.views(flat), [direct], network.layout.views(grads))
leaf = flat.clone().requires_grad_()
weights = network.layout.views(leaf)
h = torch.zeros(1, 3, network.hidden, dtype=torch.float64)
for u in symbols:
    n = torch.tanh(projection(weights)(u) + torch.bmm(h, weights["W_hh"]))
    h = (1 - network.leak) * h + network.leak * n
(h[0] * direct[0]).sum().backward()
torch.testing.assert_close(grads, leaf.grad, rtol=1e-10, atol=1e-12)
"""


def test_alone_packed_and_resumed_have_the_same_bits_and_gradients_are_autograds(tmp_path):
    (tmp_path / "outside.yaml").write_text(
        STUDY.replace("updates: 600", "updates: 30").replace("every: 50", "every: 10")
    )

    subprocess.run(
        [sys.executable, "-P", "-c", IN_PROCESS],
        cwd=tmp_path,
        env={**worker_environment(), "PYTHONPATH": PATH},
        timeout=PATIENCE,
        check=True,
    )

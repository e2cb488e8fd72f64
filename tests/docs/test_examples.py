"""The parts that the documentation shows can be added as it says, and train. Each runs in a process of its own: the
study language is built from the catalogues once per process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rnnctl.determinism import worker_environment

ROOT = Path(__file__).resolve().parents[2]
README, ADDING = ROOT / "README.md", ROOT / "rnnctl/docs/adding-parts.md"

# Adds the class of the module `example` to its catalogue, trains a run, and prints how that went.
SCRIPT = """
import example
from rnnctl.{room}.catalogue import {catalogue}
{catalogue}.add(example.{name})
from rnnctl.determinism import settle_torch
from rnnctl.study.run import RunSpec
from tests.training.memory import train

settle_torch()
spec = RunSpec.model_validate({spec})
memory = train({{spec.run_id: spec}})
summary = memory.summaries[spec.run_id]
print(memory.outcomes[spec.run_id], summary["best_loss"], summary["floor"])
"""
TRAIN = {"updates": 60, "batch": 4}
SPEC = {
    "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
    "model": {"hidden": 8, "init": "orthogonal"},
    "train": TRAIN,
    "check": {"every": 30, "samples": 20, "chunk": 10},
}
FIRST = {"name": "first", "min_length": 3, "max_length": 5}
SIGNUM = {"lr": 0.001, "optimizer": {"name": "signum", "momentum": 0.5}}
ROOT_RATE = {"rate": {"name": "1/sqrt(t)", "period": 20}}


def _code(page: Path, title: str) -> str:
    """The Python code of a section of a page."""
    section = page.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.+?)```", section, re.S)
    return code


def _run(tmp_path: Path, code: str, script: str) -> str:
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    (tmp_path / "train.py").write_text(script, encoding="utf-8")
    environment = {**worker_environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("page", "title", "room", "catalogue", "name", "keys"),
    [
        (README, "Add a task in one file", "tasks", "TASKS", "FirstSection", {"task": FIRST}),
        (ADDING, "A task", "tasks", "TASKS", "FirstSection", {"task": FIRST}),
        (ADDING, "An optimizer", "optimizers", "OPTIMIZERS", "SignumSection", {"train": {**TRAIN, **SIGNUM}}),
        (ADDING, "A schedule", "schedules", "SCHEDULES", "RootSection", {"train": {**TRAIN, **ROOT_RATE}}),
    ],
    ids=["task of the README", "task", "optimizer", "schedule"],
)
def test_a_part_that_a_page_shows_trains(tmp_path, page, title, room, catalogue, name, keys):
    script = SCRIPT.format(room=room, catalogue=catalogue, name=name, spec={**SPEC, **keys})
    outcome, loss, floor = _run(tmp_path, _code(page, title), script).split()
    assert outcome in ("budget", "solved")
    assert 0 < float(loss) < 2 * float(floor)


def test_the_initialisation_of_the_page_draws(tmp_path):
    script = (
        "import example, numpy\n"
        "shapes = [('W_uh', (3, 5)), ('W_hh', (5, 5)), ('b_hh', (5,))]\n"
        "weights = example.UniformInit(bound=0.2).draw(numpy.random.default_rng(1), shapes, ['W_hh'])\n"
        "assert weights['W_hh'].shape == (5, 5) and abs(weights['W_uh']).max() <= 0.2 and 'b_hh' not in weights\n"
    )
    _run(tmp_path, _code(ADDING, "An initialisation"), script)


def test_the_probe_of_the_page_answers(tmp_path):
    script = SCRIPT.format(room="probes", catalogue="PROBES", name="Norms", spec=SPEC) + (
        "from rnnctl.probes.base import Asked\n"
        "from rnnctl.training.trained import Trained\n"
        "trained = Trained.from_state(memory.state(spec.run_id), spec.run_id, spec)\n"
        "probe = example.Norms(order='nuc')\n"
        "weights = trained.weights['best']\n"
        "answers = [(question, probe.ask(trained, question, weights)) for question in probe.questions(spec)]\n"
        "(table,) = probe.tabulate([Asked('study', 'run', 'run', spec.run_id, spec, 60, answers)])\n"
        "assert [row[1] for row in table.rows] == ['W_uh', 'W_hh', 'W_hy'], table\n"
    )
    _run(tmp_path, _code(ADDING, "A probe"), script)

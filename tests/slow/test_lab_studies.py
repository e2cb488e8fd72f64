"""Every quantity that the ten studies of the character laboratory ask for exists, and questions on tiny runs have an
answer.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from rnnctl.lab.answers import answers
from rnnctl.lab.register import register
from rnnctl.lab.train import train
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.study.packaged import packaged_studies
from store import Store

TINY: dict[str, Any] = {
    "study": "tiny",
    "base": {
        "task": {"name": "grammar", "lexicon": "lab", "window": 200, "state": "carried"},
        "model": {"name": "rnn", "init": "orthogonal"},
        "train": {"updates": 200, "batch": 1, "optimizer": "sgd", "lr": 0.01, "clip": 5.0, "bptt": 25},
        "check": {"every": 100, "samples": 20, "chunk": 20, "diagnostic_batch": 5, "snapshots": [0, 100]},
        "stop": {"solved": "never"},
    },
    "grid": {"model.hidden": [8, 12], "model.activation": ["tanh", "relu"]},
    "seeds": [1, 2, 3],
}
FEWER = {"memory": {"lags": 26, "states": 200}}  # what makes a probe cheap


def scaled_down(measure: Any) -> Any:
    """Return the quantity of a question for runs of 200 updates, with as little work for probes as they take."""
    if isinstance(measure, str) and "@" in measure:
        return f"{measure.split('@')[0]}@{'0:200' if ':' in measure else '100'}"
    if isinstance(measure, str) and measure.partition(".")[0] in FEWER:
        probe, number = measure.split(".")
        measure = {"probe": probe, "number": number}
    return {**measure, **FEWER.get(measure["probe"], {})} if isinstance(measure, dict) else measure


def test_every_quantity_has_a_value_on_tiny_runs(tmp_path):
    measures: dict[str, Any] = {}
    for name, path in packaged_studies().items():
        if name.startswith("lab-"):
            for question in yaml.safe_load(path.read_text())["questions"]:
                if "measure" in question:
                    measure = scaled_down(question["measure"])
                    measures[json.dumps(measure, sort_keys=True)] = measure
    questions = [
        {"ask": key, "measure": measure, "by": "model.hidden", "expect": {"order": [8, 12]}}
        for key, measure in measures.items()
    ]
    (tmp_path / "tiny.yaml").write_text(json.dumps({**TINY, "questions": questions}))
    register(tmp_path, [tmp_path / "tiny.yaml"])
    train(WorkerOptions(tmp_path, "cpu"))
    with Store.open(tmp_path) as store:
        result = answers(store, "tiny")
    assert len(measures) > 25
    assert {question.ask for question in result.questions if not question.groups} == set()
    assert {question.ask for question in result.questions if all(g.spread is None for g in question.groups)} == set()
    assert set(result.verdicts) <= {"holds", "does not hold", "undecided"}

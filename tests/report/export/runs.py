"""Runs made by hand, as rows of the store."""

from types import SimpleNamespace

from rnnctl.study.run import RunSpec

STEPS = 12  # of the longest sequence
TASK = {"name": "temporal_order", "min_length": 10, "max_length": STEPS}
ODD = '\x1b[31m\x7f\n\u202e"'  # what a terminal obeys, and what quotes end at


def spec(seed=1, **sections):
    plain = {"task": TASK, "model": {"name": "gru", "hidden": 3}, "check": {"every": 50}, "seed": seed, **sections}
    return RunSpec.model_validate(plain)


def row(label="a seed=1", of=None, **more):
    of = spec() if of is None else of
    fields = {"study": "s", "label": label, "run_id": of.run_id, "spec": of.canonical()}
    return SimpleNamespace(**fields, **{"status": "queued", "outcome": None, "step": 0, "total": 100, **more})

"""All remarks on a run, for runs of every cell and several tasks."""

import math

import numpy as np
import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.diagnostics.gradients import through_time
from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.report.gradients import newest
from rnnctl.report.remarks import TOPICS, remarks_of
from rnnctl.study.run import RunSpec
from store.history import EMPTY, History
from tests.report.rows import blank

RULES = {topic.name: topic.rules for topic in TOPICS}
SCALARS = ("grad_decay", "grad_zero_share", "saturated_units", "saturation", "rho", "clip_share", "guard_share")


def rules_of(topic):
    return RULES["gate" if topic.startswith("gate ") else topic]


def spec_of(cell, task="temporal_order", **train):
    return RunSpec.model_validate({"task": task, "model": {"name": cell}, "train": train})


def random_history(rng, gates):
    """Return a history with traces in which anything may be missing or non-finite."""
    n, length = int(rng.integers(1, 5)), int(rng.integers(1, 40))
    names = [*SCALARS, *(f"gate_{gate}{end}" for gate in gates for end in ("", "_saturated_units"))]
    scalars = {name: np.where(rng.random(n) < 0.3, math.nan, rng.random(n)) for name in names if rng.random() < 0.9}
    profiles = 10 ** rng.uniform(-60, 40, (n, length))
    profiles[rng.random((n, length)) < 0.1] = rng.choice([0, math.inf, math.nan])
    counts = [np.bincount(rng.integers(0, len(LOG10_EDGES) - 1, 5), minlength=len(LOG10_EDGES) - 1) for _ in range(n)]
    traces = {"grad_time": list(profiles), "grad_hist": counts}
    return History(np.sort(rng.choice(1000, n, replace=False)), scalars, traces)


@pytest.mark.parametrize("cell", list(CELLS.names))
@pytest.mark.parametrize("task", ["temporal_order", "addition", "memorization"])
def test_every_remark_has_a_rule_and_a_finite_sentence(cell, task):
    rng = np.random.default_rng(0)
    try:
        spec = spec_of(cell, task, clip=1.0)
    except ValueError:
        pytest.skip(f"{cell} takes no real inputs")
    gates = spec.model.gates
    for past in (EMPTY, *(random_history(rng, gates) for _ in range(15))):
        ended = str(rng.choice(["running", "budget", "diverged", "failed"]))
        loss = rng.choice([None, 0.5, math.inf])
        result = blank(ended=ended, updates=10, budget=20, loss=loss, last_loss=loss, floor=rng.choice([None, 1.386]))
        remarks = remarks_of(result, past, spec)
        assert [remark.topic for remark in remarks] == [
            "floor", "divergence", "gradient", "saturation", *(f"gate {gate}" for gate in gates), "spectral radius",
            "clipping",
        ]  # fmt: skip
        for remark in remarks:
            assert remark.verdict in rules_of(remark.topic)
            assert remark.text.endswith(".")
            assert "nan" not in remark.text
            assert " inf" not in remark.text
        if past is EMPTY:
            assert {remark.verdict for remark in remarks[2:]} <= {"undecided", "no limits"}


def test_gradients_are_those_of_the_newest_diagnosis_in_a_history_with_traces():
    rng = np.random.default_rng(1)
    checks = [through_time(torch_norms(10 ** rng.uniform(-12, 3, (30, 4)))) for _ in range(2)]
    scalars = {"grad_zero_share": np.array([0.0, 0.0, math.nan])}
    traces = {name: [*(check[1][name] for check in checks), None] for name in ("grad_time", "grad_hist")}
    told = newest(History(np.array([0, 50, 100]), scalars, traces), batch=4)
    assert told is not None
    norms = checks[1][1]["grad_time"]
    assert (told.step, told.length, told.first, told.last) == (50, 30, norms[0], norms[-1])
    assert told.zero + told.vanished + told.exploded <= 1


def torch_norms(values):
    import torch

    return torch.from_numpy(values)


def test_a_cell_and_a_task_whose_code_is_missing_are_not_judged_by_guesses(monkeypatch):
    spec = spec_of("rnn")
    past = History(np.array([10]), {"saturated_units": np.array([0.9])}, {})
    monkeypatch.setattr(type(spec.model), "missing_code", "the code is missing", raising=False)
    remarks = {remark.topic: remark for remark in remarks_of(blank(ended="budget", updates=1, budget=1), past, spec)}
    assert remarks["saturation"].verdict == "undecided"
    assert "The code of the cell is missing" in remarks["saturation"].text

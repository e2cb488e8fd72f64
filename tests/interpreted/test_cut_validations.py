"""A validation that is cut into slices of sequences and pieces of steps gives what the whole gives."""

from __future__ import annotations

import pytest
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.member import begin, network_of
from rnnctl.training.memory import cut_of
from tests.pretended.combinations import a_text

MODELS = (
    {"name": "rnn", "hidden": 5, "init": "orthogonal"},
    {"name": "gru", "hidden": 4},
    {"name": "lstm", "hidden": 4},
    {"name": "gated", "hidden": 4, "layers": 2},
)


def validated(spec: RunSpec) -> dict[str, float]:
    member, weights = begin("a", spec, task := spec.task.make(), network_of(spec.model, task))
    with torch.no_grad():
        pack = DevicePack([member], [weights], "cpu")
        (scalars,) = pack.checker.validate(pack.networks([0]), [None])
    return scalars


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
@pytest.mark.parametrize("judged", ["each", "any"])
def test_in_pieces(model, judged, tmp_path, monkeypatch):
    place, *_ = a_text(tmp_path, monkeypatch)
    tasks = {
        "each": {"name": "text", "corpus": place, "window": 7},
        "any": {"name": "memorization", "min_length": 3, "max_length": 3, "values": 2, "positions": 2},
    }
    check = {"samples": 5, "chunk": 5, "diagnostic_batch": 2}
    data = {"task": tasks[judged], "model": model, "train": {"batch": 2, "dtype": "float64"}, "check": check}
    spec = RunSpec.model_validate(data)
    task = spec.task.make()
    whole = validated(spec)
    # Room for 3 steps of all sequences, or for 2 sequences.
    room = {"each": 3 * 5, "any": 2 * task.max_steps}[judged] * (task.n_outputs + 6 * spec.model.hidden)
    monkeypatch.setattr("rnnctl.training.memory.VALIDATED", room)
    cut = cut_of(task.question, task.max_steps, 5, spec.model.hidden, task.n_outputs)
    assert (cut.sequences, cut.steps) == {"each": (5, 3), "any": (2, task.max_steps)}[judged]
    assert validated(spec) == pytest.approx(whole, rel=1e-13)

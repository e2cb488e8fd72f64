"""Runs of task text on texts made for a test, and their weights."""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from rnnctl.training.trained import Trained, WeightsAt
from tests.cells.plain_gated import PlainGated
from tests.training.equations import step as cell_step


def spec(path, cell="rnn", window=12, level="chars", dtype="float64", **model):
    sizes = {"hidden": 5} if cell != "gated" else {"hidden": 4, "layers": 2, "input_gate": True, "old_state": True}
    inits = {"gated": {}, "lstm": {}}.get(cell, {"init": "xavier"})
    return RunSpec.model_validate(
        {
            "task": {"name": "text", "corpus": str(path), "window": window, "level": level},
            "model": {"name": cell, **sizes, **inits, **model},
            "train": {"dtype": dtype},
        }
    )


def layout_of(one):
    return network_of(one.model, one.task.make()).layout


def random_weights(one, seed=1):
    dtype = getattr(torch, one.train.dtype)
    return torch.from_numpy(0.8 * np.random.default_rng(seed).standard_normal(layout_of(one).size)).to(dtype)


def by_hand(one, **weights):
    """(N,): these weights, (*shape,) each, and zeros in all others."""
    layout = layout_of(one)
    flat = torch.zeros(layout.size, dtype=getattr(torch, one.train.dtype))
    views = layout.views(flat.unsqueeze(0))
    for name, value in weights.items():
        views[name][0] = torch.as_tensor(np.asarray(value), dtype=flat.dtype)
    return flat


def answer_of(one, flat, probe):
    """The answer of a network with these weights to the one question of a probe."""
    (question,), weights = probe.questions(one), WeightsAt(flat, 10)
    return probe.ask(Trained("id", one, {"best": weights}), question, weights)


def stepper(one, flat):
    """step(symbols (B,), state (B, C) or None) -> (outputs (B, O), state), in plain torch."""
    task = one.task.make()
    if one.model.name == "gated":
        plain = PlainGated(network_of(one.model, task)).double().load(flat)
        size = one.model.hidden * one.model.layers

        def step(u, state):
            state = torch.zeros(len(u), size, dtype=torch.float64) if state is None else state
            out, after, _ = plain.step(u, state.chunk(one.model.layers, 1))
            return plain.head(out), torch.cat(after, 1)

        return step
    w = {name: x[0] for name, x in layout_of(one).views(flat.unsqueeze(0)).items()}
    size = one.model.hidden * (1 + (one.model.name == "lstm"))

    def step(u, state):
        state = torch.zeros(len(u), size, dtype=torch.float64) if state is None else state
        h, state = cell_step(one.model.name, w, torch.eye(task.n_inputs, dtype=torch.float64)[u], state)
        return h @ w["W_hy"] + w["b_hy"], state

    return step

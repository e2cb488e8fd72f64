"""Whole trainings of small runs by torch's autograd and torch.optim, on one step after another."""

import torch

from rnnctl import seeds
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from tests.training.equations import step

CELLS = {"rnn": {"init": "xavier"}, "gru": {"init": "xavier"}, "lstm": {}}
STEPS = 9  # of a sequence: 3 blank and 2 * 3 of the pattern


def spec(cell="rnn", bptt=4, seed=1, **more):
    train_section = {"updates": 14, "batch": 4, "lr": 0.05, "clip": "none", "bptt": bptt} | more
    return RunSpec.model_validate(
        {
            "task": {"name": "memorization", "min_length": 3, "max_length": 3, "values": 3, "positions": 3},
            "model": {"name": cell, "hidden": 6, **CELLS[cell]},
            "train": train_section,
            "check": {"every": 7, "samples": 20, "chunk": 10, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    )


def by_autograd(run_spec, optimizer):
    """The weights after run_spec's updates, by name."""
    task, cell, k = run_spec.task.make(), run_spec.model.name, run_spec.train.bptt
    k = STEPS if k == "full" else k
    model = network_of(run_spec.model, task)
    _, flat = begin("a", run_spec, task, model)
    w = {name: x[0].clone() for name, x in model.layout.views(flat.unsqueeze(0)).items()}
    descend = optimizer([x.requires_grad_() for name, x in w.items() if name not in run_spec.train.frozen])
    rng, pieces = seeds.generator(run_spec.seed, seeds.TRAINING), []
    for _ in range(run_spec.train.updates):
        if not pieces:
            window = task.draw(rng, run_spec.train.batch)
            pieces = [slice(t, t + k) for t in range(0, STEPS, k)]
            state = torch.zeros(run_spec.train.batch, 6 * (1 + (cell == "lstm")), dtype=torch.float64)
        part, state = pieces.pop(0), state.detach()
        losses = []
        for u, target in zip(window.inputs[part], window.targets[part], strict=True):
            one_hot = torch.eye(task.n_inputs, dtype=torch.float64)[torch.from_numpy(u).long()]
            h, state = step(cell, w, one_hot, state)
            losses.append(torch.nn.functional.cross_entropy(h @ w["W_hy"] + w["b_hy"], torch.from_numpy(target)))
        descend.zero_grad()
        torch.stack(losses).mean().backward()
        descend.step()
    return {name: x.detach() for name, x in w.items()}

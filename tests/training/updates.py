"""Single updates of a run, for comparison with what they should be."""

import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack


def one_update(run_spec):
    """Weights before and after a first update, by name, in float64; the batch that it saw; the member; who diverged."""
    task = run_spec.task.make()
    member, weights = begin("a", run_spec, task, network_of(run_spec.model, task))
    seen, draw = [], task.draw

    def remember(rng, batch, length=None):
        seen.append(draw(rng, batch, length))
        return seen[-1]

    task.draw = remember
    pack = Pack([member], [weights], "cpu")
    seen.clear()
    before = {name: w[0].double().clone() for name, w in pack.layout.views(pack.flat_RN).items()}
    with torch.no_grad():
        diverged = pack.update()
    after = {name: w[0].double().clone() for name, w in pack.layout.views(pack.flat_RN).items()}
    return before, after, seen[0], member, diverged


def as_float64(run_spec):
    data = run_spec.canonical()
    data["train"]["dtype"] = "float64"
    return RunSpec.model_validate(data)

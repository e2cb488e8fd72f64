"""What a run costs, roughly, before it is run.

The constants were fitted to whole runs of this trainer on one core of a 2026 server; read the result as "minutes,
hours or days", not as a promise.
"""

from __future__ import annotations

from rnnctl.study.models import Gated
from rnnctl.study.run import RunSpec
from rnnctl.study.tasks import Text
from rnnctl.tasks import make_task

UPDATE_SECONDS = 2e-4  # one update of one run, beside its steps
STEP_SECONDS = 1.5e-6  # one time step of one run, forward and backward, beside its arithmetic
FLOPS = 75e9  # floating-point operations a second in products of these sizes

BRANCHES = {"rnn": 1, "gru": 3, "lstm": 4}  # recurrent matrices
GATED = {"input_gate": 4, "state_gate": 3, "forget_gate": 3, "output_gate": 3}  # more squares of H for a layer's flags


def mean_length(spec: RunSpec) -> float:
    """Mean steps of an update's sequences; at most a little more where the task adds a random number of them."""
    task = spec.task
    if isinstance(task, Text):
        return float(min(spec.piece or task.window, task.window))
    added = make_task(task).max_steps - task.max_length
    return (task.min_length + max(task.max_length - 1, task.min_length)) / 2 + added


def core_seconds(spec: RunSpec) -> float:
    """Seconds on one core if the run uses up its budget."""
    model = spec.model
    squares = (
        model.layers * (4 + sum(GATED.get(flag, 0) for flag in model.flags))
        if isinstance(model, Gated)
        else (BRANCHES[model.name])
    )
    square = 2 * squares * model.hidden**2
    if spec.task.every_step:  # of others, the head reads one step of many
        square += 2 * model.hidden * make_task(spec.task).n_outputs
    steps = mean_length(spec)
    # Forward, backward and the weight gradient; a validation is a forward pass alone.
    update = UPDATE_SECONDS + steps * (STEP_SECONDS + 3 * spec.train.batch * square / FLOPS)
    check = (spec.check.screen or spec.check.samples) * steps * square / FLOPS
    return spec.train.updates * update + spec.train.updates / spec.check.every * check

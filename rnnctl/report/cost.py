"""What a run costs, roughly, before it is run.

The constants were fitted to whole runs of this trainer on one core of a 2026 server; read the result as "minutes,
hours or days", not as a promise.
"""

from __future__ import annotations

from rnnctl.study.run import RunSpec

UPDATE_SECONDS = 2e-4  # one update of one run, beside its steps
STEP_SECONDS = 1.5e-6  # one time step of one run, forward and backward, beside its arithmetic
FLOPS = 75e9  # floating-point operations a second in products of these sizes


def core_seconds(spec: RunSpec) -> float:
    """Seconds on one core if the run uses up its budget."""
    model = spec.model
    square = 2 * model.products * model.hidden**2
    if spec.task.question.every_step:  # else the head reads one step of many
        square += 2 * model.hidden * spec.task.make().n_outputs
    steps = spec.task.mean_steps(spec.piece)
    # Forward, backward and the weight gradient; a validation is a forward pass alone.
    update = UPDATE_SECONDS + steps * (STEP_SECONDS + 3 * spec.train.batch * square / FLOPS)
    check = (spec.check.screen or spec.check.samples) * steps * square / FLOPS
    return spec.train.updates * update + spec.train.updates / spec.check.every * check

"""A rough estimate of what a run costs, before it is trained.

The constants were fitted to whole runs of this trainer on one core of a 2026 server. The estimate tells minutes from
hours and days, no more.
"""

from __future__ import annotations

from rnnctl.study.run import RunSpec

UPDATE_SECONDS = 2e-4  # of one update of one run, without its time steps
STEP_SECONDS = 1.5e-6  # of one time step of one run, forward and backward, without its matrix products
FLOPS = 75e9  # floating-point operations per second in products of these sizes


def core_seconds(spec: RunSpec) -> float:
    """Return the seconds on one core if the run uses up its budget."""
    model = spec.model
    square = 2 * model.products * model.hidden**2
    if spec.task.question.every_step:  # else the head reads one step of many
        square += 2 * model.hidden * spec.task.make().n_outputs
    steps = spec.task.mean_steps(spec.piece)
    # Forward, backward and the weight gradient; a validation is a forward pass alone.
    update = UPDATE_SECONDS + steps * (STEP_SECONDS + 3 * spec.train.batch * square / FLOPS)
    check = (spec.check.screen or spec.check.samples) * steps * square / FLOPS
    return spec.train.updates * update + spec.train.updates / spec.check.every * check

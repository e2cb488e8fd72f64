"""Rough estimates of what a run costs, before it is trained: seconds on a core, and bytes on the disk.

The constants of the seconds were fitted to whole runs of this trainer on one core of a 2026 server. The estimate tells
minutes from hours and days, no more. Those of the bytes were fitted to databases of all cells; the estimate is right to
a third.
"""

from __future__ import annotations

from rnnctl.study.run import RunSpec
from rnnctl.training.memory import VALUE_BYTES

UPDATE_SECONDS = 2e-4  # of one batch of one run, without its time steps
STEP_SECONDS = 1.5e-6  # of one time step of one run, forward and backward, without its matrix products
SAMPLED_STEP_SECONDS = 1.2e-4  # of one time step at which a run is fed a symbol of its own
ROUNDED = 10.0  # times as long as others that updates take whose products are rounded in torch
FLOPS = 75e9  # floating-point operations per second in products of these sizes

CHECK_BYTES = 700  # of a check, with its figures
GATE_BYTES = 200  # of the figures of a gate at a check
CURVE_BYTES = 0.6  # of a time step of a curve: of the gradient, the states, the slope, and each gate
HISTOGRAM_BYTES = 60
CHECKPOINTS, CHECKPOINT_BYTES = 2, 10_000  # that are kept of a run, and what each has besides vectors of weights


def core_seconds(spec: RunSpec) -> float:
    """Return the seconds on one core if the run uses up its budget."""
    model = spec.model
    square = 2 * model.products * model.hidden**2
    if spec.task.question.every_step:  # else the head reads one step of many
        square += 2 * model.hidden * spec.task.make().n_outputs
    steps = spec.task.mean_steps(spec.piece)
    # Forward, backward and the weight gradient; a validation is a forward pass alone.
    update = UPDATE_SECONDS + steps * (STEP_SECONDS + model.step_seconds + 3 * spec.train.batch * square / FLOPS)
    check = (spec.check.screen or spec.task.validated(spec.check.samples)) * steps * square / FLOPS
    # Scheduled sampling, as in the middle of training: a step costs as much for one sequence of a batch as for all.
    share = spec.train.teacher.share_at(1 + spec.train.updates // 2)
    update += steps * (1 - share**spec.train.batch) * SAMPLED_STEP_SECONDS
    update *= ROUNDED if spec.train.is_reduced else 1.0
    return spec.train.updates * spec.train.accumulate * update + (1 + spec.train.updates / spec.check.every) * check


def kept_bytes(spec: RunSpec) -> int:
    """Return the bytes of history and checkpoints that the run leaves on the disk if it uses up its budget."""
    check, model, sizes = spec.check, spec.model, spec.task.sizes
    checks = 1 + spec.train.updates // check.every
    diagnoses = 1 + spec.train.updates // (check.diagnose_every or check.every)
    gates = len(model.gates)
    diagnosis = (3 + gates) * sizes.steps * CURVE_BYTES + (2 + gates) * HISTOGRAM_BYTES
    history = checks * CHECK_BYTES + diagnoses * (gates * GATE_BYTES + diagnosis)
    # The weights, the best ones, the state of the optimizer, and snapshots.
    vectors = 2 + spec.train.optimizer.slots + len(check.snapshot_updates)
    weights = model.weights(sizes.inputs, sizes.outputs) * VALUE_BYTES[spec.train.dtype]
    return round(history + CHECKPOINTS * (vectors * weights + CHECKPOINT_BYTES))

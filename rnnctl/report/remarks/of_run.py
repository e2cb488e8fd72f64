"""All remarks on one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnctl.report.gradients import Gradients, newest
from rnnctl.report.remarks.gradient import GRADIENT, gradient
from rnnctl.report.remarks.hidden import GATES, SATURATION, gate, saturation
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic
from rnnctl.report.remarks.spectrum import SPECTRAL_RADIUS, spectral_radius
from rnnctl.report.remarks.training import CLIPPING, DIVERGENCE, FLOOR, clipping, divergence, floor
from store.history import History

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.run import RunSpec

# In the order of the remarks on a run.
TOPICS: tuple[Topic, ...] = (FLOOR, DIVERGENCE, GRADIENT, SATURATION, GATES, SPECTRAL_RADIUS, CLIPPING)


def remarks_of(result: Result, past: History, spec: RunSpec, gradients: Gradients | None = None) -> list[Remark]:
    """Return a verdict on each topic that applies to a run, in the order of TOPICS; each gate has one of its own.

    past: the run's checks. gradients: the verdict on the gradients of its newest diagnosis (see
    rnnctl.report.gradients.gradients_of); None takes it from the traces of `past`, if they were read.
    """
    if gradients is None:
        gradients = newest(past, spec.check.diagnostic_batch)
    model, threshold, clip = spec.model, spec.check.saturation, spec.train.clip
    return [
        floor(result, spec.task.loss_unit),
        divergence(result),
        gradient(gradients, past, asks_every_step=None if spec.task.missing_code else spec.task.asks_every_step),
        _saturation(past, spec),
        *(gate(past, name, threshold) for name in model.gates),
        spectral_radius(past),
        clipping(past, clip.cutoff if clip.style == "rescale" else None),
    ]


def _saturation(past: History, spec: RunSpec) -> Remark:
    model, threshold = spec.model, spec.check.saturation
    if model.missing_code:
        text = "The code of the cell is missing, so the limits of its hidden units are not known."
        return SATURATION.remark(UNDECIDED, text)
    return saturation(past, limit=model.saturation_limit, formula=model.saturation_formula, threshold=threshold)

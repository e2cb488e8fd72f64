"""The gradient through time of a run: vanishing, exploding or healthy, at its newest diagnosis.

The shares of values that vanished or exploded are those of rnnctl.diagnostics.verdict. Shares alone do not say that the
gradient changes on its way back through time: where the loss is almost 0, it is small at every time step, the last one
included. So a verdict also needs the ratio g_1 / g_T.
"""

from __future__ import annotations

import math

from rnnctl.diagnostics.verdict import EXPLODED, VANISHED, percent
from rnnctl.report.gradients import Gradients
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic, known
from store.history import History

CLEAR = 0.10  # the share of gradients from which a verdict is given
FEW = 0.01  # a healthy gradient has fewer vanished, and fewer exploded values than this
DECADES = 2.0  # powers of ten between g_1 and g_T from which the gradient has shrunk or grown on its way back

_LOW = f"below 1e{VANISHED:.0f} or exactly 0"
_HIGH = f"{10**EXPLODED:.0f} or more, or non-finite"
_TIMES = f"{10**DECADES:.0f} times"

GRADIENT = Topic(
    "gradient",
    "the norms of dL/dh_t at the newest diagnosis, over all time steps and sequences of the diagnostic batch",
    {
        "exploding": f"{percent(CLEAR)} or more of the values are {_HIGH}, and g_1, at the first time step, is at "
        f"least {_TIMES} as large as g_T, at the last one",
        "vanishing": f"{percent(CLEAR)} or more of the values are {_LOW}, and g_T is at least {_TIMES} as large as "
        "g_1; not for tasks that ask for an answer at every step",
        "healthy": f"less than {percent(FEW)} of the values are {_LOW}, less than {percent(FEW)} are {_HIGH}, and g_1 "
        f"and g_T differ by less than {_TIMES}; not for tasks that ask for an answer at every step",
        UNDECIDED: "all other cases, such as shares between these limits, and a gradient that is small or large at "
        "every time step, also at the last one",
    },
)


def gradient(gradients: Gradients | None, past: History, *, asks_every_step: bool | None) -> Remark:
    """Return the verdict on the gradient through time.

    gradients: of the newest diagnosis. past: for the gradient before training. asks_every_step: whether each time step
    has an answer of its own; None if that is not known.
    """
    if gradients is None:
        return GRADIENT.remark(UNDECIDED, "No check has measured the gradient through time.")
    verdict, why = _verdict(gradients, asks_every_step)
    low, high = (percent(share, FEW, CLEAR) for share in (_low(gradients), gradients.exploded))
    numbers = (
        f"At update {gradients.step:,}, {low} of the norms |dL/dh_t| are {_LOW}, and {high} are {_HIGH}; "
        f"{_course(gradients)}."
    )
    return GRADIENT.remark(verdict, " ".join(filter(None, (numbers, _at_start(gradients, past), why))))


def _verdict(gradients: Gradients, asks_every_step: bool | None) -> tuple[str, str]:
    """Return the verdict and, if it is undecided, a sentence that says why."""
    low, high, change = _low(gradients), gradients.exploded, _change(gradients)
    if gradients.length == 1:
        return UNDECIDED, "Sequences of one time step have no gradient through time."
    if change is None:
        state = "0" if gradients.last == 0 else "non-finite"
        return UNDECIDED, f"The gradient is {state} at the last time step already, so there is nothing to compare with."
    if high >= CLEAR and change >= DECADES:
        return "exploding", ""
    if asks_every_step is None:
        return UNDECIDED, "The code of the task is missing, so it is not known which time steps have an answer."
    if asks_every_step:
        why = "Every time step has an answer of its own, so the gradient at a step does not tell what later steps send."
        return UNDECIDED, why
    if low >= CLEAR and change <= -DECADES:
        return "vanishing", ""
    if low < FEW and high < FEW and abs(change) < DECADES:
        return "healthy", ""
    if low >= CLEAR and change > -DECADES:
        return UNDECIDED, "It is small at every time step, also at the last one, so this is not an effect of time."
    if high >= CLEAR and change < DECADES:
        return UNDECIDED, "It is large at every time step, also at the last one, so this is not an effect of time."
    if change <= -DECADES:
        return UNDECIDED, f"It shrinks on its way back, but less than {percent(CLEAR)} of the values have vanished."
    if change >= DECADES:
        return UNDECIDED, f"It grows on its way back, but less than {percent(CLEAR)} of the values have exploded."
    return UNDECIDED, "Some values have vanished or exploded, but their mean changes little on the way back."


def _low(gradients: Gradients) -> float:
    """Return the share of values that have vanished, zeros included. In floating point, .01 + .09 is less than .1."""
    return round(gradients.zero + gradients.vanished, 12)


def _change(gradients: Gradients) -> float | None:
    """Return log10(g_1 / g_T), also infinite; None if g_T is 0 or non-finite."""
    if not (math.isfinite(gradients.last) and gradients.last > 0):
        return None
    if not math.isfinite(gradients.first):
        return math.inf
    return math.log10(gradients.first) - math.log10(gradients.last) if gradients.first > 0 else -math.inf


def _course(gradients: Gradients) -> str:
    """Return what happens between the last and the first time step."""
    change, steps = _change(gradients), f"from time step {gradients.length:,} back to time step 1"
    if change is None or gradients.length == 1:
        return f"the mean norm at the last time step is {_norm(gradients.last)}"
    if math.isinf(change):
        return f"{steps}, their mean {'becomes non-finite' if change > 0 else 'falls to exactly 0'}"
    return f"{steps}, their mean {in_words(change)}"


def _norm(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "non-finite"


def in_words(decades: float, *, past: bool = False) -> str:
    """Return how a number changes by powers of ten: `shrinks by a factor of 4.2`, `grows by 5.1 powers of ten`.

    past: whether to use the past tense.
    """
    size = abs(decades)
    if size < math.log10(1.05):
        return "stayed the same to 5 %" if past else "stays the same to 5 %"
    verb = ("grew" if past else "grows") if decades > 0 else ("shrank" if past else "shrinks")
    return f"{verb} by a factor of {10**size:.3g}" if size < 3 else f"{verb} by {size:.1f} powers of ten"


def _at_start(gradients: Gradients, past: History) -> str:
    """Return the same of the first diagnosis, if that is an earlier one."""
    steps, decay = known(past, "grad_decay")
    if not len(steps) or steps[0] >= gradients.step or gradients.length == 1:
        return ""
    return f"At update {steps[0]:,}, it {in_words(float(decay[0]) * (gradients.length - 1), past=True)} on that way."

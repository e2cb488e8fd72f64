"""Whether hidden units are saturated and gates are open or shut, at the newest diagnosis of a run."""

from __future__ import annotations

from rnnctl.diagnostics.verdict import percent
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic, known, value_at
from rnnctl.words import number
from store.history import History

MOST, FEW = 0.5, 0.1  # shares of hidden values near a limit
OPEN, SHUT = 0.9, 0.1  # mean values of a gate

SATURATION = Topic(
    "saturation",
    "the share of hidden values that are nearer to one of their two limits than `check.saturation`, at the newest "
    "diagnosis",
    {
        "saturated": f"{percent(MOST)} or more of the values",
        "partly saturated": f"from {percent(FEW)} to {percent(MOST)}",
        "not saturated": f"less than {percent(FEW)}",
        "no limits": "the units have no two limits, as with relu and identity",
        UNDECIDED: "the share was not measured, or is non-finite",
    },
)

GATES = Topic(
    "gate",
    "the mean of each gate over units, steps and sequences of the diagnostic batch, at the newest diagnosis; 0 is shut "
    "and 1 is open. Each gate has a remark of its own, such as `gate z`",
    {
        "open": f"the mean is {OPEN} or more",
        "shut": f"the mean is {SHUT} or less",
        "split": f"the mean is between these, and {percent(MOST)} or more of the values are nearer to 0 or 1 than "
        "`check.saturation`: some are open, others shut",
        "partly open": f"the mean is between {SHUT} and {OPEN} in all other cases",
        UNDECIDED: "the gate was not measured, or is non-finite",
    },
)


def saturation(past: History, *, limit: float | None, formula: str | None, threshold: float) -> Remark:
    """Return the verdict on hidden units.

    limit: the greatest distance of a unit from its nearest limit, None where units have no two limits. formula: of that
    distance. threshold: the distance below which a unit counts as saturated.
    """
    if limit is None:
        text = "The hidden units have no two limits, so no distance from them is measured."
        return SATURATION.remark("no limits", text)
    steps, shares = known(past, "saturated_units")
    if not len(steps):
        return SATURATION.remark(UNDECIDED, "No check has measured the saturation of hidden units as a finite number.")
    share, at = float(shares[-1]), int(steps[-1])
    mean = value_at(past, "saturation", at)
    near = percent(share, FEW, MOST)
    text = f"At update {at:,}, {near} of the hidden values are nearer to a limit than {threshold:g}"
    text += f" (distance {formula})." if formula else "."
    if mean is not None:
        text += f" The mean distance is {number(mean, 2)}, of {limit:g} at most."
    if len(steps) > 1:
        text += f" At update {int(steps[0]):,}, {percent(float(shares[0]), FEW, MOST)} of them were that near."
    return SATURATION.remark(
        "saturated" if share >= MOST else "partly saturated" if share >= FEW else "not saturated", text
    )


def gate(past: History, name: str, threshold: float) -> Remark:
    """Return the verdict on a gate. threshold: the distance from 0 or 1 below which a value counts as saturated."""
    topic = f"{GATES.name} {name}"
    steps, means = known(past, f"gate_{name}")
    if not len(steps):
        return GATES.remark(UNDECIDED, f"No check has measured gate {name} as a finite number.", topic)
    mean, at = float(means[-1]), int(steps[-1])
    near = value_at(past, f"gate_{name}_saturated_units", at)
    if mean >= OPEN:
        verdict = "open"
    elif mean <= SHUT:
        verdict = "shut"
    else:
        verdict = "split" if near is not None and near >= MOST else "partly open"
    text = f"At update {at:,}, the mean of gate {name} is {number(mean, 2)} (0 is shut, 1 is open)"
    text += "." if near is None else f"; {percent(near, MOST)} of its values are nearer to 0 or 1 than {threshold:g}."
    if len(steps) > 1:
        text += f" At update {int(steps[0]):,}, the mean was {number(float(means[0]), 2)}."
    return GATES.remark(verdict, text, topic)

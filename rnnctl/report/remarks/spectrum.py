"""The course of the spectral radius of the recurrent matrix through training."""

from __future__ import annotations

from rnnctl.diagnostics.verdict import percent
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic, known
from rnnctl.words import counted, number
from store.history import History

SAME = 0.05  # a relative change up to this is none

SPECTRAL_RADIUS = Topic(
    "spectral radius",
    "the spectral radius rho of the recurrent matrix, at the first and at the newest diagnosis",
    {
        "grew": f"the newest one is more than {percent(SAME)} above the first one",
        "shrank": f"the newest one is more than {percent(SAME)} below the first one",
        "unchanged": f"they differ by at most {percent(SAME)} of the first one",
        UNDECIDED: "there are fewer than two diagnoses with a finite spectral radius",
    },
)


def spectral_radius(past: History) -> Remark:
    """Return the direction in which training moved the spectral radius, where from and where to."""
    steps, rho = known(past, "rho")
    if not len(steps):
        return SPECTRAL_RADIUS.remark(UNDECIDED, "No check has measured a finite spectral radius.")
    first, last = float(rho[0]), float(rho[-1])
    if len(steps) == 1:
        text = f"The spectral radius is {number(first)} at update {int(steps[0]):,}; there is no second diagnosis yet."
        return SPECTRAL_RADIUS.remark(UNDECIDED, text)
    way = f"from {number(first)} at update {int(steps[0]):,} to {number(last)} at update {int(steps[-1]):,}"
    if abs(last - first) <= SAME * first:
        verdict, text = "unchanged", f"The spectral radius hardly changed: {way}"
    else:
        verdict = "grew" if last > first else "shrank"
        text = f"The spectral radius {verdict} {way}"
    above = int((rho > 1).sum())
    where = "all" if above == len(rho) else "none" if not above else f"{above:,}"
    beyond = [
        f"{word} {number(value)}"
        for word, value in (("lowest", float(rho.min())), ("highest", float(rho.max())))
        if value not in (first, last)
    ]
    extremes = f" ({', '.join(beyond)})" if beyond else ""
    return SPECTRAL_RADIUS.remark(
        verdict, f"{text}{extremes}. It is above 1 at {where} of {counted(len(rho), 'diagnosed check')}."
    )

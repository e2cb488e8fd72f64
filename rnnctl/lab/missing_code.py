"""Runs that cannot be trained because the code of one of their parts is missing, not allowed or has changed."""

from __future__ import annotations

from rnnctl.lab.errors import Code, LabError
from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
from rnnctl.words import counted
from store import Store, queries
from store.wanted import Wanted


def require_code(store: Store, wanted: Wanted) -> None:
    """Raise LabError if the code of a part is missing that a wanted run in the queue needs: nothing is trained then."""
    reasons: dict[str, int] = {}
    for stored in queries.queued_specs(store, wanted):
        try:
            why = read_spec(stored).code_problem
        except SpecError:  # its worker says what is wrong
            continue
        if why:
            reasons[why] = reasons.get(why, 0) + 1
    if reasons:
        why, runs = next(iter(reasons.items()))
        raise LabError(f"{counted(runs, 'run')} of the queue cannot be trained: {why}", Code.FAILURE)

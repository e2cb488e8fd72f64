"""The runs of a workspace, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any

from rnnctl.lab.records import inlined, unrecorded
from rnnctl.lab.workspaces import selected
from rnnctl.report.parameters import varying
from rnnctl.report.results import Result
from store import Store, queries

LEAST = 9  # characters of a short id: `r1-` and six digits


@dataclass(frozen=True)
class ListedRun:
    """A run. short: a beginning of its id that no other run of the workspace has. loss_unit: of its losses.

    parameters: the hyper-parameters that vary over the listed runs, by dotted key.
    """

    short: str
    loss_unit: str
    parameters: dict[str, Any]
    result: Result = inlined()


@dataclass(frozen=True)
class Runs:
    """The runs that were asked for, in the order of registration."""

    runs: list[ListedRun]
    several: bool = unrecorded()  # whether they belong to several studies


def runs(store: Store, study: str | None = None, where: Sequence[str] = (), hidden: bool = False) -> Runs:
    """Return the runs of a study, or of all studies, that meet all conditions. Raises LabError, as `selected` does."""
    results = [Result.of(row) for row in selected(store, study, where, hidden)]
    short = short_ids(queries.run_ids(store))
    keys = varying(list({run.config: run.parameters for run in results}.values()))
    listed = [ListedRun(short[run.run], run.loss_unit, _some_of(run.parameters, keys), run) for run in results]
    return Runs(listed, several=len({run.study for run in results}) > 1)


def _some_of(parameters: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: parameters[key] for key in keys if key in parameters}


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id the shortest beginning, of LEAST characters or more, that no other id has."""
    ordered = sorted(ids)
    shared = [len(commonprefix([one, other])) for one, other in zip(ordered, ordered[1:], strict=False)]
    return {
        run_id: run_id[: max(LEAST, before + 1, after + 1)]
        for run_id, before, after in zip(ordered, [0, *shared], [*shared, 0], strict=False)
    }

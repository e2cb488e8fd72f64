"""What two runs do not have in common, and what each reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnctl.lab.errors import LabError
from rnnctl.lab.records import unrecorded
from rnnctl.lab.workspaces import one_run
from rnnctl.measures import MEASURES
from rnnctl.report.parameters import varying
from rnnctl.report.results import Result
from rnnctl.report.specs import read_parameters
from store import Store, queries

# Of the record of a result: how it went, beside the measures and what they are compared with.
COURSE = ("ended", "updates", "best_at", "broke_floor_at", "seconds", "share_seconds", "exact")


@dataclass(frozen=True)
class NamedRun:
    """One of the two runs."""

    run: str  # id
    study: str
    label: str


@dataclass(frozen=True)
class Diff:
    """Two runs side by side. keys: those of their specs that differ, with both values, None where a run has none.

    results: measures, what they are compared with, and how the runs went, as far as one of them has a value.
    """

    runs: list[NamedRun]
    keys: dict[str, list[Any]]
    results: dict[str, list[Any]]
    both: list[Result] = unrecorded()


def diff(store: Store, first: str, second: str) -> Diff:
    """Return in which keys the runs differ that two names stand for, by resolved values, and their results.

    Raises LabError for an unknown name, or if both names stand for one run.
    """
    ids = [one_run(store, name) for name in (first, second)]
    if ids[0] == ids[1]:
        raise LabError(f"{first!r} and {second!r} are the same run {ids[0]}")
    rows = {row.run_id: row for row in queries.runs_of(store, run_ids=ids)}
    both = [Result.of(rows[run_id]) for run_id in ids]
    specs = [{**read_parameters(rows[run_id].spec), "seed": rows[run_id].spec["seed"]} for run_id in ids]
    references = dict.fromkeys(measure.reference.field for measure in MEASURES.values())
    records = [run.as_dict() for run in both]
    results = {key: [record[key] for record in records] for key in (*MEASURES, *references, *COURSE)}
    return Diff(
        runs=[NamedRun(run.run, run.study, run.label) for run in both],
        keys={key: [spec.get(key) for spec in specs] for key in varying(specs)},
        results={key: pair for key, pair in results.items() if pair != [None, None]},
        both=both,
    )

"""Everything that is kept about one run."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rnnctl.lab.workspaces import one_run
from rnnctl.report.gradients import Gradients, gradients_of
from rnnctl.report.specs import resolved
from store import Store, history, lineage, queries
from store.queries import AttemptRow, CheckpointRow, RunRow


@dataclass(frozen=True)
class Relative:
    """A run that another was refined from or into. variant: what changed, in the recipe of the refinement."""

    run_id: str
    name: str  # STUDY/LABEL
    variant: str
    study: str  # which the refinement made


@dataclass(frozen=True)
class RunDetails(RunRow):
    """A run with its relatives, attempts, checkpoints and checks. A check has `step` and the scalars of its history.

    spec: with the values of all defaults. gradients: the verdict on those of the newest diagnosis, if there was one.
    """

    refined_from: list[Relative]
    refined_into: list[Relative]
    attempts: list[AttemptRow]
    checkpoints: list[CheckpointRow]
    gradients: Gradients | None
    checks: list[dict[str, float]]

    @property
    def environments_differ(self) -> bool:
        """Whether the attempts ran in environments whose bits may differ."""
        bits = [attempt.environment.get("bits") for attempt in self.attempts]
        return any(other != bits[0] for other in bits)


def show(store: Store, name: str) -> RunDetails:
    """Return what is kept about the run that a name stands for (see `one_run`). Raises LabError."""
    (row,) = queries.runs_of(store, run_ids=[one_run(store, name)])
    parents = lineage.parents(store, row.run_id)
    children = lineage.children(store, row.run_id)
    others = {descent.parent for descent in parents} | {descent.run_id for descent in children}
    rows = queries.runs_of(store, run_ids=others) if others else []
    names = {other.run_id: f"{other.study}/{other.label}" for other in rows}
    return RunDetails(
        **{**{field.name: getattr(row, field.name) for field in fields(row)}, "spec": dict(resolved(row.spec))},
        refined_from=[Relative(d.parent, names[d.parent], d.variant, d.study) for d in parents],
        refined_into=[Relative(d.run_id, names[d.run_id], d.variant, d.study) for d in children],
        attempts=queries.attempts(store, row.run_id),
        checkpoints=queries.checkpoints_of(store, row.run_id),
        gradients=gradients_of(store, [row]).get(row.run_id),
        checks=_checks(store, row.run_id),
    )


def _checks(store: Store, run_id: str) -> list[dict[str, float]]:
    past = history.read(store, [run_id]).get(run_id)
    if past is None:
        return []
    return [
        {"step": int(step), **{name: float(values[i]) for name, values in past.scalars.items()}}
        for i, step in enumerate(past.steps)
    ]

"""Everything that is kept about one run."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rnnctl.lab.in_words import remarks_on
from rnnctl.lab.workspaces import one_run
from rnnctl.report.gradients import Gradients, gradients_of
from rnnctl.report.remarks import Remark
from rnnctl.report.results import Result
from rnnctl.report.specs import read_loss_unit, read_parameter_count, resolved
from rnnctl.study.errors import SpecError
from store import Store, extension, history, lineage, priorities, queries
from store.extension import Unfit
from store.history import History
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

    spec: with the values of all defaults. unfit_origins: damaged checkpoints of others at which it could have
    begun. parameter_count: the number of weights of its network, None for a text that has not been read yet.
    priority: by which it is claimed among the queued runs. gradients: shares of those of the newest diagnosis, if there
    was one. loss_unit: of its losses. remarks: verdicts in words (see rnnctl.report.remarks).
    loss_unit and remarks are None and empty if this version cannot read the spec.
    """

    refined_from: list[Relative]
    refined_into: list[Relative]
    unfit_origins: list[Unfit]
    attempts: list[AttemptRow]
    checkpoints: list[CheckpointRow]
    gradients: Gradients | None
    loss_unit: str | None
    remarks: list[Remark]
    parameter_count: int | None
    priority: int
    checks: list[dict[str, float]]

    @property
    def environments_differ(self) -> bool:
        """Whether the attempts ran in environments whose bits may differ."""
        bits = [attempt.environment.get("bits") for attempt in self.attempts]
        return any(other != bits[0] for other in bits)


def show(store: Store, name: str) -> RunDetails:
    """Return what is kept about the run that a name stands for (see `one_run`). Raises LabError."""
    (row,) = queries.runs_of(store, run_ids=[one_run(store, name)])
    past = history.read(store, [row.run_id]).get(row.run_id, history.EMPTY)
    gradients = gradients_of(store, [row]).get(row.run_id)
    parents = lineage.parents(store, row.run_id)
    children = lineage.children(store, row.run_id)
    others = {descent.parent for descent in parents} | {descent.run_id for descent in children}
    rows = queries.runs_of(store, run_ids=others) if others else []
    names = {other.run_id: f"{other.study}/{other.label}" for other in rows}
    return RunDetails(
        **{**{field.name: getattr(row, field.name) for field in fields(row)}, "spec": dict(resolved(row.spec))},
        refined_from=[Relative(d.parent, names[d.parent], d.variant, d.study) for d in parents],
        refined_into=[Relative(d.run_id, names[d.run_id], d.variant, d.study) for d in children],
        unfit_origins=extension.unfit(store, row.run_id),
        attempts=queries.attempts(store, row.run_id),
        checkpoints=queries.checkpoints_of(store, row.run_id),
        gradients=gradients,
        loss_unit=_loss_unit(row),
        remarks=remarks_on(Result.of(row), past, gradients),
        parameter_count=read_parameter_count(row.spec, row.summary),
        priority=priorities.of_run(store, row.run_id),
        checks=_checks(past),
    )


def past(store: Store, name: str, *, traces: bool = False) -> History:
    """Return the checks of the run that a name stands for, empty before the first. Raises LabError."""
    run_id = one_run(store, name)
    return history.read(store, [run_id], traces).get(run_id, history.EMPTY)


def _loss_unit(row: RunRow) -> str | None:
    try:
        return read_loss_unit(row.spec)
    except SpecError:
        return None


def _checks(past: History) -> list[dict[str, float]]:
    return [
        {"step": int(step), **{name: float(values[i]) for name, values in past.scalars.items()}}
        for i, step in enumerate(past.steps)
    ]

"""`runs`: one line for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllOption, JsonOption, StudyArgument, WhereOption, WorkspaceOption, opened
from rnnctl.cli.output import out, out_json
from rnnctl.measures import MEASURES
from rnnctl.words import number, with_se

if TYPE_CHECKING:
    from rnnctl.lab.runs import Runs


def runs(
    study: StudyArgument = None,
    where: WhereOption = None,
    hidden: AllOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List runs, a line each: short id, label, state, updates, and best loss beside the floor.

    The short id is enough wherever a RUN is asked for. --json also has all results and the hyper-parameters that vary.
    """
    from rnnctl.lab import runs as lab

    with opened(workspace, readonly=True) as store:
        listed = lab.runs(store, study, where or [], hidden)
    if as_json:
        out_json(listed.runs)
    else:
        _print(listed)


def _print(listed: Runs) -> None:
    units = list(dict.fromkeys(run.loss_unit for run in listed.runs))
    loss = MEASURES["loss"]
    unit = f" ({units[0]})" if len(units) == 1 else ""
    floor = loss.reference.heading
    cells = [
        [
            run.short,
            *([run.result.study] if listed.several else []),
            run.result.label,
            run.result.ended,
            f"{run.result.updates:,} of {run.result.budget:,}",
            number(run.result.loss),
            with_se(run.result.floor, run.result.floor_se),
            *([] if unit else [run.loss_unit]),
        ]
        for run in listed.runs
    ]
    study = ["study"] if listed.several else []
    columns = ["id", *study, "run", "state", "updates", loss.heading + unit, floor, *([] if unit else ["unit"])]
    out(*table(columns, cells, drop=["unit", floor, "updates"]), whole=True)

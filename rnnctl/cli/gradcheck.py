"""`gradcheck`: the gradients of cells beside differences of their losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllowCodeOption, JsonOption, WorkspaceOption
from rnnctl.cli.output import FAILURE, notes, out, out_json, say
from rnnctl.words import counted

if TYPE_CHECKING:
    from rnnctl.lab.gradcheck import Checked, Row

LISTED = 8  # parameters beyond the bound whose worst case is told


def gradcheck(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Names of cells, also such as my_lab.cells:Leaky. Default: every cell.",
            show_default=False,
        ),
    ] = None,
    bound: Annotated[
        float, typer.Option("--bound", min=0, metavar="E", help="The largest relative error that is accepted.")
    ] = 1e-6,
    hidden: Annotated[
        int, typer.Option("--hidden", min=1, max=16, metavar="H", help="Hidden units of the small networks.")
    ] = 3,
    large: Annotated[
        int,
        typer.Option("--large", min=0, max=512, metavar="H", help="Hidden units of the large networks; 0 for none."),
    ] = 24,
    directions: Annotated[
        int,
        typer.Option("--directions", min=1, max=100, metavar="N", help="Random directions for each large weight."),
    ] = 2,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="S", help="Seed of the weights, the batches and the directions.")
    ] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Hold a key of the cell, such as model.layers=1. Repeatable."),
    ] = None,
    allow_code: AllowCodeOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Compare the gradients of cells with differences of their losses.

    Every cell is checked with each choice of its switches (activations, flags), with symbols and real numbers as
    inputs, with each loss read off the last step and off every step, with Omega where it is defined, and with all
    passes through time that it has on a CPU: torch operations and compiled loops. Weights of small networks are
    checked one by one, those of large networks along random directions. dL/dh_t is compared with a perturbed h_t.

    The relative error of a gradient a with a difference n is |a - n| / max(|a|, |n|, g / 1000), where g is the largest
    gradient of the network. The table shows the largest error of each weight. The exit status is 1 if one is beyond
    the bound. All cells take a few minutes, most of them for the cell gated.
    """
    from rnnctl.lab import gradcheck as lab

    checked = lab.gradcheck(
        models or (),
        hidden=hidden,
        large=large,
        directions=directions,
        bound=bound,
        seed=seed,
        settings=settings or (),
        workspace=workspace,
        tell=lambda name: say(f"checking {name}"),
    )
    notes(checked.notes)
    if as_json:
        out_json(checked)
    else:
        _print(checked)
    if not checked.right:
        raise typer.Exit(FAILURE)


def _print(checked: Checked) -> None:
    rows = [
        [
            row.model,
            row.parameter,
            f"{row.error:.1e}",
            f"{row.derivatives:,}",
            "ok" if row.wrong == 0 else f"wrong in {counted(row.wrong, 'case')}",
        ]
        for row in checked.rows
    ]
    columns = ["model", "parameter", "largest error", "derivatives", "result"]
    out(*table(columns, rows, drop=["derivatives"]), whole=True)
    wrong = sorted((row for row in checked.rows if row.wrong), key=_error, reverse=True)
    for row in wrong[:LISTED]:
        worst = row.worst
        out(
            f"{row.model} {row.parameter}: computed {worst.computed:.6g}, by differences {worst.difference:.6g} "
            f"({worst.case.text})"
        )
    if len(wrong) > LISTED:
        out(f"and {counted(len(wrong) - LISTED, 'more parameter')}; --json lists every case")
    total = sum(row.derivatives for row in checked.rows)
    result = "all are" if not wrong else "not all are"
    out(f"{counted(total, 'derivative')} in {counted(checked.cases, 'case')}: {result} within {checked.bound:g}")


def _error(row: Row) -> float:
    return row.error

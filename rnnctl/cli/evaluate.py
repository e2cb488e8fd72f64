"""`evaluate`: trained runs at other lengths than those that they were trained on."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption, WorkspaceOption, opened, runs_named
from rnnctl.cli.output import NOTHING, UserError, counted, number, out, out_json, say, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from store import Store
    from store.evaluations import Evaluation
    from store.queries import RunRow


def evaluate(
    what: Annotated[str, typer.Argument(metavar="RUN|STUDY", help="A run, or all runs of a study.")],
    lengths: Annotated[str, typer.Option("--lengths", metavar="L,L,...", help="Lengths, separated by commas.")],
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Sequences of each length: up to 1,000, or a multiple of it.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides the sequences.")] = 1,
    as_json: JsonOption = False,
    figures: Annotated[bool, typer.Option(help="Draw error against length into the figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Put fresh sequences of given lengths to the best weights of runs; what was found is kept, and not computed again.

    A run's best weights are those of its lowest validation loss. Runs without a checkpoint are left out.
    """
    wanted = _parsed(lengths)
    with opened(workspace) as store:
        rows, _ = runs_named(store, what)
        found = [e for row in rows for e in _evaluated(store, row, wanted, samples, seed)]
        if not found:
            say(f"{what}: no run has a checkpoint yet; see rnnctl train")
            raise typer.Exit(NOTHING)
        if as_json:
            names = {row.run_id: row for row in rows}
            out_json([{"study": names[e.run_id].study, "label": names[e.run_id].label, **vars(e)} for e in found])
            return
        _print(rows, found, wanted)
        if figures:
            _draw(store, what, rows, found)


def _parsed(text: str) -> list[int]:
    try:
        lengths = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--lengths {text}: whole numbers, separated by commas, such as 50,100,200") from None
    if min(lengths) < 1:
        raise UserError(f"--lengths {text}: a length is at least 1")
    return sorted(set(lengths))


def _evaluated(store: Store, row: RunRow, lengths: Sequence[int], samples: int, seed: int) -> Iterator[Evaluation]:
    """What is known of a run's best weights at these lengths, and what had to be found out, length by length."""
    from pydantic import ValidationError

    from rnnctl.probes.lengths import at_length
    from rnnctl.spec.run import RunSpec
    from store import evaluations

    best = _best_weights(store, row.run_id)
    if best is None:
        return
    step, weights = best
    known = {(e.step, e.length, e.samples, e.seed): e for e in evaluations.of_runs(store, [row.run_id])}
    spec = RunSpec.model_validate(row.spec)
    for length in lengths:
        if (step, length, samples, seed) not in known:
            try:
                found = at_length(spec, weights, length, samples, seed)
            except ValidationError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise UserError(f"--lengths {length}: {spec.task.name} has no such length: {reason}") from None
            except ValueError as error:
                raise UserError(f"--samples: {error}") from None
            figures = found.loss, found.error, found.baseline.loss, found.baseline.error
            new = evaluations.Evaluation(row.run_id, step, length, samples, seed, *figures)
            evaluations.add(store, [new], time.time())
            known[step, length, samples, seed] = new
            say(f"{row.label} at length {length:,}: loss {number(found.loss)}, error {number(100 * found.error)} %")
        yield known[step, length, samples, seed]


def _best_weights(store: Store, run_id: str) -> tuple[int, torch.Tensor] | None:
    """A run's best weights so far and their step, from its newest sound checkpoint; None before the first."""
    import torch

    from store import checkpoints

    checkpoint = checkpoints.newest_sound(store, run_id).checkpoint
    if checkpoint is None:
        return None
    state = torch.load(store.workspace.root / checkpoint.path, map_location="cpu", weights_only=True)
    return state["best"]["step"], state["best_weights"]


def _print(rows: Sequence[RunRow], found: Sequence[Evaluation], lengths: Sequence[int]) -> None:
    """A row a run, its error in per cent at each length."""
    errors = {(e.run_id, e.length): e for e in found}
    steps = {e.run_id: e.step for e in found}
    columns = ["label", "best weights of", *(f"error % at {length:,}" for length in lengths)]
    lines = [
        [row.label, f"{steps[row.run_id]:,}", *(number(100 * errors[row.run_id, n].error, 3) for n in lengths)]
        for row in rows
        if row.run_id in steps
    ]
    chance = [number(100 * next(e.chance_error for e in found if e.length == n), 3) for n in lengths]
    out(table(columns, [*lines, ["chance", "", *chance]]))
    left_out = len(rows) - len(lines)
    if left_out:
        say(f"{counted(left_out, 'run')} without a checkpoint left out")


def _draw(store: Store, what: str, rows: Sequence[RunRow], found: Sequence[Evaluation]) -> None:
    from rnnctl.report.generalisation import by_length
    from rnnctl.report.leaderboard import result
    from store.errors import translated

    figure = by_length([result(row) for row in rows], found, [row.spec for row in rows], f"{what}: generalisation")
    path = store.workspace.figures / f"{re.sub(r'[^A-Za-z0-9._+=-]+', '-', what)}-generalisation.png"
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    out(f"figure: {path}")

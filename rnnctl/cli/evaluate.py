"""`evaluate`: trained runs at other lengths than those that they were trained on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import (
    JsonOption,
    WorkspaceOption,
    newest_state,
    opened,
    runs_named,
    whole_numbers,
    without_weights,
)
from rnnctl.cli.output import NOTHING, UserError, counted, number, out, out_json, say, table
from rnnctl.lab.figures import safe_name, save

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store import Store
    from store.evaluations import Evaluation
    from store.queries import RunRow

LONGEST = 1_000_000  # beyond, the states of a few sequences would fill a machine's memory


def evaluate(
    what: Annotated[str, typer.Argument(metavar="RUN|STUDY", help="A run, or all runs of a study.")],
    lengths: Annotated[str, typer.Option("--lengths", metavar="L,L,...", help="Lengths, separated by commas.")],
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Sequences of each length: up to 1,000, or a multiple of it.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Decides the sequences.")] = 1,
    as_json: JsonOption = False,
    figures: Annotated[bool, typer.Option(help="Draw what is shown against length into the figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Put fresh sequences of given lengths to the best weights of runs; what was found is kept, and not computed again.

    A run's best weights are those of its lowest validation loss. Runs without a checkpoint are left out. A length is
    what min_length and max_length mean in the task, and in text the window; text is that of the test split. Shown are
    errors, and what the best predictor without memory has; of text bits per byte, and the bigram's.
    """
    wanted = sorted(whole_numbers("--lengths", lengths, 1, "50,100,200", most=LONGEST))
    from rnnctl.probes.lengths import chunk_of

    try:
        chunk_of(samples)
    except ValueError as error:
        raise UserError(f"--samples: {error}") from None
    with opened(workspace) as store:
        import torch

        torch.set_num_threads(1)  # products this small only wait for each other
        rows, _ = runs_named(store, what)
        found = [e for row in rows for e in _evaluated(store, row, wanted, samples, seed)]
        if not found:
            say(without_weights(what, rows))
            raise typer.Exit(NOTHING)
        if as_json:
            names = {row.run_id: row for row in rows}
            out_json([_as_json(names[e.run_id], e) for e in found])
            return
        _print(rows, found, wanted)
        if figures:
            _draw(store, what, rows, found)


def _evaluated(store: Store, row: RunRow, lengths: Sequence[int], samples: int, seed: int) -> Iterator[Evaluation]:
    """What is known of a run's best weights at these lengths, and what had to be found out, length by length."""
    from pydantic import ValidationError

    from rnnctl.probes.lengths import at_length
    from rnnctl.study.run import RunSpec
    from store import evaluations

    state = newest_state(store, row)
    if state is None or row.summary.get("best_loss") is None:
        return
    step, weights = state["best"]["step"], state["best_weights"]
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
                raise UserError(f"--lengths {length}: {error}") from None
            floor = found.baseline
            figures = found.loss, found.error, floor.loss, floor.error, floor.bytes_per_answer
            new = evaluations.Evaluation(row.run_id, step, length, samples, seed, *figures)
            evaluations.add(store, [new], time.time())
            known[step, length, samples, seed] = new
            say(f"{row.label} at length {length:,}: loss {number(found.loss)}, error {number(100 * found.error)} %")
        yield known[step, length, samples, seed]


def _as_json(row: RunRow, found: Evaluation) -> dict[str, Any]:
    from rnnctl.report.generalisation import bits

    return {"study": row.study, "label": row.label, **vars(found), "bits_per_byte": bits(found)}


def _print(rows: Sequence[RunRow], found: Sequence[Evaluation], lengths: Sequence[int]) -> None:
    """A row a run, its figure at each length; and a row for what each task's predictor without memory has."""
    from rnnctl.report.generalisation import measure_of, sequences
    from rnnctl.report.specs import read_spec

    measure, at = measure_of(found), {(e.run_id, e.length): e for e in found}
    steps = {e.run_id: e.step for e in found}
    columns = ["label", "best weights of", *(f"{measure.column} at {length:,}" for length in lengths)]
    lines, without = [], {}
    shown = [row for row in rows if row.run_id in steps]
    for row, of in zip(shown, sequences([read_spec(row.spec) for row in shown]), strict=True):
        own = [at[row.run_id, n] for n in lengths]
        lines.append([row.label, f"{steps[row.run_id]:,}", *(number(measure.shown(e), 3) for e in own)])
        without.setdefault(of, [number(measure.shown_without(e), 3) for e in own])
    for of, figures in without.items():
        lines.append([f"{measure.without} ({of})" if of else measure.without, "", *figures])
    out(table(columns, lines))
    left_out = len(rows) - len(steps)
    if left_out:
        say(f"{counted(left_out, 'run')} without a checkpoint left out")


def _draw(store: Store, what: str, rows: Sequence[RunRow], found: Sequence[Evaluation]) -> None:
    from rnnctl.report.generalisation import by_length
    from rnnctl.report.results import Result

    figure = by_length([Result.of(row) for row in rows], found, f"{what}: generalisation")
    path = store.workspace.figures / f"{safe_name(what)}-generalisation.png"
    save(figure, path)
    out(f"figure: {path}")

"""`probe`: what is asked of trained networks of text, beside how well they do."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rnnctl.cli.options import (
    JsonOption,
    WorkspaceOption,
    lost,
    newest_state,
    opened,
    runs_named,
    whole_numbers,
    without_weights,
)
from rnnctl.cli.output import FAILURE, NOTHING, UserError, counted, number, out, out_json, say, table
from rnnctl.lab.figures import safe_name, save

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from rnnctl.probes.ablation import Ablation, Measured, States
    from rnnctl.study.run import RunSpec
    from store import Store
    from store.queries import RunRow

    # A run, its spec, its best weights and the update that they are of.
    Trained = tuple[RunRow, RunSpec, torch.Tensor, int]


class Probes(TyperGroup):
    """Hands a --workspace that stands before RUN on to the probe, where its own comes later and wins."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        super().parse_args(ctx, args)
        if ctx.params["workspace"] is not None:
            ctx.args = ["--workspace", str(ctx.params["workspace"]), *ctx.args]
        return ctx.args


app = typer.Typer(
    cls=Probes, rich_markup_mode=None, pretty_exceptions_enable=False, subcommand_metavar="PROBE [OPTIONS]"
)

SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Decides all that is drawn.")]


@app.callback(invoke_without_command=True)
def probe(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="RUN|STUDY", help="A run, or all runs of a study.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Ask trained networks of text how they use their state, or let one write.

    A run's best weights are asked, those of its lowest validation loss. rnnctl probe RUN PROBE --help tells more.
    """
    if context.invoked_subcommand is None:
        raise UserError(f"name a probe: {', '.join(context.command.commands)}")
    context.obj = what


@app.command()
def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What the text begins with.")] = "",
    symbols: Annotated[int, typer.Option("--symbols", min=1, help="How many are added.")] = 400,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Divides the outputs before softmax; 0: the most probable symbol.")
    ] = 1.0,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a text: the prompt, and what one run makes of it, symbol by symbol; the same again for the same seed.

    Without a prompt it begins with a symbol drawn by its frequency. Bytes that are no UTF-8 are shown replaced.
    """
    from rnnctl.words import one_line

    if not (math.isfinite(temperature) and temperature >= 0):
        raise UserError(f"--temperature {temperature:g}: a finite number, 0 or more")
    with opened(workspace, readonly=True) as store:
        rows, _ = runs_named(store, context.obj)
        if len(rows) > 1:
            names = ", ".join(row.label for row in rows[:6])
            raise UserError(f"{context.obj} has {len(rows)} runs, and one writes: {names}{', ...' * (len(rows) > 6)}")
        ((row, spec, weights, step),) = _trained(store, context.obj, rows)
        from rnnctl.probes.generation import generated

        try:
            text = generated(spec, weights, prompt, symbols, temperature, seed).decode("utf-8", "replace")
        except ValueError as error:
            raise UserError(one_line(f"--prompt: {error}")) from error
        except FloatingPointError as error:
            raise UserError(f"{row.label}: {error}", FAILURE) from error
    if as_json:
        asked = {"prompt": prompt, "symbols": symbols, "temperature": temperature, "seed": seed}
        out_json({"study": row.study, "label": row.label, "run_id": row.run_id, "step": step, **asked, "text": text})
    else:
        out(text)


@app.command("state-ablation")
def state_ablation(
    context: typer.Context,
    samples: Annotated[int, typer.Option("--samples", min=2, help="Windows: up to 1,000, or a multiple of it.")] = 1000,
    contexts: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="K,K,...",
            help="Symbols that the state is made of. Default: 0 and the powers of two that fit the window.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="test, validation or train.")] = "test",
    seed: SeedOption = 1,
    as_json: JsonOption = False,
    figures: Annotated[bool, typer.Option(help="Draw loss against context into the figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Show whether runs use their memory: the loss with the state as trained, zeroed, or shuffled among sequences.

    And how far back: the loss where the state was made of the last K symbols before the present one alone, on the same
    targets for every K. Costs are nats more than as trained; after ± stands the standard error over windows. The
    context that is used is the least K that costs less than 0.01 nats. That zeroing costs something is not yet memory:
    zeros are a state that a run hardly ever met. That shuffling does, is.
    """
    from rnnctl.corpora.splits import SPLITS
    from rnnctl.probes.lengths import chunk_of
    from rnnctl.words import nearest

    if split not in SPLITS:
        near = nearest(split, SPLITS)
        raise UserError(f"--split {split}: {', '.join(SPLITS)}" + (f"; did you mean {near}?" if near else ""))
    try:
        chunk_of(samples)
    except ValueError as error:
        raise UserError(f"--samples: {error}") from error
    wanted = None if contexts is None else sorted(whole_numbers("--context", contexts, 0, "0,1,2,4,8"))
    with opened(workspace, readonly=True) as store:
        rows, _ = runs_named(store, context.obj)
        _refuse_beyond_window(rows, wanted)
        asked = list(_asked(store, context.obj, rows, wanted, samples, seed, split))
        if as_json:
            out_json([_as_json(row, step, found) for row, step, found in asked])
            return
        _print(asked)
        if figures:
            _draw(store, context.obj, asked)


def _trained(store: Store, what: str, rows: Sequence[RunRow]) -> Iterator[Trained]:
    """The best weights of those runs that have some and are of task text; those left out are counted.

    Raises UserError where there is none, and for a run whose corpus is not as it was.
    """
    of_text = [row for row in rows if row.spec["task"]["name"] == "text"]
    if not of_text:
        tasks = ", ".join(dict.fromkeys(row.spec["task"]["name"] for row in rows))
        raise UserError(f"{what}: its task is {tasks}, and this probe is for runs of task text")
    import torch

    from rnnctl.study.run import RunSpec
    from rnnctl.training.member import network_of

    torch.set_num_threads(1)  # products this small only wait for each other
    found, diverged = 0, 0
    for row in of_text:
        if lost(row):
            diverged += 1
            continue
        state = newest_state(store, row)
        if state is None or row.summary.get("best_loss") is None:
            continue
        found += 1
        spec = RunSpec.model_validate(row.spec)
        try:
            network_of(spec.model, spec.task.make())  # reads the text
        except ValueError as error:
            raise UserError(f"{row.label}: {error}", FAILURE) from error
        yield row, spec, state["best_weights"], state["best"]["step"]
    if not found:
        raise UserError(without_weights(what, of_text), NOTHING)
    for n, why in (
        (len(rows) - len(of_text), "of other tasks than text"),
        (diverged, "that diverged without a loss"),
        (len(of_text) - diverged - found, "without a checkpoint"),
    ):
        if n:
            say(f"{counted(n, 'run')} {why} left out")


# --- state-ablation --------------------------------------------------------------------------------------------------


def _refuse_beyond_window(rows: Sequence[RunRow], contexts: Sequence[int] | None) -> None:
    for row in rows:
        window = row.spec["task"].get("window")
        if contexts and window and contexts[-1] >= window:
            raise UserError(
                f"--context {contexts[-1]}: {row.label} has windows of {window:,} symbols, and so contexts up to "
                f"{window - 1:,}"
            )


def _asked(
    store: Store, what: str, rows: Sequence[RunRow], contexts: list[int] | None, samples: int, seed: int, split: str
) -> Iterator[tuple[RunRow, int, Ablation]]:
    from rnnctl.probes.ablation import ablation, usual_contexts

    for row, spec, weights, step in _trained(store, what, rows):
        own = usual_contexts(spec.task.window) if contexts is None else contexts
        found = ablation(spec, weights, own, samples, seed, split)
        states = found.everywhere
        if len(rows) > 1:
            nats = f"{number(states.carried.nats)} nats as trained, {number(states.zeroed.nats)} zeroed"
            say(f"{row.label}: {nats}, context that is used: {_used(found)}")
        yield row, step, found


def _as_json(row: RunRow, step: int, found: Ablation) -> dict[str, Any]:
    """The contexts as a list, in their order."""
    contexts = [{"context": context, **asdict(measured)} for context, measured in found.contexts.items()]
    who = {"study": row.study, "label": row.label, "run_id": row.run_id, "step": step}
    return {**who, **asdict(found), "contexts": contexts, "context_used": found.context_used}


def _print(asked: Sequence[tuple[RunRow, int, Ablation]]) -> None:
    """A table for each measure of the states, and two of the contexts, losses and costs; a row a run in each."""
    from rnnctl.probes.ablation import ENOUGH, TARGETS, WAYS

    first = asked[0][2]
    out(f"{first.samples:,} windows of the {first.split} split, every target of theirs")
    for measure, unit, factor in (
        ("nats", "nats", 1),
        ("bits_per_byte", "bits per byte", 1),
        ("error", "error %", 100),
    ):
        out()
        columns = ["label", "best weights of", *(f"{unit} {name}" for name in WAYS.values()), "bigram", "unigram"]
        lines = [[row.label, f"{step:,}", *_line(found.everywhere, measure, factor)] for row, step, found in asked]
        if measure == "nats":
            columns += ["zeroing costs", "shuffling costs"]
            for line, (*_, found) in zip(lines, asked, strict=True):
                line += [_cost(found.everywhere.zeroed), _cost(found.everywhere.shuffled)]
        out(table(columns, lines))
    out()
    out(f"nats by symbols of context before the present one, at up to {TARGETS} late targets of each window")
    out()
    contexts = sorted({context for *_, found in asked for context in found.contexts})
    lines = [
        [
            row.label,
            *(_cell(found.contexts[k], "nats") if k in found.contexts else "-" for k in contexts),
            _cell(found.late.carried, "nats"),
            *(number(floor.nats) for floor in (found.late.bigram, found.late.unigram)),
        ]
        for row, _, found in asked
    ]
    out(table(["label", *map(str, contexts), WAYS["carried"], "bigram", "unigram"], lines))
    out()
    out(f"what each context costs, nats; used is the least that costs less than {ENOUGH:g}")
    out()
    lines = [
        [row.label, *(_cost(found.contexts[k]) if k in found.contexts else "-" for k in contexts), _used(found)]
        for row, _, found in asked
    ]
    out(table(["label", *map(str, contexts), "context that is used"], lines))


def _line(states: States, measure: str, factor: int = 1) -> list[str]:
    """A measure in every state, and of the floors on the same targets."""
    from rnnctl.probes.ablation import WAYS

    floors = (getattr(floor, measure) for floor in (states.bigram, states.unigram))
    ways = (_cell(getattr(states, way), measure, factor) for way in WAYS)
    return [*ways, *(number(factor * floor) for floor in floors)]


def _cell(measured: Measured, measure: str, factor: int = 1) -> str:
    value, error = (factor * getattr(measured, name) for name in (measure, f"{measure}_se"))
    return f"{number(value)} ± {number(error, 2)}"


def _cost(measured: Measured) -> str:
    """To four places: less tells nothing of use, and costs are compared with ENOUGH at a glance."""
    return f"{measured.cost:z.4f} ± {measured.cost_se:.4f}"


def _used(found: Ablation) -> str:
    return f"more than {max(found.contexts)}" if found.context_used is None else str(found.context_used)


def _draw(store: Store, what: str, asked: Sequence[tuple[RunRow, int, Ablation]]) -> None:
    from rnnctl.report.ablation import context_figure
    from rnnctl.report.results import Result

    figure = context_figure([(Result.of(row), found) for row, _, found in asked], f"{what}: loss by context")
    path = store.workspace.figures / f"{safe_name(what)}-state-ablation.png"
    save(figure, path)
    out(f"figure: {path}")

"""Options that several commands share, and how a command comes to its workspace."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.output import NOTHING, UserError, counted, say
from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store import Store
    from store.queries import RunRow

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        envvar="RNNCTL_WORKSPACE",
        help="The workspace folder. Default: the nearest one, from here upwards.",
        show_default=False,
    ),
]
StudyArgument = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="A registered study; all, if left out.", show_default=False)
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="KEY=VALUE", help="Only such runs: train.lr=0.01, lr=0.01, ended=solved. Repeatable."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="S,S,...", help="Seeds instead of the study's.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def lost(row: RunRow) -> bool:
    """Whether a run diverged before it had a loss: training it again gives it no best weights either."""
    return row.outcome == "diverged" and row.summary.get("best_loss") is None


def without_weights(what: str, rows: Sequence[RunRow]) -> str:
    """Why no run of these has best weights, in a line."""
    if not all(map(lost, rows)):
        return f"{what}: no run has a checkpoint yet; see rnnctl train"
    which = "the run" if len(rows) == 1 else f"each of {counted(len(rows), 'run')}"
    return f"{what}: {which} diverged before it had a loss: there are no best weights"


def whole_numbers(option: str, text: str, least: int, example: str, most: int | None = None) -> tuple[int, ...]:
    """What an option lists, without repeats. Raises UserError."""
    parts = [part.strip() for part in text.split(",")]
    if all(part.isascii() and part.isdecimal() and least <= int(part) <= (most or int(part)) for part in parts):
        return tuple(dict.fromkeys(map(int, parts)))
    up_to = "" if most is None else f" to {most:,}"
    raise UserError(f"{option} {text}: whole numbers from {least}{up_to}, separated by commas, such as {example}")


def parsed_seeds(text: str | None) -> tuple[int, ...] | None:
    """What --seeds says; None where it says nothing. Raises UserError."""
    return None if text is None else whole_numbers("--seeds", text, 0, "1,2,3", most=2**63 - 1)


def check_measure(by: str) -> None:
    """Raise UserError if there is no such measure."""
    try:
        MEASURES.named(by)
    except ValueError as error:
        raise UserError(f"--by {by}: {error}") from None


def workspace_root(option: Path | None) -> Path:
    """The folder that a command works in. Raises NoWorkspace."""
    from store import Workspace

    return option if option is not None else Workspace.find(Path.cwd()).root


@contextmanager
def opened(option: Path | None, *, readonly: bool = False) -> Iterator[Store]:
    """The store of the workspace that a command works in."""
    from store import Store

    with Store.open(workspace_root(option), readonly=readonly) as store:
        yield store


def one_run(store: Store, name: str) -> str:
    """The id of the one run that a user's word stands for. Raises NotFound; UserError where it could be several."""
    from store import queries

    found = queries.resolve_runs(store, name)
    if len(found) > 1:
        rows = queries.runs_of(store, run_ids=found)
        names = ", ".join(f"{row.study}/{row.label} ({row.run_id})" for row in rows[:6])
        raise UserError(f"{name!r} could be {len(found)} runs: {names}{', ...' if len(found) > 6 else ''}", NOTHING)
    return found[0]


def runs_named(store: Store, word: str) -> tuple[list[RunRow], bool]:
    """The runs of the study that a user's word names, or the one run; and whether it is the study. A study goes first,
    and a run of that name is mentioned.

    Raises NotFound, and UserError if it could be several runs.
    """
    from store import NotFound, queries

    studies = [study.name for study in queries.studies(store)]
    if word in studies:
        with suppress(NotFound):
            namesakes = queries.runs_of(store, run_ids=queries.resolve_runs(store, word))
            names = [f"{row.study}/{row.label}" for row in namesakes if row.label == word]
            if names:
                say(f"note: {word!r} is taken for the study; the run of that label is {' or '.join(names)}")
        return queries.runs_of(store, word), True
    try:
        run_id = one_run(store, word)
    except NotFound as error:
        raise NotFound("study or run", word, [*studies, *error.known]) from None
    # A run can be in several studies: the one in which it is called so, or the first.
    named = [
        row for study in studies for row in queries.runs_of(store, study, run_ids=[run_id])
        if word in (row.label, f"{row.study}/{row.label}")
    ]  # fmt: skip
    return (named or queries.runs_of(store, run_ids=[run_id]))[:1], False


def newest_state(store: Store, row: RunRow) -> dict[str, Any] | None:
    """What the newest sound checkpoint of a run holds, None where there is none; what had to be passed over is told."""
    import torch

    from store import checkpoints

    found = checkpoints.newest_sound(store, row.run_id)
    for one in found.passed_over:
        say(f"note: {one.checkpoint.path} {one.reason}")
    if found.checkpoint is None:
        return None
    return torch.load(store.workspace.root / found.checkpoint.path, map_location="cpu", weights_only=True)


def selected(store: Store, study: str | None, where: list[str]) -> list[RunRow]:
    """The runs of a study, or all, that meet these conditions. Raises NotFound and UserError; where there is none, it
    says so and leaves the command.
    """
    from store import queries

    if study is not None:
        study = queries.resolve_study(store, study)
    rows = queries.runs_of(store, study)
    if where and rows:
        rows = _matching(rows, where)
    if not rows:
        say("no run matches" if where else "no run is registered")
        raise typer.Exit(NOTHING)
    return rows


def refuse_infinite(below: float | None) -> None:
    """UserError for a threshold that is no finite number."""
    if below is not None and not math.isfinite(below):
        raise UserError(f"--below {below}: a threshold is a finite number, such as 1.386")


def _matching(rows: list[RunRow], where: list[str]) -> list[RunRow]:
    from rnnctl.report.leaderboard import result
    from rnnctl.report.parameters import complete_key, equal, parameters, parse_condition

    try:
        conditions = [parse_condition(text) for text in where]
        # A figure of the result goes before a hyper-parameter of the same name; seeds are both.
        flat = [{**parameters(row.spec), **result(row)} for row in rows]
        known = list(dict.fromkeys(key for one in flat for key in one))
        conditions = [(complete_key(key, known), value) for key, value in conditions]
    except ValueError as error:
        raise UserError(f"--where: {error}") from None
    matching = [all(equal(one.get(key), value) for key, value in conditions) for one in flat]
    return [row for row, matches in zip(rows, matching, strict=True) if matches]

"""`train`: start workers and show what they do; and `worker`, the process that it starts."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import WorkspaceOption, a_duration, device_option
from rnnctl.cli.output import FAILURE, INTERRUPTED, NOTHING, OK, SOME_FAILED, UserError, duration, say
from rnnctl.lab.errors import LabError
from rnnctl.lab.worker_options import LONGEST_LEASE, WorkerOptions
from rnnctl.words import counted, some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobs.events import Emit
    from jobs.worker import Worker
    from rnnctl.lab.train import TrainEnd

NOT_BY_HAND = "workers are not started by hand: rnnctl train starts them"

DeviceOption = Annotated[
    str,
    device_option(
        "Where to train: auto (all GPUs, or the CPU if there is none), cpu, cuda (all GPUs), or cards such as "
        "cuda:0 or cuda:0,cuda:1. Workers are spread over the cards, and may share one.",
        several=True,
    ),
]
SecondsOption = Annotated[
    float, typer.Option("--checkpoint-seconds", min=0.0, help="Save every run about this often, in seconds.")
]
UpdatesOption = Annotated[
    int | None,
    typer.Option("--checkpoint-updates", min=1, help="Also save each run every so many updates.", show_default=False),
]
LeaseOption = Annotated[
    float,
    typer.Option(
        "--lease",
        min=1.0,
        max=LONGEST_LEASE,
        help="Seconds that a claim holds without a sign of life. Beats come six times as often.",
    ),
]
PackOption = Annotated[
    int | None,
    typer.Option(
        "--pack",
        min=1,
        help="Train at most this number of runs together. Default: by the size of the network.",
        show_default=False,
    ),
]


BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget",
        parser=a_duration,
        metavar="TIME",
        help="Stop after this time, such as 90s, 30m or 2h, as after one Ctrl-C.",
        show_default=False,
    ),
]


def train(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY|RUN...", help="Train only runs of these studies, and these runs.", show_default=False
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-n", min=1, max=256, help="Processes that train at once.")] = 1,
    device: DeviceOption = WorkerOptions.device,
    checkpoint_seconds: SecondsOption = WorkerOptions.checkpoint_seconds,
    checkpoint_updates: UpdatesOption = WorkerOptions.checkpoint_updates,
    pack: PackOption = WorkerOptions.pack,
    lease: LeaseOption = WorkerOptions.lease,
    budget: BudgetOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Train all queued runs, or those that are named, with a pool of worker processes. Run it again, or in a second
    terminal, to go on.

    Ctrl-C once: every run is saved at its next update and the workers leave. Twice: they leave at once, and the next
    `train` goes on from the last checkpoints; the bits are the same either way.
    """
    from rnnctl.cli.progress import Progress
    from rnnctl.lab.train import queued, wanted_runs
    from rnnctl.lab.train import train as train_queued_runs
    from rnnctl.lab.workspaces import root_of

    root = root_of(workspace).absolute()
    wanted = wanted_runs(root, what or [])
    options = WorkerOptions(
        root,
        device,
        checkpoint_seconds,
        checkpoint_updates,
        lease,
        pack,
        peers=workers,
        studies=wanted.studies,
        runs=wanted.runs,
    )
    with Progress(lambda held: queued(root, wanted, held)) as progress:
        end = train_queued_runs(options, progress.take, seconds=budget)
    raise typer.Exit(_summary(end, budget) if end.started else _nothing_to_do(end, what or []))


def _nothing_to_do(end: TrainEnd, names: Sequence[str]) -> int:
    if not end.statuses:
        from rnnctl.lab.workspaces import in_archive

        archived = in_archive(end.archived, "rnnctl status --all") if end.archived else ""
        say(f"nothing to do: {archived or 'no run is registered; see rnnctl init --help'}")
        return NOTHING
    of = f" of {some(names)}" if names else ""
    say(f"nothing to do{of}: {_in_words(end.statuses)}")
    if end.statuses.keys() & {"failed", "quarantined"}:
        say("see rnnctl status; rnnctl retry --failed puts them back")
    return NOTHING


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


def _summary(end: TrainEnd, budget: float | None) -> int:
    for error in end.errors:
        say(f"rnnctl: {error}")
    if end.runs:
        say(f"{counted(len(end.runs), 'run')}: {_in_words(Counter(end.runs.values()))}")
    if end.failed:
        say(f"{counted(end.failed, 'run')} failed: rnnctl status names them, rnnctl show RUN says why")
    if end.out_of_time:
        say(f"the time is over ({duration(budget)}); rnnctl train goes on from here")
        return INTERRUPTED
    if end.drained:
        say("interrupted; rnnctl train goes on from here")
        return INTERRUPTED
    if end.runs and not end.failed and not end.errors:
        say("next: rnnctl examine")
    return FAILURE if end.errors else SOME_FAILED if end.failed else OK


def worker(
    options: Annotated[str | None, typer.Argument(metavar="OPTIONS", help="A JSON object.", show_default=False)] = None,
) -> None:
    """Run a worker process of `train`, which takes orders on stdin and writes events to stdout."""
    if options is None:
        raise UserError(f"OPTIONS are missing; {NOT_BY_HAND}")
    try:
        parsed = WorkerOptions.from_json(options)
    except LabError as error:
        dashes = "" if error.argument is None else "--"
        raise UserError(f"{dashes}{error}; {NOT_BY_HAND}") from None
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError(f"a worker takes orders from a pipe on stdin; {NOT_BY_HAND}")
    # What training needs stays to the end: there is no garbage to be looked for while it loads, or in it afterwards.
    gc.disable()
    from jobs.child import leave, serve

    def build(emit: Emit, stop: threading.Event) -> Worker:
        from rnnctl.lab.work import build_worker

        built = build_worker(parsed, emit, stop)
        gc.freeze()
        gc.enable()
        return built

    leave(serve(build))

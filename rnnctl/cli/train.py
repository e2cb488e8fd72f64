"""`train`: start workers and show what they do; and `worker`, the process that it starts."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import AllowCodeOption, WorkspaceOption, a_duration, device_option
from rnnctl.cli.output import FAILURE, INTERRUPTED, NOTHING, OK, SOME_FAILED, UserError, say
from rnnctl.lab.errors import LabError
from rnnctl.lab.worker_options import LONGEST_LEASE, MOST_CPUS, MOST_SLOTS, PRIORITIES, WorkerOptions
from rnnctl.usercode.permission import allow_code as code_allowed
from rnnctl.words import counted, duration, some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobs.events import Emit
    from jobs.worker import Worker
    from rnnctl.cluster.options import ClusterOptions
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
        help="Stop after this time, such as 90s, 30m or 2h, as after one Ctrl-C. At least one update is made.",
        show_default=False,
    ),
]

PriorityOption = Annotated[
    int | None,
    typer.Option(
        "--priority",
        min=-PRIORITIES,
        max=PRIORITIES,
        metavar="N",
        help="Give these runs a priority: among all queued runs, those of a higher one are trained first. Kept until "
        "it is given anew; a run without one has 0.",
        show_default=False,
    ),
]


RayOption = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Train on a Ray cluster: HOST:PORT of its head, auto for the one that runs on this machine, or local to "
        "start one here. Needs the extra ray.",
        show_default=False,
    ),
]
SlotsOption = Annotated[
    int | None,
    typer.Option(
        "--slots", min=1, max=MOST_SLOTS, help="With --ray: workers in the whole cluster.", show_default=False
    ),
]
CpusOption = Annotated[
    float | None,
    typer.Option(
        "--cpus-per-slot",
        min=0.0,
        max=MOST_CPUS,
        help="With --ray: CPUs that a worker asks for. [default: 1]",
        show_default=False,
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-slot",
        min=0.0,
        max=1.0,
        help="With --ray: GPUs that a worker asks for; below 1, several workers share one. "
        "[default: 0, or 1 with --device cuda]",
        show_default=False,
    ),
]
MixedOption = Annotated[
    bool, typer.Option("--mixed", help="With --ray: use nodes too whose bits would differ. Resumptions are marked.")
]
SharedOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints-folder",
        metavar="FOLDER",
        help="With --ray: a folder that all machines reach by this path. Large checkpoints go through it, not through "
        "Ray.",
        show_default=False,
    ),
]


def train(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY|RUN", help="Train only runs of these studies, and these runs.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-n", min=1, max=256, help="Processes that train at once. [default: 1]", show_default=False
        ),
    ] = None,
    device: DeviceOption = WorkerOptions.device,
    checkpoint_seconds: SecondsOption = WorkerOptions.checkpoint_seconds,
    checkpoint_updates: UpdatesOption = WorkerOptions.checkpoint_updates,
    pack: PackOption = WorkerOptions.pack,
    lease: LeaseOption = WorkerOptions.lease,
    budget: BudgetOption = None,
    priority: PriorityOption = None,
    ray: RayOption = None,
    slots: SlotsOption = None,
    cpus_per_slot: CpusOption = None,
    gpus_per_slot: GpusOption = None,
    mixed: MixedOption = False,
    checkpoints_folder: SharedOption = None,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Train all queued runs, or those that are named, with a pool of worker processes. Run it again, or in a second
    terminal, to go on.

    Ctrl-C once: every run is saved at its next update and the workers leave. Twice: they leave at once, and the next
    `train` goes on from the last checkpoints; the bits are the same either way.
    """
    from rnnctl.cli.progress import Progress
    from rnnctl.lab.train import prioritize, queued, wanted_runs
    from rnnctl.lab.train import train as train_queued_runs
    from rnnctl.lab.workspaces import root_of

    cluster = _cluster(ray, workers, slots, cpus_per_slot, gpus_per_slot, mixed, device, checkpoints_folder)
    root = root_of(workspace).absolute()
    wanted = wanted_runs(root, what or [])
    options = WorkerOptions(
        root,
        device,
        checkpoint_seconds,
        checkpoint_updates,
        lease,
        pack,
        peers=cluster.slots if cluster is not None else workers or 1,
        studies=wanted.studies,
        runs=wanted.runs,
    )
    if priority is not None:
        say(f"priority {priority} for {counted(prioritize(root, wanted, priority), 'run')} to be trained")
    launch = None if cluster is None else cluster.launch(options)
    with Progress(lambda held: queued(root, wanted, held), here=cluster is None) as progress:
        end = train_queued_runs(options, progress.take, seconds=budget, launch=launch)
    code = _summary(end, budget) if end.started else _nothing_to_do(end, what or [])
    for study, runs in end.stranded.items():
        line = f"{study} is archived, and {counted(runs, 'run')} of it that had begun will not go on"
        say(f"note: {line}; rnnctl archive {study} --undo takes it out")
    raise typer.Exit(code)


def _cluster(
    ray: str | None,
    workers: int | None,
    slots: int | None,
    cpus_per_slot: float | None,
    gpus_per_slot: float | None,
    mixed: bool,
    device: str,
    shared: Path | None = None,
) -> ClusterOptions | None:
    """Return what is asked of a cluster, None without --ray. Raise LabError for options that exclude each other."""
    if not mixed and all(value is None for value in (ray, slots, cpus_per_slot, gpus_per_slot, shared)):
        return None
    from rnnctl.cluster.options import cluster_options

    return cluster_options(
        lambda name: f"--{name.replace('_', '-')}",
        ray=ray,
        slots=slots,
        cpus_per_slot=cpus_per_slot,
        gpus_per_slot=gpus_per_slot,
        mixed=mixed,
        checkpoints_folder=shared,
        workers=workers,
        device=device,
    )


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
        left = ""
        if end.left is not None:
            left = f", with {counted(end.left.runs, 'run')} and {end.left.updates:,} updates left at most"
        say(f"the time is over ({duration(budget)}){left}; rnnctl train goes on from here")
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
    from jobs.child import leave, serve

    def build(emit: Emit, stop: threading.Event) -> Worker:
        from rnnctl.lab.work import build_worker

        return build_worker(parsed, emit, stop)

    from rnnctl.lab.usercode import code_of

    with code_allowed(parsed.allow_code), code_of(parsed.workspace):
        leave(serve(build))

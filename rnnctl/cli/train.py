"""`train`: start workers, show what they do, drain on Ctrl-C; and `worker`, the process that it starts."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import WorkspaceOption, workspace_root
from rnnctl.cli.output import FAILURE, INTERRUPTED, NOTHING, OK, SOME_FAILED, UserError, counted, say

if TYPE_CHECKING:
    from jobs.config import Settings
    from rnnctl.cli.progress import Progress
    from store import Store


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


DeviceOption = Annotated[Device, typer.Option("--device", help="Where to train; several workers may share one GPU.")]
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
        max=86_400.0,
        help="Seconds that a claim holds without a sign of life. Beats come six times as often.",
    ),
]
PackOption = Annotated[
    int | None,
    typer.Option("--pack", min=1, help="Train at most so many runs together. Default: by shape.", show_default=False),
]


def _settings(lease: float) -> Settings:
    from jobs.config import Settings

    try:
        return Settings(lease=lease, beat=lease / 6)
    except ValueError as error:
        raise UserError(f"--lease: {error}") from None


def train(
    workers: Annotated[int, typer.Option("--workers", "-n", min=1, max=256, help="Processes that train at once.")] = 1,
    device: DeviceOption = Device.auto,
    checkpoint_seconds: SecondsOption = 20.0,
    checkpoint_updates: UpdatesOption = None,
    pack: PackOption = None,
    lease: LeaseOption = 60.0,
    workspace: WorkspaceOption = None,
) -> None:
    """Train all queued runs with a pool of worker processes; run it again, or in a second terminal, to go on.

    Ctrl-C once: every run is saved at its next update and the workers leave. Twice: they leave at once, and the next
    `train` goes on from the last checkpoints; the bits are the same either way.
    """
    from jobs.launcher import LocalLauncher
    from jobs.ledger import StoreLedger
    from jobs.pool import Pool, signals_to
    from rnnctl.cli.progress import Progress
    from rnnctl.determinism import BIT_VARIABLES
    from store import Store
    from store.errors import translated

    root = workspace_root(workspace).absolute()
    settings = _settings(lease)
    if device is Device.cuda:
        _require_cuda()
    with Store.open(root) as store:
        if not _work_is_left(store):
            raise typer.Exit(_nothing_to_do(store))
        with translated(store.workspace.logs):  # a workspace that cannot be written is told here, not by every worker
            store.workspace.logs.mkdir(exist_ok=True)
        options = {"device": device, "checkpoint-seconds": checkpoint_seconds, "lease": lease, "peers": workers}
        options |= {"checkpoint-updates": checkpoint_updates, "pack": pack}
        # -P: a store.py or yaml.py in the user's folder must not be taken for ours.
        command = [sys.executable, "-P", "-m", "rnnctl", "worker", "--workspace", str(root)]
        command += [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]
        with Progress(store) as progress:
            logs = store.workspace.logs
            launcher = LocalLauncher(command, BIT_VARIABLES, logs)
            pool = Pool(launcher, StoreLedger(root), workers, progress.take, settings, logs / "events.jsonl")
            with signals_to(pool):
                end = pool.run()
        for error in end.errors:
            say(f"rnnctl: {error}")
        raise typer.Exit(_summary(store, progress, end.drained or end.killed or progress.drained, bool(end.errors)))


def _require_cuda() -> None:
    from rnnctl.determinism import resolve_device

    try:
        resolve_device("cuda")
    except ValueError as error:
        raise UserError(str(error)) from None


def _work_is_left(store: Store) -> bool:
    from store import queries

    counts = queries.counts(store)
    return counts["queued"] + counts["running"] > 0


def _nothing_to_do(store: Store) -> int:
    from store import queries

    counts = {status: n for status, n in queries.counts(store).items() if n}
    if not counts:
        say("nothing to do: no run is registered; see rnnctl init --help")
        return NOTHING
    say(f"nothing to do: {_in_words(counts)}")
    if counts.get("failed") or counts.get("quarantined"):
        say("see rnnctl status; rnnctl retry --failed puts them back")
    return NOTHING


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {status}" for status, n in counts.items())


def _summary(store: Store, progress: Progress, drained: bool, errors: bool) -> int:
    from store import queries

    rows = queries.runs_of(store, run_ids=progress.seen)
    ends: dict[str, int] = {}
    for row in rows:
        end = row.outcome or row.status
        ends[end] = ends.get(end, 0) + 1
    if rows:
        say(f"{counted(len(rows), 'run')}: {_in_words(ends)}")
    failed = ends.get("failed", 0) + ends.get("quarantined", 0)
    if failed:
        say(f"{counted(failed, 'run')} failed: rnnctl status names them, rnnctl show RUN says why")
    if drained:
        say("interrupted; rnnctl train goes on from here")
        return INTERRUPTED
    if rows and not failed and not errors:
        say("next: rnnctl examine")
    return FAILURE if errors else SOME_FAILED if failed else OK


def worker(
    workspace: Annotated[Path, typer.Option("--workspace")],
    device: DeviceOption = Device.auto,
    checkpoint_seconds: SecondsOption = 20.0,
    checkpoint_updates: UpdatesOption = None,
    pack: PackOption = None,
    lease: LeaseOption = 60.0,
    peers: Annotated[int, typer.Option("--peers", min=1, help="Workers started together, this one included.")] = 1,
) -> None:
    """One worker process of `train`: takes orders on stdin, tells events on stdout."""
    from jobs.child import serve

    def build(emit, stop):
        from rnnctl.execute import build_worker
        from rnnctl.training.loop import Cadence

        return build_worker(
            emit,
            stop,
            workspace=workspace,
            device=device.value,
            cadence=Cadence(checkpoint_seconds, checkpoint_updates),
            settings=_settings(lease),
            peers=peers,
            pack=pack,
        )

    raise typer.Exit(serve(build))

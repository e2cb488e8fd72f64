"""Training of queued runs from Python, by the same workers as `rnnctl train` starts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from rnnctl.api.border import named_errors, tell
from rnnctl.api.notebook import view_here
from rnnctl.errors import Failed, InvalidArgument
from rnnctl.lab.worker_options import WorkerOptions
from rnnctl.words import counted, did_you_mean

if TYPE_CHECKING:
    from rnnctl.lab.train import TrainEnd


class Workers(TypedDict, total=False):
    """How workers train: what the options of `rnnctl train` say.

    device: auto, cpu, cuda, or cards such as cuda:0,cuda:1. checkpoint_seconds, checkpoint_updates: how often each run
    is saved. pack: the most runs that are trained together. lease: seconds that a claim holds without a sign of life.
    ray: the cluster that trains, HOST:PORT of its head, auto for the one that runs on this machine, or local to start
    one here. slots: its workers, in place of `workers`. cpus_per_slot, gpus_per_slot: what each of them asks for.
    mixed: whether nodes are used too whose bits would differ. checkpoints_folder: one that all nodes reach.
    """

    device: str
    checkpoint_seconds: float
    checkpoint_updates: int | None
    pack: int | None
    lease: float
    ray: str | None
    slots: int | None
    cpus_per_slot: float | None
    gpus_per_slot: float | None
    mixed: bool
    checkpoints_folder: str | Path | None


ON_A_CLUSTER = ("ray", "slots", "cpus_per_slot", "gpus_per_slot", "mixed", "checkpoints_folder")


def train_queued(
    folder: Path,
    names: Sequence[str],
    workers: int,
    seconds: float | None,
    progress: bool,
    priority: int | None,
    **options: Unpack[Workers],
) -> TrainEnd:
    """Train the queued runs of studies and runs, of all if there is no name, and return how that ended.

    The workers are processes with a main module of their own, on this machine or, with the option `ray`, on those of a
    cluster: a script needs no guard. seconds: the time after which they save and leave. progress: whether to show bars,
    in a notebook or on a terminal, or lines elsewhere. priority: of these runs from now on; among all
    queued runs, those of a higher one are trained first.

    Raise KeyboardInterrupt after Ctrl-C, once every run is saved, Failed if workers could not work, NotFound for an
    unknown name, and InvalidArgument.
    """
    from rnnctl.cli.progress import Progress
    from rnnctl.lab.train import prioritize, queued, train, wanted_runs

    for name in options:
        if name not in Workers.__annotations__:
            allowed = [*Workers.__annotations__]
            hint = did_you_mean(name, ["workers", "seconds", "progress", "priority", *allowed])
            raise InvalidArgument(f"there is no option {name!r} of training; allowed: {', '.join(allowed)}{hint}")
    of_a_cluster: dict[str, Any] = {name: value for name, value in options.items() if name in ON_A_CLUSTER}
    of_workers: dict[str, Any] = {name: value for name, value in options.items() if name not in of_a_cluster}
    with named_errors(), ExitStack() as stack:
        cluster = None
        if of_a_cluster:
            from rnnctl.cluster.options import cluster_options

            device = of_workers.get("device", WorkerOptions.device)
            cluster = cluster_options(str, **of_a_cluster, workers=None if workers == 1 else workers, device=device)
        wanted = wanted_runs(folder, names)
        peers = workers if cluster is None else cluster.slots
        settings = WorkerOptions(folder.absolute(), peers=peers, studies=wanted.studies, runs=wanted.runs, **of_workers)
        launch = None if cluster is None else cluster.launch(settings)
        if priority is not None:
            prioritize(folder, wanted, priority)
        if progress:
            shown = stack.enter_context(
                Progress(lambda held: queued(folder, wanted, held), view_here(), here=cluster is None)
            )
            end = train(settings, shown.take, seconds=seconds, launch=launch)
        else:
            end = train(settings, seconds=seconds, launch=launch)
    if end.interrupted:
        raise KeyboardInterrupt
    if end.errors:
        raise Failed(end.errors[0])
    if end.failed:
        tell([f"{counted(end.failed, 'run')} failed; `error` of a run says why"])
    return end

"""`retry`, `cancel`, `doctor` and `backup`: keeping a workspace in order."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import JsonOption, WorkspaceOption, YesOption, opened
from rnnctl.cli.output import FAILURE, NOTHING, UserError, counted, out, out_json, say, table

if TYPE_CHECKING:
    from store import Store

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Run ids or their beginnings, labels, or STUDY/LABEL.", show_default=False),
]
StudyOption = Annotated[
    str | None, typer.Option("--study", metavar="STUDY", help="All runs of a study.", show_default=False)
]


def _chosen(store: Store, runs: list[str] | None, study: str | None) -> list[str]:
    """Run ids that a command is about, each once."""
    from rnnctl.lab.workspaces import one_run, study_named
    from store import queries

    ids = [one_run(store, name) for name in runs or []]
    if study is not None:
        ids += [row.run_id for row in queries.runs_of(store, study_named(store, study))]
    return list(dict.fromkeys(ids))


def retry(
    runs: Runs = None,
    study: StudyOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="All runs that failed or were quarantined.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Put runs that failed, were quarantined or cancelled back into the queue, to go on from their last checkpoint."""
    from store import queue

    if bool(runs or study) == failed:
        raise UserError("name the runs to retry, or a --study, or say --failed")
    with opened(workspace) as store:
        done = queue.retry(store, None if failed else _chosen(store, runs, study))
    if not done:
        say("nothing to retry: only failed, quarantined and cancelled runs can be")
        raise typer.Exit(NOTHING)
    say(f"{counted(len(done), 'run')} back in the queue; next: rnnctl train")


def cancel(
    runs: Runs = None, study: StudyOption = None, yes: YesOption = False, workspace: WorkspaceOption = None
) -> None:
    """Take runs out of the queue; those that are running stop at their worker's next beat. What they have is kept."""
    from store import queue

    if not runs and study is None:
        raise UserError("name the runs to cancel, or a --study")
    with opened(workspace) as store:
        ids = _chosen(store, runs, study)
        if not yes and not _confirmed(f"cancel {counted(len(ids), 'run')}?"):
            raise UserError("nothing cancelled", NOTHING)
        done = queue.cancel(store, ids, time.time())
    if not done:
        say("nothing to cancel: only queued and running runs can be")
        raise typer.Exit(NOTHING)
    say(f"{counted(len(done), 'run')} cancelled; rnnctl retry puts them back")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UserError(f"{question} Say --yes where nobody can answer")
    return typer.confirm(question, err=True)


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Remove files that nothing refers to. Asks first.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Check engine, journal, file system, database, checkpoint sums and versions; exit 1 if something is wrong."""
    from store import integrity

    with opened(workspace) as store:
        facts = _facts(store)
        wrong = [vars(found) for found in (*integrity.database_findings(store), *integrity.checkpoint_findings(store))]
        strays = [str(path) for path in integrity.orphans(store)]
        report = {"facts": facts, "wrong": wrong, "orphans": strays}
        if as_json:
            out_json(report)
        else:
            _print(report)
        if repair and strays and (yes or _confirmed(f"remove {counted(len(strays), 'file')}?")):
            removed = integrity.remove_orphans(store)
            say(f"{counted(len(removed), 'file')} removed")
    if wrong:
        raise typer.Exit(FAILURE)


def _facts(store: Store) -> dict[str, Any]:
    import numpy
    import torch

    from jobs.identity import alive, here
    from rnnctl import __version__
    from rnnctl.determinism import kernel_compiler
    from store import workers

    me = here()
    current = workers.current(store)
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "workspace": str(store.workspace.root),
        "file system": _file_system(store.workspace.root),
        **store.engine(),
        "rnnctl": __version__,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "kernels": kernel_compiler()
        or "none: without numba, training on the CPU goes through torch, several times slower",
        "gpu": ", ".join(gpus) or "none",
        "host": me.host,
        "workers": len(current),
        "dead workers": sum(alive(worker) is False for worker in current),
    }


def _file_system(root: Path) -> str:
    """Type of the file system that holds a path: locks on network file systems are not to be relied on."""
    import psutil

    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: -len(mount.mountpoint))
    resolved = root.resolve()
    kind = next((m.fstype for m in mounts if resolved.is_relative_to(m.mountpoint)), "unknown")
    network = {"nfs", "nfs4", "cifs", "smbfs", "sshfs", "fuse.sshfs", "9p", "lustre", "glusterfs"}
    return (
        f"{kind} (a network file system: its locks may fail; keep the workspace on a local disk)"
        if kind in network
        else kind
    )


def _print(report: dict[str, Any]) -> None:
    out(table(["", ""], [[key, str(value)] for key, value in report["facts"].items()]).split("\n", 2)[2])
    for found in report["wrong"]:
        out(f"wrong: {found['kind']} {found['subject']}: {found['text']}")
    for path in report["orphans"]:
        out(f"orphan: {path}")
    if report["orphans"]:
        out("orphans are left by killed attempts and do no harm; rnnctl doctor --repair removes them")
    if not report["wrong"]:
        out("database and checkpoints are whole")


def backup(
    destination: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the copy.")],
    checkpoints: Annotated[bool, typer.Option(help="Copy the checkpoints as well.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Copy the workspace, consistently even while training goes on, and verify the copy."""
    from store.backup import backup as copy

    with opened(workspace) as store:
        made = copy(store, destination, checkpoints)
    say(f"{made.workspace.root}: database and {counted(made.checkpoints, 'checkpoint')}, verified")
    for path in made.missing:
        say(f"note: {path} was replaced by a newer one while the copy was made")

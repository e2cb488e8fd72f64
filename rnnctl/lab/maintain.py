"""Keep a workspace in order: cancel and retry runs, look for damage, make backups."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.workspaces import one_run, study_named
from rnnctl.report.specs import read_spec
from rnnctl.words import shell_word
from store import Store, Workspace, queries, queue
from store.backup import backup as copy
from store.encoding import to_json
from store.errors import beside
from store.files import write_whole
from store.integrity import Finding

if TYPE_CHECKING:
    from rnnctl.devices import Card
    from store.registry import RunRecord

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smbfs", "sshfs", "fuse.sshfs", "9p", "lustre", "glusterfs"}


def chosen(store: Store, runs: Sequence[str] = (), study: str | None = None) -> list[str]:
    """Return the ids of these runs (see `one_run`) and of all runs of a study, each once. Raises LabError."""
    ids = [one_run(store, name) for name in runs]
    if study is not None:
        ids += [row.run_id for row in queries.runs_of(store, study_named(store, study))]
    return list(dict.fromkeys(ids))


def retry(store: Store, run_ids: Sequence[str] | None = None) -> list[str]:
    """Put runs that failed, were quarantined or cancelled back into the queue, and return their ids.

    run_ids: None for all that failed or were quarantined. Raises LabError if there is nothing to retry.
    """
    retried = queue.retry(store, run_ids)
    if not retried:
        raise LabError("nothing to retry: only failed, quarantined and cancelled runs can be", Code.NOTHING)
    return retried


def cancel(store: Store, run_ids: Sequence[str]) -> list[str]:
    """Take runs out of the queue, and return their ids. Running ones stop at the next beat of their worker.

    Raises LabError if there is nothing to cancel.
    """
    cancelled = queue.cancel(store, run_ids, time.time())
    if not cancelled:
        raise LabError("nothing to cancel: only queued and running runs can be", Code.NOTHING)
    return cancelled


@dataclass(frozen=True)
class Diagnosis:
    """The state of a workspace.

    wrong: what is damaged. orphans: checkpoint files that the database does not name. unknown: how many of them are of
    runs that it does not know.
    """

    facts: dict[str, Any]
    wrong: list[Finding]
    orphans: list[str]
    unknown: int

    @property
    def damaged(self) -> bool:
        """Whether something is wrong with the database."""
        return any(finding.kind == "database" for finding in self.wrong)


def diagnose(store: Store) -> Diagnosis:
    """Check the database and all checkpoints, and tell which versions of everything are in use. Loads torch."""
    from store import integrity

    wrong = integrity.database_findings(store, described)
    if wrong:  # what is in the database cannot be trusted
        return Diagnosis(_facts(store), wrong, [], 0)
    facts = _facts(store) | _workers(store)
    orphans = integrity.orphans(store)
    known = {row.run_id for row in queries.runs_of(store, run_ids={path.parent.name for path in orphans})}
    return Diagnosis(
        facts,
        integrity.checkpoint_findings(store),
        [str(path) for path in orphans],
        sum(path.parent.name not in known for path in orphans),
    )


def repair(store: Store) -> list[str]:
    """Set aside what is damaged in the database, and return in lines what was done and what is to be done next.

    Raises Corrupt, and changes nothing, if that is not enough.
    """
    from store import repair as repairing

    return repairing.repair(store, described, time.time())


def described(stored: dict[str, Any]) -> RunRecord | None:
    """Return the run that a stored spec describes, without a label; None if this version cannot read it."""
    from rnnctl.lab.register import run_record
    from rnnctl.report.specs import read_spec
    from rnnctl.study.errors import SpecError

    try:
        return run_record(read_spec(stored), label="")
    except (SpecError, KeyError):
        return None


@dataclass(frozen=True)
class SetAside:
    """Files that were moved into a folder."""

    folder: Path
    files: list[Path]


def set_orphans_aside(store: Store) -> SetAside:
    """Move the checkpoint files that the database does not name into a folder of their own. Raises StoreError."""
    from store import integrity

    return SetAside(store.workspace.set_aside, integrity.set_orphans_aside(store))


def _facts(store: Store) -> dict[str, Any]:
    import numpy
    import torch

    from jobs.identity import here
    from rnnctl import __version__
    from rnnctl.determinism import kernel_compiler
    from rnnctl.kernels.files import KernelFiles, places

    without_compiler = (
        "none: numba is not installed, or NUMBA_DISABLE_JIT is set; training on the CPU goes through torch, several "
        "times slower"
    )
    return {
        "workspace": str(store.workspace.root),
        "file system": _file_system(store.workspace.root),
        **store.engine(),
        "rnnctl": __version__,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "kernels": kernel_compiler() or without_compiler,
        **({"kernel cache": KernelFiles(places()).state()} if kernel_compiler() else {}),
        **_gpu_facts(),
        "host": here().host,
    }


def _workers(store: Store) -> dict[str, int]:
    from jobs.identity import alive
    from store import workers

    current = workers.current(store)
    return {"workers": len(current), "dead workers": sum(alive(worker) is False for worker in current)}


def _gpu_facts() -> dict[str, str]:
    """Return a fact for each GPU and one for the compiler of its kernels, or what a GPU would need."""
    from rnnctl import devices
    from rnnctl.training.packing import MOST_ON_CARD

    why = devices.absence()
    if why is not None:
        needed = ".".join(map(str, devices.LEAST_CAPABILITY))
        would = f"a card of compute capability {needed} or more would train up to {MOST_ON_CARD} runs at once"
        return {"gpu": f"none: {why}; {would}"}
    without_compiler = "none: without triton, training on a GPU goes through torch, several times slower"
    return {
        **{card.device: _in_words(card) for card in devices.cards()},
        "gpu kernels": devices.gpu_kernel_compiler() or without_compiler,
    }


def _in_words(card: Card) -> str:
    if card.trouble is not None:
        return f"{card.name}, not usable: {card.trouble}"
    memory, free = (f"{size / 2**30:.1f} GiB" for size in (card.memory_bytes, card.free_bytes))
    return f"{card.name}, compute capability {'.'.join(map(str, card.capability))}, {memory}, {free} of it free"


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder, with a warning if it is on a network."""
    import psutil

    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: -len(mount.mountpoint))
    resolved = folder.resolve()
    kind = next((mount.fstype for mount in mounts if resolved.is_relative_to(mount.mountpoint)), "unknown")
    if kind in NETWORK_FILE_SYSTEMS:
        return f"{kind} (a network file system: its locks may fail; keep the workspace on a local disk)"
    return kind


@dataclass(frozen=True)
class Backup:
    """A copy of a workspace.

    checkpoints: number of checkpoints that were copied and verified. damaged: checkpoints that are missing in the copy,
    or are not what was written. replaced: paths of checkpoints that are missing because newer ones replaced them while
    the copy was made. studies: files with the texts of the registered studies. places: the corpora and files of weights
    that runs read, which are not copied. restore: the shell command that restores the copy.
    """

    folder: Path
    checkpoints: int
    damaged: list[Finding]
    replaced: list[str]
    studies: list[Path]
    places: list[str]
    restore: str


def backup(store: Store, destination: Path, *, checkpoints: bool = True) -> Backup:
    """Copy a workspace into a new folder, and verify the copy. Raises StoreError.

    The texts of the registered studies become files in the folder `studies` of the copy.
    """
    made = copy(store, destination, checkpoints)
    folder = made.workspace.root
    with Store.open(folder, readonly=True) as copied:
        studies, places = _write_studies(copied, folder / "studies"), _places(copied)
    restore = _restore_command(store.workspace, folder)
    return Backup(folder, made.checkpoints, made.damaged, made.replaced, studies, places, restore)


def _write_studies(store: Store, folder: Path) -> list[Path]:
    """Write the text of each registered study into a file, and return the files."""
    texts = {folder / f"{study.name}.yaml": study.source.encode() for study in queries.studies(store)}
    for path, text in texts.items():
        write_whole(path, partial(_fill, text))
    return list(texts)


def _fill(text: bytes, file: BinaryIO) -> None:
    file.write(text)


def _places(store: Store) -> list[str]:
    """Return where the texts and files of weights lie that runs read."""
    rows = queries.runs_of(store, hidden=True)
    specs = {to_json([row.spec["task"], row.spec["model"]]): row.spec for row in rows}
    return sorted({place for spec in specs.values() for place, _ in read_spec(spec).data})


def _restore_command(workspace: Workspace, folder: Path) -> str:
    # What SQLite keeps beside the old database must not stay beside the new one.
    files = " ".join(path.name for path in (workspace.database, *beside(workspace.database)))
    return f"cd {shell_word(str(workspace.root))} && rm -f {files} && cp -R {shell_word(str(folder))}/. ."

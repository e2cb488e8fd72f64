"""A folder that all machines of a cluster reach by one path. Large checkpoints go through it instead of through Ray.

A training has a folder of its own in it. A worker writes a file there and tells the ledger its place, size and sha256;
the ledger reads it when its turn comes, and the worker removes it once that is answered. What counts is in the
workspace, as always: nothing that is left here is needed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from jobs.identity import Identity, alive, here
from rnnctl.lab.errors import Code, LabError
from store.errors import StoreError, translated
from store.files import write_whole

OPTION = "--checkpoints-folder"
PREFIX = "rnnctl-checkpoints-"  # of the folder of one training
OWNER = "owner.json"  # the process whose folder it is


@dataclass(frozen=True)
class Filed:
    """Content that lies in a file; see `rnnctl.cluster.calls.Parcel`."""

    path: Path
    size: int
    sha256: str

    def read(self) -> bytes:
        """Return the content. Raise StoreError if it cannot be read, or is not what was written."""
        with translated(self.path):
            content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise StoreError(f"{self.path} was damaged on its way to the ledger")
        return content

    def forget(self) -> None:
        with suppress(OSError):
            self.path.unlink()


def filed(folder: Path, content: bytes) -> Filed:
    """Write content to a new file. Raise StoreError if the operating system refuses that."""
    path = folder / secrets.token_hex(16)
    write_whole(path, lambda file: file.write(content), durable=False)  # the ledger keeps what counts
    return Filed(path, len(content), hashlib.sha256(content).hexdigest())


@contextmanager
def folder_of_training(place: Path) -> Iterator[Path]:
    """Inside `with`, have a new folder in `place`. Those of trainings of this machine that were killed are removed.

    Raise LabError, in one line, if that is not possible.
    """
    try:
        for folder in place.glob(f"{PREFIX}*"):
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        (folder / OWNER).write_text(json.dumps(asdict(here())))
    except OSError as error:
        raise LabError(f"{OPTION} {place}: {error.strerror or error}", Code.FAILURE) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def why_not_reached(folder: Path) -> str:
    """Return why this machine cannot use the folder of a training, in one line; empty if it can."""
    try:
        (folder / OWNER).read_bytes()
        with tempfile.NamedTemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"it cannot use {folder.parent} ({error.strerror or error}), which {OPTION} names"


def _is_left(folder: Path) -> bool:
    """Return whether the process whose folder this is has ended. Of processes elsewhere that is not known."""
    with suppress(OSError, ValueError, TypeError):
        return alive(Identity(**json.loads((folder / OWNER).read_bytes()))) is False
    return False

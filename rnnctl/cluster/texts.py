"""Texts and other data that runs read from files, on nodes that do not have these files.

The driver's machine keeps a `Shelf`. A node asks it for the sha256 of a file, and for the file itself only if it does
not have it yet: so each file travels once to each node, whatever number of runs and processes read it there. It is kept
in the folder `data` of the cache (rnnctl.cache_folder) under its sha256, and verified before a process first uses it.
Where data lies is no part of what a run is, so the runs then read the node's own file. They compare it with the hash
that they were registered with, as always.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from rnnctl.cache_folder import cache_folder
from rnnctl.study.run import RunSpec
from rnnctl.usercode.permission import allow_code
from rnnctl.words import one_line
from store.errors import StoreError
from store.files import write_whole

Data = tuple[str, str]  # where data lies that a run reads, and the hash that the run knows it by


@dataclass(frozen=True)
class Shipment:
    """A file as the shelf hands it out. problem: why there is none, in one line; empty if there is.

    content: None if only the sha256 was asked for.
    """

    sha256: str = ""
    content: bytes | None = None
    problem: str = ""


class Shelf:
    """Hands out the data of runs, on the machine where it lies. It may be used by one thread at a time.

    allowed: whether modules of users' parts may be imported, some of which read data.
    """

    def __init__(self, allowed: bool = False) -> None:
        self._allowed = allowed
        self._known: dict[Data, str] = {}  # -> sha256 of the file
        self.handed_out = 0  # files whose content was sent

    def sha256(self, spec: Mapping[str, Any], data: Data) -> Shipment:
        """Return the sha256 of a file of data that a run reads. spec: of the run, as it is stored."""
        if data not in self._known:
            shipment = self._read(spec, data)
            if shipment.problem:
                return shipment
            self._known[data] = shipment.sha256
        return Shipment(self._known[data])

    def content(self, spec: Mapping[str, Any], data: Data) -> Shipment:
        """Return data that a run reads, as one file."""
        self.handed_out += 1
        return self._read(spec, data)

    def _read(self, spec: Mapping[str, Any], data: Data) -> Shipment:
        """Return data of a run. No other file is ever read."""
        try:
            with allow_code(self._allowed):
                run = RunSpec.model_validate(spec)
                if data not in run.data:
                    return Shipment(problem=f"the run does not read {data[0]}")
                content = run.portable_data(data[0])
        except ValueError as error:
            return Shipment(problem=one_line(str(error)))
        return Shipment(hashlib.sha256(content).hexdigest(), content)


class Keeper(Protocol):
    """A shelf, or whatever speaks to one on another machine."""

    def sha256(self, spec: Mapping[str, Any], data: Data) -> Shipment: ...

    def content(self, spec: Mapping[str, Any], data: Data) -> Shipment: ...


class Texts:
    """The files of a node. shelf: where those are that it does not have."""

    def __init__(self, shelf: Keeper) -> None:
        self._shelf = shelf
        self._verified: set[Path] = set()

    def moved(self, run: RunSpec) -> RunSpec:
        """Return a run that reads the same data from files of this node, which are fetched if they are not there yet.

        Raise ValueError, in one line, if the data cannot be read where it lies, or is damaged on its way.
        """
        return run.with_places({data[0]: str(self._here(run, data)) for data in run.data}) if run.data else run

    def _here(self, run: RunSpec, data: Data) -> Path:
        spec, place = run.canonical(), data[0]
        sha256 = _checked(self._shelf.sha256(spec, data), place).sha256
        path = _folder() / f"{sha256}{Path(place).suffix}"
        if path not in self._verified:
            with _alone(path):
                if not _is(path, sha256):
                    _write(path, _checked(self._shelf.content(spec, data), place), sha256, place)
            self._verified.add(path)
        return path


def _checked(shipment: Shipment, place: str) -> Shipment:
    if shipment.problem:
        raise ValueError(f"{place} cannot be sent to this node: {shipment.problem}")
    return shipment


def _write(path: Path, shipment: Shipment, sha256: str, place: str) -> None:
    content = shipment.content or b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{place} was damaged on its way to this node, or has changed")
    write_whole(path, lambda file: file.write(content), durable=False)


def _is(path: Path, sha256: str) -> bool:
    """Return whether a file has this sha256."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Inside `with`, no other process of this node fetches the same file."""
    with open(f"{path}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Return the folder for data, made if missing: in the cache, or among the temporary files of this process."""
    try:
        folder = cache_folder() / "data"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, StoreError):
        pass
    return Path(tempfile.mkdtemp(prefix="rnnctl-data-"))

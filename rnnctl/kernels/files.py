"""The files in which compiled kernels are kept. Trouble with them never fails a run: the kernel is compiled again.

Each kernel has a file of its own, whose name says what it was compiled from and for: function, types, sources,
processor, and compiler. So processes that write at the same time, on one machine or on several with a common home,
cannot mix up their kernels. A file begins with the SHA-256 of the rest, which is verified before it is used: machine
code with a flipped bit may load without an error, and compute wrongly. A file gets its name when it is complete.

Kernels are kept in `kernels` in the folder for what can be made again (rnnctl.cache_folder). Where that cannot be
written, they are kept in a folder of the user among the temporary files; where that cannot be written either, each
process compiles its kernels anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rnnctl.cache_folder import cache_folder
from rnnctl.words import counted
from store.errors import StoreError
from store.files import UNFINISHED, write_whole

SUFFIX = ".kernel"
SUM_BYTES = hashlib.sha256().digest_size
PROBE_BYTES = 2**20  # larger than any kernel: a full disk may have room for an empty file
OLD_SECONDS = 3600.0  # age at which an unfinished file is taken for that of a killed process
DAY = 86400.0  # seconds
UNUSED_SECONDS = 30 * DAY  # after which a kernel is removed: it is probably one of older sources

Kernel = TypeVar("Kernel")
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Place:
    """A folder for kernels. trouble: why no kernel can be kept there; None if it can. private: see `_refusal`."""

    folder: Path
    trouble: str | None
    private: bool = False

    @property
    def readable(self) -> bool:
        """Whether kernels may be loaded from here."""
        return os.path.isdir(self.folder) and not (self.private and _refusal(self.folder))


class KernelFiles:
    """Loads and keeps kernels by name, in the first of several places that can be used.

    A kernel is read from any place, because one that cannot be written may have kernels from before.
    """

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self._tell: Tell = lambda text: None
        self._told: set[str] = set()

    def tell(self, tell: Tell) -> None:
        """Call `tell` with a line for each thing that makes a start slower, once each."""
        self._tell = tell

    @property
    def target(self) -> Place | None:
        """The place in which kernels are kept; None if there is none."""
        return next((place for place in self.places if place.trouble is None), None)

    def load(self, name: str, restored: Callable[[bytes], Kernel]) -> Kernel | None:
        """Return a kernel, or None if it has to be compiled.

        restored: returns the kernel in the content of a file; raises ValueError if there is none.
        """
        for place in self.places:
            path = place.folder / name
            if not place.readable:
                continue
            try:
                kernel = restored(read(path))
                _mark_as_used(path)
                return kernel
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                self._say_replaced(path, _reason(error))
        if self.target is not self.places[0]:
            self._say_unkept()
        return None

    def say_compiling(self, cell: str) -> None:
        """Tell that the kernels of a cell are compiled now."""
        self._say(f"compiling kernels for {cell}, once on this machine: about 5 to 15 s", f"kernels for {cell}")

    def save(self, name: str, content: bytes) -> None:
        """Keep a kernel, if there is a place for it."""
        while (place := self.target) is not None:
            try:
                write_whole(
                    place.folder / name,
                    lambda file: file.write(hashlib.sha256(content).digest() + content),
                    durable=False,
                )
                return
            except (OSError, StoreError) as error:
                # Another place may be on another disk.
                i = self.places.index(place)
                self.places[i] = Place(place.folder, _reason(error), place.private)
                self._say_unkept()

    def _say_replaced(self, path: Path, reason: str) -> None:
        """Tell that a kernel that is kept cannot be used. Told of the first in a folder only: it may be true of all."""
        line = f"compiled kernels in {path.parent} cannot be used and are compiled again, first {path.name}: {reason}"
        self._say(line, str(path.parent))

    def _say(self, line: str, subject: str) -> None:
        """Tell a line, unless one of the same subject was told before."""
        if subject not in self._told:
            self._told.add(subject)
            self._tell(line)

    def _say_unkept(self) -> None:
        line = self._unkept()
        self._say(line, line)

    def _unkept(self) -> str:
        first, target = self.places[0], self.target
        if target is None:
            reasons = "; ".join(f"{place.folder}: {place.trouble}" for place in self.places)
            return f"compiled kernels cannot be kept, so each worker compiles them anew, and starts later ({reasons})"
        return f"compiled kernels cannot be kept in {first.folder}: {first.trouble}; they are kept in {target.folder}"

    def state(self) -> str:
        """Return the state of all places in one line: what can be used, what cannot and why, and damaged files."""
        described = [_described(place) for place in self.places if place is self.target or place.trouble is not None]
        unkept = [] if self.target is not None else ["each worker compiles its kernels anew"]
        return "; ".join([*described, *unkept])


_files: KernelFiles | None = None


def kernel_files() -> KernelFiles:
    """Return the files of this process. The first call probes where kernels can be kept.

    Nothing is left by the probe, except for an empty folder. Unfinished files of killed processes are removed.
    """
    global _files
    if _files is None:
        _files = KernelFiles(places())
    return _files


def places() -> list[Place]:
    """Return the places for kernels, the preferred one first, and whether each can be used."""
    try:
        folder = cache_folder() / "kernels"
    except OSError as error:
        chosen = Place(Path(error.filename) / "kernels", _reason(error))
    else:
        chosen = Place(folder, _trouble(folder, private=False))
    if chosen.trouble is None:
        return [chosen]
    try:
        spare = Path(tempfile.gettempdir()) / f"rnnctl-kernels-{os.getuid()}"
    except OSError:  # no folder for temporary files can be written
        return [chosen]
    return [chosen, Place(spare, _trouble(spare, private=True), private=True)]


def read(path: Path) -> bytes:
    """Return the content of a kernel's file. Raise OSError, or ValueError if it is not what was written."""
    content = path.read_bytes()
    checksum, rest = content[:SUM_BYTES], content[SUM_BYTES:]
    if hashlib.sha256(rest).digest() != checksum:
        raise ValueError("its checksum is wrong")
    return rest


def _trouble(folder: Path, *, private: bool) -> str | None:
    """Return why a folder, which is made if it does not exist, cannot be used for kernels; None if it can."""
    try:
        folder.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        if private and (refusal := _refusal(folder)) is not None:
            return refusal
        _sweep(folder)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            left = PROBE_BYTES
            while left:
                left -= file.write(bytes(left)) or 0
    except OSError as error:
        return _reason(error)
    return None


def _refusal(folder: Path) -> str | None:
    """Return why nothing may be loaded from a folder that anybody could have made; None if it is the user's alone.

    What is loaded is executed.
    """
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        return "not a folder"
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        return "others may write there"
    return None


def _mark_as_used(path: Path) -> None:
    """Let the time of a file say that it is in use, to a day."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY:
            os.utime(path)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed have left unfinished, and kernels that nobody has used for long.

    A process that wants a kernel just then compiles it again.
    """
    for ending, age in ((UNFINISHED, OLD_SECONDS), (SUFFIX, UNUSED_SECONDS)):
        for path in folder.glob(f"*{ending}"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > age:
                    path.unlink()


def _described(place: Place) -> str:
    kernels = list(_kernels(place)) if place.readable else []
    text = f"{place.folder}: "
    if place.trouble is not None:
        text += f"cannot be used: {place.trouble}"
        if not kernels:
            return text
        text += ", except for "
    text += f"{counted(len(kernels), 'kernel')}, {sum(size for _, size, _ in kernels) / 2**20:.1f} MiB"
    damaged = [f"{name} ({harm})" for name, _, harm in kernels if harm is not None]
    return f"{text}, damaged and to be compiled again: {', '.join(damaged)}" if damaged else text


def _kernels(place: Place) -> Iterator[tuple[str, int, str | None]]:
    """Yield name, size in bytes and damage of each kernel in a place."""
    for path in sorted(place.folder.glob(f"*{SUFFIX}")):
        try:
            yield path.name, len(read(path)), None
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield path.name, 0, _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return (error.reason if isinstance(error, StoreError) else None) or str(error)

"""Write files so that a file under its final name is always complete.

Everything that writes a whole file uses `write_whole`: checkpoints, figures, exports, study files, vocabularies.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from store.errors import of_system, translated

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

UNFINISHED = ".tmp"  # suffix of a file that is still being written
_NAME_LENGTH = 50  # characters of the final name that the temporary one repeats: file systems allow 255 bytes


def write_whole(path: Path, fill: Callable[[BinaryIO], object], *, durable: bool = True, follow: bool = True) -> None:
    """Write a file with `fill(file)`, then give it its name: whoever opens `path` sees the old content or the new one.

    The content goes to a temporary file in the same folder, which is made if it does not exist. If anything is raised,
    the temporary file is removed and what was at `path` stays. A device or a pipe cannot be replaced and is written
    directly.

    follow: whether a symbolic link at `path` is followed, as for a path that the user names. False replaces the link,
    which somebody else may have put into a workspace.

    durable: return only when file and name are on the disk (fsync). False is faster, and enough for a file that can be
    made again: after a power failure it may be missing or empty.

    Raises DiskFull, Unwritable or another StoreError, which names `path`, if the operating system refuses to write,
    even if `fill` hides the cause, as torch.save does. Other errors of `fill` pass through.
    """
    with translated(path):
        target = Path(os.path.realpath(path)) if follow and path.is_symlink() else path
        if not target.is_symlink() and target.exists() and not target.is_file():
            _fill(target, "wb", path, fill, durable=False)
            return
        _make_folder(target.parent, path, durable)
        unfinished = target.with_name(f"{target.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}{UNFINISHED}")
        try:
            _fill(unfinished, "xb", path, fill, durable)
            unfinished.replace(target)
        except BaseException as error:
            with suppress(OSError):
                unfinished.unlink()
            if isinstance(error, OSError) and error.filename is not None and Path(error.filename) == unfinished:
                raise of_system(OSError(error.errno, error.strerror), path) from error
            raise
        if durable:
            sync_folder(target.parent)


class _RawFile(io.FileIO):
    """A file that remembers why it could not be written.

    If a write fails, torch.save raises a RuntimeError that does not name the cause.
    """

    failure: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


def _fill(place: Path, mode: str, path: Path, fill: Callable[[BinaryIO], object], durable: bool) -> None:
    """Open `place`, let `fill` write it and flush it. path: the name that errors tell the user."""
    with _RawFile(place, mode) as raw:
        try:
            buffered = io.BufferedWriter(raw)
            fill(buffered)
            buffered.flush()
        except Exception as error:
            if raw.failure is not None:
                raise of_system(raw.failure, path) from error
            raise
        if durable:
            os.fsync(raw.fileno())


def _make_folder(folder: Path, path: Path, durable: bool) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if durable:
            sync_folder(folder.parent)
    except OSError as error:
        raise of_system(error, folder, f"cannot write {path}: ") from error


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk (fsync)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Sources of text: a file, a folder of files, or the source of the running Python's standard library.

A corpus is identified by its bytes: corpora with the same bytes have the same sha256, whatever their paths and their
division into files. The files of a folder are concatenated in the order of their relative POSIX paths as bytes, as
`find . -type f | LC_ALL=C sort | xargs cat` does, without the names that begin with a dot.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern

STDLIB = "stdlib"  # the reference of the standard library; a file with this name is ./stdlib
HIDDEN = re.compile(r"\.")
# Not part of the corpus stdlib: installed packages; tests, which hold data and text that is not UTF-8; and files that
# are written when an interpreter is built, with paths of the build machine.
NOT_STDLIB = re.compile(r"\.|(site-packages|dist-packages|tests?|idle_test|__pycache__)$|_sysconfigdata|config-")


@dataclass(frozen=True)
class Corpus:
    """A text as bytes, never empty."""

    text: bytes = field(repr=False)
    sha256: str  # of the text
    name: str  # for display: `stdlib`, or the last component of the path
    files: tuple[tuple[str, int], ...] = field(repr=False)  # path and offset in the text of every file

    def locate(self, offset: int) -> str:
        """Return the file and the byte in it at an offset of the text, both counted from 0, as a text for messages."""
        file, start = self.files[bisect.bisect_right(self.files, offset, key=lambda entry: entry[1]) - 1]
        return f"{file}, byte {offset - start:,}"


def load(reference: str) -> Corpus:
    """Return the corpus at a path, or the standard library for the word `stdlib`.

    A folder stands for all regular files below it and links to files, without hidden files and folders (names that
    begin with a dot) and without links to folders. The content is not decoded.

    Raises ValueError, with a message of one line, if there is nothing at the path, if it cannot be read, and if it has
    no file or no byte.
    """
    try:
        return _load(reference)
    except OSError as error:
        where = error.filename or reference
        raise ValueError(f"corpus {where}: cannot be read: {error.strerror or error}") from error


def size_of(reference: str) -> int:
    """Return how many bytes the files of a corpus have. They are not read, and one that is missing or unreadable counts
    as empty: what is wrong is told when it is loaded.
    """
    try:
        return sum(path.stat().st_size for path in _sources(reference)[0])
    except (OSError, ValueError):
        return 0


def _sources(reference: str) -> tuple[list[Path], str, str]:
    """Return the files of a corpus in their order, its name, and why it would have none."""
    if reference == STDLIB:
        root = Path(sysconfig.get_path("stdlib"))
        candidates = _files(root, NOT_STDLIB) if root.is_dir() else []  # the library can be a zip file, or missing
        files = [path for path in candidates if path.suffix == ".py"]
        return files, STDLIB, f"this Python has no source files in {root}"
    root = Path(os.path.expanduser(reference))
    if not (reference and root.exists()):
        raise ValueError(f"corpus {reference}: no such file or folder (the word {STDLIB} is Python's own source)")
    if not (root.is_file() or root.is_dir()):
        raise ValueError(f"corpus {reference}: neither a file nor a folder")
    return [root] if root.is_file() else _files(root), root.resolve().name, "a folder without files"


def _load(reference: str) -> Corpus:
    files, name, reason = _sources(reference)
    if not files:
        raise ValueError(f"corpus {reference}: {reason}")
    texts = [path.read_bytes() for path in files]
    starts = list(itertools.accumulate(map(len, texts), initial=0))
    if not starts[-1]:
        raise ValueError(f"corpus {reference}: empty")
    text = b"".join(texts) if len(texts) > 1 else texts[0]
    return Corpus(text, hashlib.sha256(text).hexdigest(), name, tuple(zip(map(str, files), starts, strict=False)))


def _files(root: Path, excluded: Pattern[str] = HIDDEN) -> list[Path]:
    """Return the files below a folder, in order, without files and folders whose names match `excluded`."""
    return sorted(_below(root, excluded), key=lambda path: os.fsencode(path.relative_to(root).as_posix()))


def _below(root: Path, excluded: Pattern[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = [name for name in folders if not excluded.match(name)]
        yield from (path for name in names if not excluded.match(name) and (path := Path(folder, name)).is_file())


def _raise(error: OSError) -> None:
    """Raise the error of a folder that os.walk cannot read, which it would otherwise skip."""
    raise error

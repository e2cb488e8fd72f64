"""Where text comes from: a file, a folder of files, or the source of the running Python's standard library.

A corpus is its bytes. Two that have the same bytes have the same sha256 and are the same corpus, wherever they lie and
however they are cut into files. The files of a folder are joined with nothing between them, in the order of their
relative POSIX paths as bytes: what `find . -type f | LC_ALL=C sort | xargs cat` prints, but for names that begin with
a dot.
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

STDLIB = "stdlib"  # the word; a file of that name is ./stdlib
HIDDEN = re.compile(r"\.")
# Packages that were installed; tests, whose files hold much that is no source and some that is no UTF-8; and what is
# written when an interpreter is built, with the paths of the machine that built it.
NOT_STDLIB = re.compile(r"\.|(site-packages|dist-packages|tests?|idle_test|__pycache__)$|_sysconfigdata|config-")


@dataclass(frozen=True)
class Corpus:
    """Text as bytes, never empty."""

    text: bytes = field(repr=False)
    sha256: str  # of the text
    name: str  # for people: `stdlib`, or the last part of the path
    parts: tuple[tuple[str, int], ...] = field(repr=False)  # the files, and where in the text each begins

    def place(self, offset: int) -> str:
        """Which byte of which file stands at an offset of the text, both counted from 0."""
        file, start = self.parts[bisect.bisect_right(self.parts, offset, key=lambda part: part[1]) - 1]
        return f"{file}, byte {offset - start:,}"


def load(reference: str) -> Corpus:
    """The corpus that a path or the word `stdlib` names.

    Of a folder, all regular files below it are taken, and links to such; not what is hidden, by a name that begins with
    a dot, nor what lies behind a link to a folder. Nothing is decoded here, and no file is left out for what it holds.

    Raises ValueError, in one line: nothing is there, it cannot be read, it holds no file or no byte.
    """
    try:
        return _load(reference)
    except OSError as error:
        where = error.filename or reference
        raise ValueError(f"corpus {where}: cannot be read: {error.strerror or error}") from error


def _load(reference: str) -> Corpus:
    if reference == STDLIB:
        root = Path(sysconfig.get_path("stdlib"))
        below = _files(root, NOT_STDLIB) if root.is_dir() else []  # it can be a zip file, or not there
        files = [path for path in below if path.suffix == ".py"]
        name, nothing = STDLIB, f"this Python keeps no source files in {root}"
    else:
        root = Path(os.path.expanduser(reference))
        if not (reference and root.exists()):
            raise ValueError(f"corpus {reference}: no such file or folder (the word {STDLIB} is Python's own source)")
        if not (root.is_file() or root.is_dir()):
            raise ValueError(f"corpus {reference}: neither a file nor a folder")
        files = [root] if root.is_file() else _files(root)
        name, nothing = root.resolve().name, "a folder without files"
    if not files:
        raise ValueError(f"corpus {reference}: {nothing}")
    texts = [path.read_bytes() for path in files]
    starts = list(itertools.accumulate(map(len, texts), initial=0))
    if not starts[-1]:
        raise ValueError(f"corpus {reference}: empty")
    text = b"".join(texts) if len(texts) > 1 else texts[0]
    return Corpus(text, hashlib.sha256(text).hexdigest(), name, tuple(zip(map(str, files), starts, strict=False)))


def _files(root: Path, without: Pattern[str] = HIDDEN) -> list[Path]:
    """The files below a folder, in their order, but for files and folders of names that match `without`."""
    return sorted(_below(root, without), key=lambda path: os.fsencode(path.relative_to(root).as_posix()))


def _below(root: Path, without: Pattern[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_raised):
        folders[:] = [name for name in folders if not without.match(name)]
        yield from (path for name in names if not without.match(name) and (path := Path(folder, name)).is_file())


def _raised(error: OSError) -> None:
    """os.walk passes over a folder that it cannot read, unless it is told otherwise."""
    raise error

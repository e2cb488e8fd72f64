"""Look at the files of a database before SQLite opens it.

SQLite completes what a killed writer left half done, from a journal beside the database, and trusts that journal: it
writes its pages into the database, and removes a file that the journal names. So a journal that was left beside a
restored database mixes two databases, and one that somebody else made can remove any file.

The format of journals and of the first page: https://www.sqlite.org/fileformat.html, sections 1.3 and 3.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store.errors import Corrupt, Unwritable, beside

_MAGIC = bytes.fromhex("d9d505f920a163d7")
_LEGACY = b"\x01\x01"  # read and write version of a database that is not in WAL mode
_HEADER = 100  # bytes at the beginning of the first page
_PAGE_1 = (1).to_bytes(4, "big")


@dataclass(frozen=True)
class _Journal:
    """What a rollback journal says of the database that it belongs to."""

    nonce: bytes  # a random number of the transaction
    pages: int  # of the database, before the transaction; 0 if the transaction makes the database
    first_page: bytes | None  # the beginning of page 1 before the transaction; None if page 1 is still as it was


def check(database: Path, is_open: bool) -> None:
    """Raise an error if SQLite should not open the database with the files that lie beside it.

    is_open: whether this process is connected to the database already. Its files were looked at then, and are not
    opened here: to close them would take the locks of the process away, see `store.connected`.

    Raises Unwritable if the database or a file beside it is a symbolic link or no file at all, since what is written
    would go elsewhere; Corrupt if a journal is there that does not belong to the database. A missing database is fine.
    """
    for path in (database, *beside(database)):
        with suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise Unwritable(
                    f"{path} is a symbolic link to {os.readlink(path)}; a workspace keeps its database in its own "
                    "folder: move the workspace as a whole, or copy the file here"
                )
            if not stat.S_ISREG(mode):
                raise Unwritable(
                    f"{path} is not a file: there is a device or a folder in its place; move it away or use another "
                    "folder"
                )
    if is_open:
        return
    reason = _reason_against_journal(database) or _reason_against_wal(database)
    if reason is not None:
        raise Corrupt(reason)


def _reason_against_journal(database: Path) -> str | None:
    path, wal, index = beside(database)
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            if _names_another_file(file):
                return (
                    f"{path} names another file, which SQLite would remove; rnnctl makes no such journal: "
                    "move it away, then try again"
                )
            journal = _read_journal(file)
        if journal is None or _belongs(journal, _header(database)):
            return None
        with path.open("rb") as file:
            again = _read_journal(file)
        if again is None or again.nonce != journal.nonce:
            return None  # another process has committed meanwhile: what was read is of two transactions
        return (
            f"{path} does not belong to {database.name}, as after a backup was restored beside it, and would mix two "
            f"databases: move it away ({wal.name} and {index.name} too, if they are there), then try again"
        )
    return None


def _belongs(journal: _Journal, header: bytes) -> bool:
    """Return whether a journal can be that of an unfinished transaction on the database that begins with `header`.

    In doubt it does. The first page of a database tells how many transactions have changed it (bytes 24 to 28), for
    which of these its number of pages (28 to 32) holds (92 to 96), how often its schema has changed (40 to 44), and
    the program's own version of the schema (60 to 64).
    """
    if len(header) < _HEADER:
        return True  # SQLite does not use the journal of an empty database
    changes = _number(header, 24)
    if journal.pages == 0:
        return changes <= 1
    if journal.first_page is None:
        return header[24:28] != header[92:96] or _number(header, 28) == journal.pages
    if header == journal.first_page:
        return True  # its old content is still in place
    same_schema = header[40:44] == journal.first_page[40:44] or header[60:64] != journal.first_page[60:64]
    return same_schema and changes == (_number(journal.first_page, 24) + 1) % 2**32


def _reason_against_wal(database: Path) -> str | None:
    wal = beside(database)[1]
    with suppress(FileNotFoundError):
        # In this order: a database that another process is just making gets its mode before its log.
        if wal.stat().st_size and _header(database)[18:20] == _LEGACY:
            return (
                f"{wal} does not belong to {database.name}, which does not use write-ahead logging, and would mix two "
                "databases: move it away, then try again"
            )
    return None


def _names_another_file(journal: BinaryIO) -> bool:
    """Return whether SQLite would take the end of a journal for the name of a super-journal.

    Only transactions over several databases have one, and rnnctl makes none.
    """
    size = journal.seek(0, os.SEEK_END)
    if size < 16:
        return False
    journal.seek(size - 16)
    end = journal.read(16)
    return end[8:] == _MAGIC and _number(end, 0) > 0


def _read_journal(file: BinaryIO) -> _Journal | None:
    """Return what a journal says; None if SQLite would not use it."""
    file.seek(0)
    header = file.read(28)
    if len(header) < 28 or header[:8] != _MAGIC:
        return None
    sector, page = _number(header, 20), _number(header, 24)
    if not (32 <= sector <= 65536 and 512 <= page <= 65536):
        return None
    return _Journal(header[12:16], _number(header, 16), _first_page(file, sector, page))


def _first_page(file: BinaryIO, sector: int, page: int) -> bytes | None:
    """Return the beginning of page 1 as the journal keeps it, None if it does not.

    A journal has segments, each at the beginning of a sector: a header with the number of records, and the records,
    each with the number of a page, the page and a checksum.
    """
    start = 0
    while True:
        file.seek(start)
        header = file.read(12)
        records = _number(header, 8) if len(header) == 12 and header[:8] == _MAGIC else 0
        if records == 0:
            return None
        for record in range(records):
            file.seek(start + sector + record * (page + 8))
            number = file.read(4)
            if len(number) < 4:
                return None
            if number == _PAGE_1:
                return file.read(_HEADER)
        start += sector + records * (page + 8)
        start += -start % sector


def _header(database: Path) -> bytes:
    with database.open("rb") as file:
        return file.read(_HEADER)


def _number(content: bytes, start: int) -> int:
    return int.from_bytes(content[start : start + 4], "big")

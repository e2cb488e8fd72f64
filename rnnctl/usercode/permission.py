"""Which modules of users may be imported, and where they are looked for.

Nothing is imported by merely reading a study or a workspace: somebody has to allow it, with `--allow-code`, with
`allow_code()` in Python, or once and for all for one workspace (rnnctl.lab.trust).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

OPTION = "--allow-code"


@dataclass(frozen=True)
class Permission:
    """What may be imported here.

    everything: any module that a study names. trusted: these modules, each from this file alone. folders: where modules
    are looked for that are not on Python's path. reading: whether stored runs are only read, so that a part whose code
    is missing may be represented by its absent part (see rnnctl.parts).
    """

    everything: bool = False
    trusted: frozenset[tuple[str, Path]] = frozenset()
    folders: tuple[Path, ...] = ()
    reading: bool = False

    def covers(self, module: str, file: Path) -> bool:
        """Return whether a module may be imported from a file."""
        return self.everything or (module, file) in self.trusted


_PERMISSION: ContextVar[Permission] = ContextVar("permission", default=Permission())  # noqa: B039 (it is frozen)


def permission() -> Permission:
    """Return what may be imported now."""
    return _PERMISSION.get()


@contextmanager
def allow_code(allowed: bool = True) -> Iterator[None]:
    """Inside `with`, import any module that a study names as MODULE:CLASS. allowed: False changes nothing."""
    with _permitted(replace(permission(), everything=permission().everything or allowed)):
        yield


@contextmanager
def trusting(modules: Iterable[tuple[str, Path]]) -> Iterator[None]:
    """Inside `with`, these modules may be imported, each from the file beside it."""
    with _permitted(replace(permission(), trusted=permission().trusted | frozenset(modules))):
        yield


@contextmanager
def looking_in(*folders: Path) -> Iterator[None]:
    """Inside `with`, also look for modules in these folders: after Python's path, and before other such folders."""
    all_folders = dict.fromkeys([*(folder.resolve() for folder in folders), *permission().folders])
    with _permitted(replace(permission(), folders=tuple(all_folders))):
        yield


@contextmanager
def reading() -> Iterator[None]:
    """Inside `with`, read stored runs also where the code of their parts is missing."""
    with _permitted(replace(permission(), reading=True)):
        yield


@contextmanager
def _permitted(new: Permission) -> Iterator[None]:
    token = _PERMISSION.set(new)
    try:
        yield
    finally:
        _PERMISSION.reset(token)

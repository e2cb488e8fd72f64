"""What goes between a worker and the ledger: calls with plain values, and answers.

A call whose answer got lost is sent again with the same id, and the ledger answers it again without doing it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from store.checkpoints import PassedOver
from store.errors import StoreError
from store.extension import Relative


@dataclass(frozen=True)
class Call:
    """One call of a method of the ledger. id: the same if it is sent again."""

    id: str
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What a call returned, or the error that it raised. at: the ledger's time."""

    at: float
    value: Any = None
    error: StoreError | None = None


class Unreachable(Exception):
    """The ledger did not answer in time. It may have done what it was asked, or may still do it."""


class LedgerGone(Exception):
    """The ledger has ended, and will never answer again."""


class Parcel(Protocol):
    """Content that stays where it was made until somebody reads it."""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...

    def read(self) -> bytes:
        """Return the content."""
        ...

    def forget(self) -> None:
        """Take note that nobody will read it any more."""
        ...


class Transport(Protocol):
    """Carries calls to the ledger. Used by several threads at once."""

    def send(self, call: Call, timeout: float) -> Answer:
        """Return the answer. Raise Unreachable after `timeout` seconds or less, and LedgerGone."""
        ...

    def packed(self, content: bytes) -> bytes | Parcel:
        """Return content as an argument of a call: itself, or a parcel if it is large."""
        ...


@dataclass(frozen=True)
class Resumed:
    """A `jobs.ledger.ResumePoint` with the content of the checkpoint in place of its file."""

    step: int
    content: bytes | None
    passed_over: list[PassedOver]


@dataclass(frozen=True)
class RelativeContent:
    """A relative, and the content of its checkpoint."""

    relative: Relative
    content: bytes


@dataclass(frozen=True)
class LimitWanted:
    """The answer to a claim that needs to know how many runs of a shape fit into a pack. Nothing was claimed."""

    shape: str

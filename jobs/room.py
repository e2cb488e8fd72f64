"""How many runs, and how many packs, a worker takes at once: what the caller allows, and less once memory ran out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from store.queue import Claim

PackLimit = Callable[[str, Sequence[Claim]], int]
More = Callable[[Sequence[Claim]], bool]


@dataclass(frozen=True)
class Less:
    """What did not fit into memory, `size` runs of one pack or packs at once, and how many there will be at most."""

    unit: Literal["runs", "packs"]
    size: int
    most: int


class Room:
    """What one worker may take, with what it has learned about memory. max_pack, more: see `jobs.worker.Worker`."""

    def __init__(self, max_pack: PackLimit, more: More) -> None:
        self._max_pack = max_pack
        self._more = more
        self._runs_fitting: dict[str, int] = {}  # shape -> how many runs of it may fit, where more did not
        self._packs_fitting: int | None = None  # how many packs may fit; None until they did not

    def most(self, shape: str, claims: Sequence[Claim]) -> int:
        """Return how many runs of a shape may be in a pack beside these runs."""
        most = self._max_pack(shape, claims)
        return min(most, self._runs_fitting.get(shape, most))

    def has_room(self, claims: Sequence[Claim]) -> bool:
        """Return whether another pack may be executed beside these runs."""
        if self._packs_fitting is not None and packs_of(claims) >= self._packs_fitting:
            return False
        return self._more(claims)

    def take_less(self, claims: Sequence[Claim], concerned: Sequence[Claim]) -> Less | None:
        """From now on, allow fewer runs of the shape that did not fit, or fewer packs. Return None for a single run.

        concerned: the runs of `claims` for which memory ran out.
        """
        packs = packs_of(claims)
        if len(concerned) > 1 and packs_of(concerned) == 1:
            self._runs_fitting[concerned[0].shape] = most = len(concerned) // 2
            return Less("runs", len(concerned), most)
        if packs > 1:
            self._packs_fitting = most = packs // 2
            return Less("packs", packs, most)
        return None


def packs_of(claims: Sequence[Claim]) -> int:
    """Return how many packs these runs are."""
    return len({claim.shape for claim in claims})

"""Runs that cannot fit into memory, and which of their keys makes them so large. Loads no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from rnnctl import host
from rnnctl.devices import card, cards, has_driver, is_card
from rnnctl.section import PLACE, Path, Section, marks_of
from rnnctl.study.explain import Problem, Refuse
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.memory import ESTIMATED_MOST, bytes_of_run, bytes_of_validation_set, bytes_on_cpu
from rnnctl.words import size

Estimate = Callable[[RunSpec], int]

# A key is to blame only if the run would be smaller by this share with the default of the key.
WORTH_TELLING = 0.1


@dataclass(frozen=True)
class Room:
    """Memory that a run must fit into. owner: what has it, such as `this machine`. estimate: of what a run takes."""

    owner: str
    bytes: int
    estimate: Estimate


def room_on_cpu() -> Room:
    """Return all the memory of this machine."""
    return Room("this machine", host.total_bytes(), bytes_on_cpu)


def room_on(device: str) -> Room:
    """Return all the memory of a device of this machine."""
    if not is_card(device):
        return room_on_cpu()
    here = card(device)
    return room_on_card(here.name, here.memory_bytes)


def room_on_card(name: str, memory: int) -> Room:
    """Return all the memory of a card."""
    return Room(name, memory, bytes_on_card)


def bytes_on_card(spec: RunSpec) -> int:
    """Return about how many bytes of a card a run takes that trains there alone."""
    return bytes_of_run(PackKey.of(spec).wide) + bytes_of_validation_set(spec)


class Choice(NamedTuple):
    """A key that may decide how much memory a run takes, its value, and a smaller value."""

    path: Path
    value: int | str
    smaller: int | str


def too_large(spec: RunSpec, room: Room) -> Problem | None:
    """Return what makes a run too large for a room, None if it fits, or may fit: an estimate can be too high."""
    need = room.estimate(spec)
    if need <= room.bytes * ESTIMATED_MOST:
        return None
    choice = _to_blame(spec, room.estimate)
    value = f"{choice.value:,}" if isinstance(choice.value, int) else choice.value
    message = (
        f"{'.'.join(choice.path)} {value} makes a run take about {size(need)} of memory, "
        f"and {room.owner} has {size(room.bytes)}"
    )
    return Problem(choice.path, message, mentions=(choice.path,))


def may_not_fit(spec: RunSpec, room: Room) -> str | None:
    """Return a warning, in one line, if the estimate of a run is larger than a room that it may fit into.

    Return None for other runs.
    """
    need = room.estimate(spec)
    if not room.bytes < need <= room.bytes * ESTIMATED_MOST:
        return None
    return f"a run takes about {size(need)} of memory, and {room.owner} has {size(room.bytes)}: it may not fit"


def refuse_here() -> Refuse:
    """Return a function that tells what makes a run too large for the memory of this machine and of each of its cards;
    None if it fits into one of them. Torch is loaded to ask for cards, but only for a run that does not fit into the
    machine's memory, and where a driver is.
    """
    room = room_on_cpu()

    def refuse(spec: RunSpec) -> Problem | None:
        problem = too_large(spec, room)
        if problem is not None and has_driver():
            need = bytes_on_card(spec)
            if any(need <= each.memory_bytes * ESTIMATED_MOST for each in cards()):
                return None
        return problem

    return refuse


def _to_blame(spec: RunSpec, estimate: Estimate) -> Choice:
    """Return the key with which the run would be smallest if it had its default, where that is below its value. If no
    default makes a run much smaller, return the key with which it would be smallest if its value were 1.
    """
    much_smaller = (1 - WORTH_TELLING) * estimate(spec)
    best: Choice | None = None
    for choices in (_with_defaults(spec), _with_ones(spec)):
        sizes = [(estimate(_with(spec, choice.path, choice.smaller)), choice) for choice in choices]
        smallest, best = min(sizes, key=lambda pair: pair[0], default=(math.inf, best))
        if smallest <= much_smaller:
            break
    assert best is not None, "every run has sizes"
    return best


def _with_defaults(section: Section, above: Path = ()) -> Iterator[Choice]:
    for name, info in type(section).model_fields.items():
        value, path = getattr(section, name), (*above, name)
        if isinstance(value, Section):
            yield from _with_defaults(value, path)
        elif _is_count(value) and _is_count(info.default) and info.default < value:
            yield Choice(path, value, info.default)
        elif isinstance(value, str) and PLACE in marks_of(type(section), name):
            yield Choice(path, value, "")  # a place where nothing lies


def _with_ones(section: Section, above: Path = ()) -> Iterator[Choice]:
    for name in type(section).model_fields:
        value, path = getattr(section, name), (*above, name)
        if isinstance(value, Section):
            yield from _with_ones(value, path)
        elif _is_count(value):
            yield Choice(path, value, 1)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


S = TypeVar("S", bound=Section)


def _with(section: S, path: Path, value: int | str) -> S:
    """Return a section with another value at a path. It may be one that is not allowed: it is only measured."""
    name, *below = path
    changed = _with(getattr(section, name), tuple(below), value) if below else value
    return section.model_copy(update={name: changed})

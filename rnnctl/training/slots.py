"""A slot: host memory that holds the batches of one update of a pack, with the numbers that its runs need for it.

This module loads no torch: the processes that draw batches use it too (rnnctl.training.drawing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnctl.schedules.section import NOTHING, Seen
from rnnctl.study.run import RunSpec
from rnnctl.study.train import Rescale
from rnnctl.training.feed import Feed, feed_of

ALIGNED = 16  # bytes

Memory = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Field:
    """An array of a slot: its shape and its type."""

    shape: tuple[int, ...]
    dtype: type[np.generic]

    @property
    def bytes(self) -> int:
        """Bytes of its values."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def size(self) -> int:
        """Bytes that it takes, rounded up so that the next one is aligned."""
        return -(-self.bytes // ALIGNED) * ALIGNED


Fields = Mapping[str, Field]


def slot_size(fields: Fields) -> int:
    """Return the bytes of a slot."""
    return sum(field.size for field in fields.values())


def arrays_in(memory: Memory, fields: Fields) -> Arrays:
    """Return the arrays of a slot as views of its memory, (bytes,)."""
    arrays: Arrays = {}
    start = 0
    for name, field in fields.items():
        arrays[name] = memory[start : start + field.bytes].view(field.dtype).reshape(field.shape)
        start += field.size
    return arrays


def fill_row(arrays: Arrays, r: int, feed: Feed, spec: RunSpec, update: int) -> None:
    """Draw a run's next batch and write it into row r of a slot. update: the number of the update, from 1.

    Its learning rate is the one of a run that has made no checks yet: batches are drawn before checks are made.
    """
    batch, goes_on = feed.next()
    arrays["steps"][r], arrays["goes_on"][r] = batch.length, goes_on
    arrays["inputs"][r, : batch.length] = batch.inputs
    arrays["targets"][r, : batch.targets.size] = batch.targets.reshape(-1)
    arrays["scalars"][r] = numbers(spec, update, NOTHING)


def numbers(spec: RunSpec, update: int, seen: Seen) -> list[float]:
    """Return the numbers of a run's update, in the order of rnnctl.kernels.gpu.updates.

    seen: what the schedule of the learning rate keeps of the checks before.
    """
    train = spec.train
    rate = train.learning_rate(update, seen)
    rescales = isinstance(train.clip, Rescale)
    cutoff = train.clip.cutoff if isinstance(train.clip, Rescale) else float("inf")
    fixed = [train.omega.weight(update), train.omega.bound, cutoff, float(rescales), rate]
    return [*fixed, *train.optimizer.numbers(rate, update)]


class Start(NamedTuple):
    """Where a row begins: its number in a slot, its run, the updates made, and the arguments of Feed.follow."""

    row: int
    spec: RunSpec
    updates: int
    state: dict[str, Any]
    batches: int


@dataclass(frozen=True)
class Share:
    """The rows of a pack that one process draws, into one block of slots after the other.

    slots: how many the memory holds. block: how many of them are drawn at a time.
    """

    fields: dict[str, Field]
    slots: int
    block: int
    starts: list[Start]


class Drawer:
    """Draws a share into memory, (bytes,)."""

    def __init__(self, memory: Memory, share: Share) -> None:
        places = memory.reshape(share.slots, -1)
        self.slots = [arrays_in(place, share.fields) for place in places]
        self.starts, self.block, self.drawn = share.starts, share.block, 0
        self.feeds = [feed_of(start.spec, start.spec.task.make()) for start in share.starts]
        for feed, start in zip(self.feeds, share.starts, strict=True):
            feed.follow(start.state, start.batches)

    def draw_block(self) -> list[tuple[dict[str, Any], int]]:
        """Draw the next block, and return the place of each row's feed after it (see Feed.place)."""
        for _ in range(self.block):
            arrays = self.slots[self.drawn % len(self.slots)]
            self.drawn += 1
            for feed, start in zip(self.feeds, self.starts, strict=True):
                fill_row(arrays, start.row, feed, start.spec, start.updates + self.drawn)
        return [feed.place() for feed in self.feeds]

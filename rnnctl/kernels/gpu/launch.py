"""The one place where GPU kernels are started, and how they are cut up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Units up to which one program holds a whole row of states, and one recurrent matrix in its registers.
MOST_UNITS = 128
TILE = 16  # sequences that a program holds in larger networks

# The rows of a gradient's product are split into parts: as many as keep this number of rows busy.
PART_ROWS, MOST_PARTS = 256, 16

_records: list[list[str]] = []  # of the calls of `recorded` that have not ended


def launch(kernel: Any, grid: tuple[int, ...], *args: Any, warps: int = 4, **constants: Any) -> None:
    """Start a Triton kernel on the device of its arguments. Tests replace this function to see what is started."""
    if _records:
        _records[-1].append(kernel.__name__)
        return
    # Whether products and sums are fused decides the last bits, and releases of Triton differ in their default.
    kernel[grid](*args, num_warps=warps, enable_fp_fusion=True, **constants)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Record the names of kernels instead of starting them. Neither a device nor memory on one is needed."""
    _records.append([])
    try:
        yield _records[-1]
    finally:
        _records.pop()


def padded(size: int, least: int = 16) -> int:
    """Return the smallest power of two that is at least `size` and `least`: sizes of blocks are powers of two."""
    return max(least, 1 << (size - 1).bit_length())


def parts_of(rows: int) -> int:
    """Return how many parts the rows of a gradient's product, one for each step and sequence, are split into."""
    return max(1, min(MOST_PARTS, rows // PART_ROWS))


def blocks(size: int, block: int) -> int:
    """Return how many blocks cover `size`."""
    return -(-size // block)


def warps_for(size: int) -> int:
    """Return the warps of a program that keeps a matrix of `size` columns in registers: a thread for each column."""
    return max(1, size // 32)

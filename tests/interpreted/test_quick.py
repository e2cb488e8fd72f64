"""The interpreter, made quicker, still refuses what it refuses."""

from __future__ import annotations

import pytest
import torch
import triton
from triton import language as tl
from triton.runtime.errors import InterpreterError


@triton.jit
def combine(a, b, to, OPERATION: tl.constexpr, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    if OPERATION == "add":
        found = tl.load(a + i) + tl.load(b + i)
    elif OPERATION == "sub":
        found = tl.load(a + i) - tl.load(b + i)
    else:
        found = tl.load(a + i) * tl.load(b + i)
    tl.store(to + i, found)


def combined(operation: str, a: int, b: int, dtype: torch.dtype, size: int = 2) -> list[int]:
    """Let the interpreter combine numbers of which only the last are not 1."""
    numbers = [torch.ones(size, dtype=dtype) for _ in range(3)]
    numbers[0][-1], numbers[1][-1] = a, b
    combine[(1,)](*numbers, OPERATION=operation, SIZE=size)
    return numbers[2].tolist()


@pytest.mark.parametrize(("operation", "a", "b"), [("add", 2**30, 2**30), ("sub", -(2**31), 1), ("mul", 2**16, 2**15)])
def test_whole_numbers_that_overflow(operation, a, b):
    with pytest.raises(InterpreterError, match=operation):
        combined(operation, a, b, torch.int32)
    last = {"add": a + b, "sub": a - b, "mul": a * b}[operation]
    assert combined(operation, a, b, torch.int64)[-1] == last
    assert combined("add", 2**30, 2**30 - 1, torch.int32) == [2, 2**31 - 1]


def test_sizes_that_are_not_powers_of_two():
    with pytest.raises(InterpreterError, match="power of 2"):
        combined("add", 1, 1, torch.int32, size=3)

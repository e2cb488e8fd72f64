"""These tests run GPU kernels on the CPU by Triton's interpreter, which Triton is told about before it is imported."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

if "triton" in sys.modules:
    raise RuntimeError("Triton is imported already, to compile kernels: run tests/interpreted on its own")
os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(autouse=True, scope="session")
def _quick() -> None:
    from tests.interpreted import quick  # which imports Triton

    quick.change_once_in_a_launch()
    quick.remember_types()
    quick.check_overflows_at_once()


@pytest.fixture(autouse=True, scope="session")
def _bfloat16_as_on_a_card() -> None:
    """Let the interpreter round to bfloat16 as cards do, to the nearest number, and multiply such numbers.

    It keeps them as whole numbers of 16 bits. By itself it cuts digits off, and multiplies the whole numbers.
    """
    import numpy as np
    import torch
    from triton import language
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    cast, dot = InterpreterBuilder.cast_impl, InterpreterBuilder.create_dot

    def widened(handle: Any) -> Any:
        if handle.dtype.scalar != language.bfloat16:
            return handle
        numbers = torch.from_numpy(np.ascontiguousarray(handle.data).view(np.int16)).view(torch.bfloat16)
        return TensorHandle(numbers.float().numpy(), language.float32)

    def casted(builder: Any, handle: Any, kind: Any) -> Any:
        if handle.dtype.scalar == language.float32 and kind.scalar == language.bfloat16:
            numbers = torch.from_numpy(np.ascontiguousarray(handle.data)).to(torch.bfloat16)
            return TensorHandle(numbers.view(torch.int16).numpy().view(np.uint16), language.bfloat16)
        return cast(builder, widened(handle), kind)

    def multiplied(builder: Any, a: Any, b: Any, *others: Any) -> Any:
        return dot(builder, widened(a), widened(b), *others)

    InterpreterBuilder.cast_impl, InterpreterBuilder.create_dot = casted, multiplied

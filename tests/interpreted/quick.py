"""Triton's interpreter, made quicker: what it computes and checks is the same.

It takes most of its time for what is the same each time: types and shapes of blocks, and constants. The checks of
overflows, for example, are made of a dozen of its own operations each.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from triton import language
from triton.language import core
from triton.language.semantic import TritonSemantic
from triton.runtime import interpreter

EXACT = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


def change_once_in_a_launch() -> None:
    """Let the functions of a module change Triton's operations to those of NumPy once in a launch, not at each call."""
    changed: set[int] = set()  # namespaces of modules, in the launch that is being made
    launch = interpreter.GridExecutor.__call__

    def launched(executor: Any, *args: Any, **constants: Any) -> None:
        changed.clear()
        launch(executor, *args, **constants)

    def called(function: Any, *args: Any, **constants: Any) -> Any:
        namespace = id(function.fn.__globals__)
        if namespace not in changed:
            interpreter._patch_lang(function.fn)
            changed.add(namespace)
        try:
            return function.rewrite()(*args, **constants)
        except Exception as error:
            raise interpreter.InterpreterError(repr(error)) from error

    interpreter.GridExecutor.__call__ = launched
    interpreter.InterpretedFunction.__call__ = called


def remember_types() -> None:
    """Let types of NumPy, and shapes of blocks and tensors, be made once each."""
    known = functools.cache(interpreter._get_np_dtype)
    pointer = np.dtype(np.uint64)

    def numpy_type(kind: Any) -> Any:
        scalar = kind.scalar
        return pointer if isinstance(scalar, language.pointer_type) else known(scalar)

    interpreter._get_np_dtype = numpy_type

    make_block = core.block_type.__init__
    blocks: dict[tuple[int, ...], tuple[Any, int, str]] = {}  # of a shape: as Triton keeps it, its size, its text

    def block(kind: Any, element: Any, shape: Any) -> None:
        plain = tuple(
            size.value if isinstance(size, core.constexpr) else size for size in getattr(shape, "value", shape)
        )
        if plain not in blocks:
            make_block(kind, element, shape)  # which refuses sizes that are not powers of two
            blocks[plain] = kind.shape, kind.numel, str(kind.shape)
        kind.element_ty = element
        kind.shape, kind.numel, text = blocks[plain]
        kind.name = f"<{text}, {element}>"

    core.block_type.__init__ = block

    tensors: dict[tuple[int, ...], tuple[Any, Any]] = {}  # of a shape: its size, and itself, as constants

    def tensor(made: Any, handle: Any, kind: Any) -> None:
        plain = tuple(kind.shape) if kind.is_block() else ()
        if plain not in tensors:
            sizes = core.tuple([core.constexpr(size) for size in plain])
            tensors[plain] = core.constexpr(math.prod(plain)), sizes
        made.handle, made.type, made.dtype = handle, kind, kind.scalar
        made.numel, made.shape = tensors[plain]

    core.tensor.__init__ = tensor


def check_overflows_at_once() -> None:
    """Let whole numbers that overflow be found by three operations of NumPy."""
    by_operations = TritonSemantic.binary_op_sanitize_overflow_impl

    def checked(semantic: Any, a: Any, b: Any, operation: Any) -> None:
        kind = a.handle.data.dtype
        if kind.itemsize == 8 or not semantic.builder.options.sanitize_overflow:
            return
        if kind.kind not in "iu":  # bits
            by_operations(semantic, a, b, operation)
            return
        exact = EXACT[operation.__name__](a.handle.data, b.handle.data, dtype=np.int64)
        limits = np.iinfo(kind)
        assert limits.min <= exact.min(), f"{operation.__name__} overflows"
        assert exact.max() <= limits.max, f"{operation.__name__} overflows"

    TritonSemantic.binary_op_sanitize_overflow_impl = checked

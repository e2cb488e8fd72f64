"""Products of matrices whose operands are rounded to bfloat16 or float16: mixed precision, simulated on any device.

Every product that torch makes inside `rounded` first rounds both of its operands to the nearest number of the narrow
type, ties to even; numbers beyond its range become infinite. A product of two such numbers is exact in float32, and
sums are float32: so are results. This is what tensor cores compute (Micikevicius et al. 2018, section 3.3), but for the
order of their sums. All else stays float32: weights, activations, biases, losses, sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnnctl.cells.base.section import REDUCED

_NARROW: dict[str, torch.dtype] = {name: getattr(torch, name) for name in REDUCED}

# The operations that products of matrices are made of, on their way to a device.
_PRODUCTS = ("mm", "bmm", "mv", "dot")
_SUMS_AND_PRODUCTS = ("addmm", "baddbmm", "addbmm", "addmv")  # their first argument is added to the product


def rounded(precision: str) -> AbstractContextManager[Any]:
    """Return a context in which torch's products have rounded operands; one without effect for a precision that is not
    one of REDUCED.
    """
    return _RoundedProducts(_NARROW[precision]) if precision in REDUCED else nullcontext()


def _overloads(names: Iterable[str]) -> list[Any]:
    """Return all forms of operations: those that return a result, and those that write it to a tensor."""
    packets = [getattr(torch.ops.aten, name) for name in names]
    return [getattr(packet, overload) for packet in packets for overload in packet.overloads()]


class _RoundedProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds the factors of every product, also of those that autograd makes."""

    # How many arguments of an operation come before its factors.
    before = {**dict.fromkeys(_overloads(_PRODUCTS), 0), **dict.fromkeys(_overloads(_SUMS_AND_PRODUCTS), 1)}

    def __init__(self, narrow: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.narrow = narrow

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled inside. To turn compilation off at each operation takes up to a quarter of a training."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        before = self.before.get(func)
        if before is not None:
            factors = (x.to(self.narrow).to(x.dtype) for x in args[before : before + 2])
            args = (*args[:before], *factors, *args[before + 2 :])
        return func(*args, **(kwargs or {}))

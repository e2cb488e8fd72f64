"""What arguments of several functions here can be: see rnnctl.arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from rnnctl.arguments import Rule, above, at_least, at_most, between, finite

Count = Annotated[int, at_least(1), at_most(10**9)]
Size = Annotated[int, at_least(1), at_most(100_000)]
Epoch = Annotated[int, at_least(0), at_most(10**9)]
Positive = Annotated[float, above(0), finite()]
Margin = Annotated[float, at_least(0), finite()]
Norm = Annotated[float, above(0)]  # infinity: gradients are never clipped
Decay = Annotated[float, above(0), between(0, 1)]
Seed = Annotated[int, at_least(0)] | np.random.Generator
TaskName = Literal["classification", "regression"]
Method = Literal["auto", "analytic", "numerical", "fast"]

if TYPE_CHECKING:
    Numbers = npt.ArrayLike
    Pair = tuple[npt.ArrayLike, npt.ArrayLike]
else:

    def _are_numbers(value: Any) -> bool:
        return np.asarray(value).dtype.kind in "biuf"

    def _is_pair(value: Any) -> bool:
        return isinstance(value, tuple | list) and len(value) == 2

    Numbers = Annotated[Any, Rule("an array of numbers", _are_numbers)]
    Pair = Annotated[Any, Rule("a pair of arrays, (X, y)", _is_pair)]

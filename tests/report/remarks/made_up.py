"""Made-up studies whose results are known, as results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

from rnnctl.report.results import Result
from tests.report.rows import blank

FLOOR = 1.386


class MadeUp(Result):
    """A run whose stored spec has its hyper-parameters by dotted key, and its task and unit."""

    __slots__ = ()

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.stored_spec.items() if key not in ("task", "unit")}

    @property
    def task(self) -> Any:
        return SimpleNamespace(name=self.stored_spec["task"], loss_unit=self.loss_unit, symbol=None)

    @property
    def loss_unit(self):
        return self.stored_spec["unit"]


def study(
    result: Callable[..., float | None],
    factors: Mapping[str, Sequence[float | str]],
    seeds: Sequence[int] = (1, 2, 3),
    task: str = "temporal_order",
    unit: str = "nats",
    **known: Any,
) -> list[Result]:
    """Return the finished runs of every combination of factors and seed. result: its loss, of seed and values.

    A run below the floor has broken it at update 100 + seed.
    """
    runs: list[Result] = []
    for values in product(*factors.values()):
        flat = dict(zip(factors, values, strict=True))
        label = " ".join(f"{name}={value}" for name, value in flat.items())
        for seed in seeds:
            loss = result(seed, **{name.rpartition(".")[2]: value for name, value in flat.items()})
            fields = {"run": f"{task} {label} seed={seed}", "config": f"{task} {label}", "group": label or "all"}
            broke = 100 + seed if loss is not None and loss < FLOOR else None
            run = blank(
                **fields,
                seed=seed,
                loss=loss,
                floor=FLOOR,
                broke_floor_at=broke,
                ended="budget",
                stored_spec={**flat, "task": task, "unit": unit},
                cls=MadeUp,
            )
            runs.append(replace(run, **known))
    return runs

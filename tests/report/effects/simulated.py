"""Simulated studies: settings do what they are told to do, and seeds do several kinds of things."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rnnctl.report.effects.importance import Table
from rnnctl.report.effects.trials import Trials
from tests.report.effects.design import study

GRID: Mapping[str, Sequence[float | str]] = {"a": [0, 1], "b": [0, 1, 2], "c": [0, 1, 2, 3]}
OWN = ("a", "b", "c")  # each configuration of a grid has its own seeds
WORDS: Mapping[str, Sequence[float | str]] = {"a": ["m", "n"], "b": ["p", "q", "r"], "c": ["u", "v", "w", "x"]}


@dataclass(frozen=True)
class Simulation:
    """What decides the logarithms of results: sums of normal draws, with these standard deviations.

    common: one draw for each seed, for all configurations alike. interacting: one for each seed and value of each
    hyper-parameter in `interacts`: a seed favours some settings. independent: one for each run. effects: what the
    values of each hyper-parameter add, whatever the seed; none of those that are missing. nested: configurations that
    differ in one of these hyper-parameters have different seeds; all other configurations share theirs.
    """

    common: float = 0.0
    interacting: float = 0.0
    independent: float = 0.0
    seeds: int = 3
    effects: Mapping[str, Sequence[float]] = field(default_factory=dict)
    grid: Mapping[str, Sequence[float | str]] = field(default_factory=lambda: GRID)
    interacts: Sequence[str] = ("a", "b", "c")
    nested: Sequence[str] = ()

    def truth(self, **one: float | str) -> float:
        """Return what the values of hyper-parameters add up to, whatever the seed."""
        return sum(values[self.grid[name].index(one[name])] for name, values in self.effects.items())

    def trials(self, number: int) -> Trials:
        """Return one simulated study. The same number gives the same study."""
        rng = np.random.default_rng([number, self.seeds])
        common: dict[int, float] = {}
        favours: dict[tuple[int, str, float | str], float] = {}
        blocks: dict[tuple[float | str, ...], int] = {}

        def own_seed(seed: int, one: Mapping[str, float | str]) -> int:
            block = tuple(one[name] for name in self.nested)
            return seed + self.seeds * blocks.setdefault(block, len(blocks))

        def result(seed: int, **one: float | str) -> float:
            seed = own_seed(seed, one)
            if seed not in common:
                common[seed] = rng.normal(0, self.common)
            total = 1 + self.truth(**one) + common[seed] + rng.normal(0, self.independent)
            for name in self.interacts:
                key = seed, name, one[name]
                if key not in favours:
                    favours[key] = rng.normal(0, self.interacting)
                total += favours[key]
            return math.exp(total)

        runs = study(result, self.grid, seeds=tuple(range(1, self.seeds + 1)))
        if self.nested:
            runs = [replace(run, seed=own_seed(run.seed, run.parameters)) for run in runs]
        return Trials.of(runs, "loss")

    def tables(self, studies: int) -> Iterator[Table]:
        """Yield the tables of so many studies."""
        return (Table.of(self.trials(number)) for number in range(studies))

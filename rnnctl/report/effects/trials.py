"""Runs as a table: results by configuration and seed, and the hyper-parameters that vary over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from plots import parameter_axis
from rnnctl.report.parameters import varying

if TYPE_CHECKING:
    from rnnctl.report.results import Result

MANY = 8  # more different numbers than this are drawn, not chosen: no two runs share one
GROUPS = 4  # as many groups of neighbours are then compared instead


def value_text(value: float | str) -> str:
    """A value as tables and figures name it."""
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Level:
    """A value of a hyper-parameter, or a group of neighbouring numbers, and where it stands."""

    value: float | str
    at: np.ndarray  # (configurations,) of bool


@dataclass(frozen=True)
class Factor:
    """A hyper-parameter that varies. values: of every configuration, numbers as floats and all else as words.

    follow: the hyper-parameters whose value follows from this one's in all configurations, so that nothing can be said
    of them on their own.
    """

    name: str
    values: list[float | str]
    follow: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """The one line that says what follows from it."""
        return f"{', '.join(self.follow)} follow{'s' * (len(self.follow) == 1)} from {self.name}"

    @cached_property
    def numbers(self) -> list[float]:
        """The different numbers among the values, ascending."""
        return sorted({value for value in self.values if isinstance(value, float)})

    @property
    def drawn(self) -> bool:
        """Whether its numbers are too many for runs to share them."""
        return len(self.numbers) > MANY

    @cached_property
    def levels(self) -> list[Level]:
        """In the order in which they stand on an axis; of many numbers, four groups of about as many configurations."""
        distinct = sorted(set(self.values), key=parameter_axis.category_order)
        if not self.drawn:
            return [Level(value, self._where([value])) for value in distinct]
        ascending = sorted(value for value in self.values if isinstance(value, float))
        starts = [ascending[len(ascending) * i // GROUPS] for i in range(GROUPS)]
        groups: dict[int, list[float]] = {}
        for value in self.numbers:
            groups.setdefault(int(np.searchsorted(starts, value, side="right")), []).append(value)
        found = [
            Level(f"{group[0]:.3g} to {group[-1]:.3g}" if len(group) > 1 else group[0], self._where(group))
            for group in groups.values()
        ]
        return found + [Level(word, self._where([word])) for word in distinct if isinstance(word, str)]

    def _where(self, some: Sequence[float | str]) -> np.ndarray:
        wanted = set(some)
        return np.array([value in wanted for value in self.values])


@dataclass(frozen=True)
class Trials:
    """values, config, seed: (runs,), a finite result, the index of its configuration, its seed.

    labels, factors: of the configurations.
    """

    values: np.ndarray
    config: np.ndarray
    seed: np.ndarray
    labels: list[str]
    factors: list[Factor]

    @classmethod
    def of(cls, results: Iterable[Result], key: str, *, empty: bool = False) -> Trials:
        """Return one measure of these runs as a table.

        Runs without a finite value are left out. A run that several studies share counts once. empty: whether to keep
        configurations without any value.
        """
        index: dict[str, int] = {}
        labels: list[str] = []
        flat: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        rows = []
        for run in results:
            value = run.value(key)
            finite = value is not None and math.isfinite(value)
            if run.run in seen or not (finite or empty):
                continue
            seen.add(run.run)
            if run.config not in index:
                index[run.config] = len(labels)
                labels.append(run.group)
                flat.append(run.parameters)
            if finite:
                rows.append((value, index[run.config], run.seed))
        values, config, seed = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(values, dtype=float), np.array(config, dtype=int), np.array(seed, dtype=int), labels, factors(flat)
        )

    @cached_property
    def counts(self) -> np.ndarray:
        """(configurations,) Runs of each."""
        return np.bincount(self.config, minlength=len(self.labels))

    def where(self, kept: np.ndarray) -> Trials:
        """Some of the runs (a mask), with the same configurations, of which some may then have none."""
        return Trials(self.values[kept], self.config[kept], self.seed[kept], self.labels, self.factors)


def factors(flat: Sequence[Mapping[str, Any]]) -> list[Factor]:
    """The hyper-parameters that vary over configurations (see rnnctl.report.parameters), each that can be told apart.

    One follows from another if the other's value always says its own: those that change together (of which the first
    stands for all), the connections of an init, its activation. It gets no entry, unless the other has a value of its
    own in every configuration and so says everything.
    """
    names = varying(flat)
    columns = {
        name: [parameter_axis.plain(one.get(name, parameter_axis.NOT_SET)) for one in flat]
        for name in names
    }  # fmt: skip
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    follow: dict[str, list[str]] = {name: [] for name in columns}
    for name in columns:
        leader = next((other for other in columns if other in follow and _says(columns, other, name)), None)
        if leader is not None:
            follow[leader] += [name, *follow.pop(name)]
    return [Factor(name, columns[name], tuple(names)) for name, names in follow.items()]


def _says(columns: Mapping[str, list], leader: str, name: str) -> bool:
    """Whether `name` follows from `leader`."""
    ours, theirs = columns[name], columns[leader]
    pairs, values = len(set(zip(theirs, ours, strict=True))), len(set(theirs))
    numbers = {value for value in theirs if isinstance(value, float)}
    if name == leader or pairs > values or len(numbers) > MANY:
        return False
    if len(set(ours)) == values:  # they change together
        return list(columns).index(leader) < list(columns).index(name)
    return values < len(theirs) or name.startswith(f"{leader}.")

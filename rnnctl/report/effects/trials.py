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

MANY = 8  # a hyper-parameter with more different numbers was drawn at random: no two runs share a value
GROUPS = 4  # its neighbouring values are compared in this many groups


def value_text(value: float | str) -> str:
    """Return a value as tables and figures name it."""
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Level:
    """A value of a hyper-parameter, or a group of neighbouring numbers, and which configurations have it."""

    value: float | str
    at: np.ndarray  # (configurations,) of bool


@dataclass(frozen=True)
class Factor:
    """A hyper-parameter that varies.

    values: one for each configuration, numbers as floats and everything else as words. follow: the hyper-parameters
    whose value follows from this one in all configurations, so that their own effect is unknown.
    """

    name: str
    values: list[float | str]
    follow: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """One line that names the hyper-parameters that follow from this one."""
        return f"{', '.join(self.follow)} follow{'s' * (len(self.follow) == 1)} from {self.name}"

    @cached_property
    def numbers(self) -> list[float]:
        """The different numbers among the values, in ascending order."""
        return sorted({value for value in self.values if isinstance(value, float)})

    @property
    def drawn(self) -> bool:
        """Whether the numbers were drawn at random, so that no two runs share a value."""
        return len(self.numbers) > MANY

    @cached_property
    def levels(self) -> list[Level]:
        """The values in the order of an axis; for many numbers, groups of about equally many configurations."""
        distinct = sorted(set(self.values), key=parameter_axis.category_order)
        if not self.drawn:
            return [Level(value, self._where([value])) for value in distinct]
        ascending = sorted(value for value in self.values if isinstance(value, float))
        starts = [ascending[len(ascending) * i // GROUPS] for i in range(GROUPS)]
        groups: dict[int, list[float]] = {}
        for value in self.numbers:
            groups.setdefault(int(np.searchsorted(starts, value, side="right")), []).append(value)
        numbers = [
            Level(f"{group[0]:.3g} to {group[-1]:.3g}" if len(group) > 1 else group[0], self._where(group))
            for group in groups.values()
        ]
        return numbers + [Level(word, self._where([word])) for word in distinct if isinstance(word, str)]

    def _where(self, values: Sequence[float | str]) -> np.ndarray:
        wanted = set(values)
        return np.array([value in wanted for value in self.values])


@dataclass(frozen=True)
class Trials:
    """Runs with a finite result, and their configurations.

    values, config, seed: (runs,) the result, the index of the configuration, the seed. labels: one for each
    configuration. factors: the hyper-parameters that vary over configurations.
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
        """The number of runs of each configuration, (configurations,)."""
        return np.bincount(self.config, minlength=len(self.labels))

    def where(self, kept: np.ndarray) -> Trials:
        """Return the runs of a mask (runs,), with the same configurations; some of them may then have no run."""
        return Trials(self.values[kept], self.config[kept], self.seed[kept], self.labels, self.factors)


def factors(flat: Sequence[Mapping[str, Any]]) -> list[Factor]:
    """Return the hyper-parameters that vary over configurations and whose effects can be told apart.

    flat: the hyper-parameters of each configuration (see rnnctl.report.parameters). One follows from another if the
    other's value determines its own: hyper-parameters that change together (the first stands for all of them), or the
    connections of an init. It has no entry, unless the other has a different value in every configuration and so
    determines everything.
    """
    columns = {
        name: [parameter_axis.plain(settings.get(name, parameter_axis.NOT_SET)) for settings in flat]
        for name in varying(flat)
    }
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    follow: dict[str, list[str]] = {name: [] for name in columns}
    for name in columns:
        leader = next((other for other in columns if other in follow and _determines(columns, other, name)), None)
        if leader is not None:
            follow[leader] += [name, *follow.pop(name)]
    return [Factor(name, columns[name], tuple(names)) for name, names in follow.items()]


def _determines(columns: Mapping[str, list[float | str]], leader: str, name: str) -> bool:
    """Return whether the values of `name` follow from those of `leader`."""
    ours, theirs = columns[name], columns[leader]
    pairs, values = len(set(zip(theirs, ours, strict=True))), len(set(theirs))
    numbers = {value for value in theirs if isinstance(value, float)}
    if name == leader or pairs > values or len(numbers) > MANY:
        return False
    if len(set(ours)) == values:  # they change together
        return list(columns).index(leader) < list(columns).index(name)
    return values < len(theirs) or name.startswith(f"{leader}.")

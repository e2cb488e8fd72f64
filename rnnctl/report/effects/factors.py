"""The hyper-parameters that vary over configurations, and which of them follow from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from plots.values import NOT_SET, category_order, plain
from rnnctl.report.parameters import flat_name, varying

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
class Follower:
    """A hyper-parameter whose value follows from those of others in all configurations.

    leaders: the others. pairs: for a single leader, its values and the value that follows from each.
    """

    name: str
    leaders: tuple[str, ...]
    pairs: tuple[tuple[float | str, float | str], ...] = ()

    @property
    def remark(self) -> str:
        """One line, with the values if they are few: `model.activation follows model.name: gru tanh, rnn relu`."""
        *others, last = self.leaders
        if others:
            return f"{self.name} follows {', '.join(others)} and {last} together"
        known = [(value, mine) for value, mine in self.pairs if mine != NOT_SET]
        values = ", ".join(f"{value_text(value)} {value_text(mine)}" for value, mine in known)
        return f"{self.name} follows {last}" + (f": {values}" if 0 < len(known) <= MANY else "")


@dataclass(frozen=True)
class Factor:
    """A hyper-parameter that varies.

    values: one for each configuration, numbers as floats and everything else as words. followers: the hyper-parameters
    whose value follows from this one, so that their own effect is unknown.
    """

    name: str
    values: list[float | str]
    followers: tuple[Follower, ...] = ()

    @property
    def follow(self) -> tuple[str, ...]:
        """The names of the followers."""
        return tuple(follower.name for follower in self.followers)

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
        distinct = sorted(set(self.values), key=category_order)
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
class Varied:
    """The hyper-parameters that vary over configurations and whose effects can be told apart.

    together: those that follow from several of these together, and from none of them alone. written: the values of
    each configuration at the keys that the study sets and that vary.
    """

    factors: list[Factor]
    written: dict[str, list[float | str]] = field(default_factory=dict)
    together: list[Follower] = field(default_factory=list)

    @property
    def followers(self) -> list[Follower]:
        """All hyper-parameters that follow from others."""
        return [follower for factor in self.factors for follower in factor.followers] + self.together


def varied(
    flat: Sequence[Mapping[str, Any]],
    written: Mapping[str, Sequence[float | str]] | None = None,
    *,
    complete: bool = False,
) -> Varied:
    """Return the hyper-parameters that vary over configurations, and what follows from them.

    flat: the hyper-parameters of each configuration (see rnnctl.report.parameters). written: the values of each
    configuration at the keys that its study sets. complete: whether nothing but these keys makes configurations differ.

    One follows from another if the other's value determines its own: hyper-parameters that change together (the first
    stands for all of them), or the connections of an init. It has no entry, unless the other has a different value in
    every configuration and so determines everything. Written keys come first: they never follow from others.
    """
    columns = {name: list(values) for name, values in (written or {}).items() if len(set(values)) > 1}
    ours = set(columns)
    known = {flat_name(name.split(".")): name for name in columns}
    for name in (name for name in varying(flat) if name not in ours):
        values = [plain(settings.get(name, NOT_SET)) for settings in flat]
        same = known.get(name)  # a written key that this is another name of
        if len(set(values)) > 1 and not (same and _partition(columns[same]) == _partition(values)):
            columns[name] = values
    leading: dict[str, list[str]] = {name: [] for name in columns}
    for name in columns:
        leaders = (
            other
            for other in leading
            if (other in ours or name not in ours)
            and _determines(columns, other, name, sure=complete and ours == {other})
        )
        if (leader := next(leaders, None)) is not None:
            leading[leader] += [name, *leading.pop(name)]
    together = []
    for name in [name for name in leading if complete and name not in ours]:
        if leaders_of_it := _determined_together(columns, [other for other in leading if other in ours], name):
            together += [Follower(follower, leaders_of_it) for follower in (name, *leading.pop(name))]
    return Varied(
        factors=[
            Factor(leader, columns[leader], tuple(_follower(columns, leader, name) for name in names))
            for leader, names in leading.items()
        ],
        written={name: columns[name] for name in columns if name in ours},
        together=together,
    )


def _follower(columns: Mapping[str, list[float | str]], leader: str, name: str) -> Follower:
    pairs = set(zip(columns[leader], columns[name], strict=True))
    return Follower(name, (leader,), tuple(sorted(pairs, key=lambda pair: category_order(pair[0]))))


def _partition(values: Sequence[float | str]) -> list[int]:
    """Return, for each configuration, the first one with the same value."""
    first: dict[float | str, int] = {}
    return [first.setdefault(value, i) for i, value in enumerate(values)]


def _determines(columns: Mapping[str, list[float | str]], leader: str, name: str, *, sure: bool) -> bool:
    """Return whether the values of `name` follow from those of `leader`. sure: whether nothing else can decide them."""
    ours, theirs = columns[name], columns[leader]
    pairs, values = len(set(zip(theirs, ours, strict=True))), len(set(theirs))
    numbers = {value for value in theirs if isinstance(value, float)}
    if name == leader or pairs > values:
        return False
    if sure:
        return True
    if len(numbers) > MANY:
        return False
    if len(set(ours)) == values:  # they change together
        return list(columns).index(leader) < list(columns).index(name)
    return values < len(theirs) or name.startswith(f"{flat_name(leader.split('.'))}.")


def _determined_together(
    columns: Mapping[str, list[float | str]], leaders: Sequence[str], name: str
) -> tuple[str, ...] | None:
    """Return the fewest of these hyper-parameters whose values together determine those of `name`, at least two."""
    for chosen in (*combinations(leaders, 2), tuple(leaders)):
        rows = list(zip(*(columns[leader] for leader in chosen), strict=True))
        if len(chosen) > 1 and len(set(zip(rows, columns[name], strict=True))) == len(set(rows)):
            return chosen
    return None

"""Runs as a table: results by configuration and seed, and the hyper-parameters that vary over them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.report.effects.factors import Factor, Varied, varied
from rnnctl.report.effects.written import written_columns

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys


@dataclass(frozen=True)
class Trials:
    """Runs with a finite result, and their configurations.

    values, config, seed: (runs,) the result, the index of the configuration, the seed. configs, labels: ids and labels
    of the configurations. varied: the hyper-parameters that vary over configurations.
    """

    values: np.ndarray
    config: np.ndarray
    seed: np.ndarray
    configs: list[str]
    labels: list[str]
    varied: Varied

    @classmethod
    def of(cls, results: Iterable[Result], key: str, *, keys: WrittenKeys | None = None, empty: bool = False) -> Trials:
        """Return one measure of these runs as a table.

        Runs without a finite value are left out. A run that several studies share counts once. keys: those that
        the studies of these runs set, to name hyper-parameters by. empty: whether to keep configurations without any
        value.
        """
        index: dict[str, int] = {}
        firsts: list[Result] = []
        seen: set[str] = set()
        rows = []
        for run in results:
            value = run.value(key)
            finite = value is not None and math.isfinite(value)
            if run.run in seen or not (finite or empty):
                continue
            seen.add(run.run)
            if run.config not in index:
                index[run.config] = len(firsts)
                firsts.append(run)
            if finite:
                rows.append((value, index[run.config], run.seed))
        values, config, seed = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(values, dtype=float),
            np.array(config, dtype=int),
            np.array(seed, dtype=int),
            list(index),
            [run.group for run in firsts],
            varied(
                [run.parameters for run in firsts],
                None if keys is None else written_columns(firsts, keys),
                complete=keys is not None and len({run.study for run in firsts}) == 1,
            ),
        )

    @property
    def factors(self) -> list[Factor]:
        """The hyper-parameters whose effects can be told apart."""
        return self.varied.factors

    @cached_property
    def parameters(self) -> dict[str, dict[str, float | str]]:
        """The values of the varied hyper-parameters, by id of the configuration."""
        return {
            config: {factor.name: factor.values[i] for factor in self.factors} for i, config in enumerate(self.configs)
        }

    @cached_property
    def all_parameters(self) -> dict[str, dict[str, float | str]]:
        """The same with written keys that follow from others, in the order in which the study sets them."""
        columns = self.varied.written or {factor.name: factor.values for factor in self.factors}
        more = {factor.name: factor.values for factor in self.factors if factor.name not in columns}
        return {
            config: {name: values[i] for name, values in (columns | more).items()}
            for i, config in enumerate(self.configs)
        }

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of runs of each configuration, (configurations,)."""
        return np.bincount(self.config, minlength=len(self.labels))

    def where(self, kept: np.ndarray) -> Trials:
        """Return the runs of a mask (runs,), with the same configurations; some of them may then have no run."""
        return Trials(self.values[kept], self.config[kept], self.seed[kept], self.configs, self.labels, self.varied)

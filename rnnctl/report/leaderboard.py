"""Configurations ranked by what their runs came to, with the spread over replicates and the floor beside every
figure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from store.queries import RunRow

_SEED = re.compile(r"(?:^|\s)seed=\d+(?=\s|$)")


def group_label(label: str) -> str:
    """A run's label without its seed: what its replicates share."""
    return _SEED.sub("", label).strip() or "all"


def result(row: RunRow) -> dict[str, Any]:
    """One run as a flat record: who it is, how it ended, its figures. Losses in the task's unit, errors as shares."""
    summary = row.summary
    measured = {key: measure.read(summary) for key, measure in MEASURES.items()}
    loss, bits, floor = measured["loss"], measured["bits_per_byte"], summary.get("floor")
    return {
        "study": row.study,
        "label": row.label,
        "group": group_label(row.label),
        "run": row.run_id,
        "config": row.config_id,
        "seed": row.spec["seed"],
        "ended": row.outcome or row.status,
        "updates": row.step,
        "budget": row.total,
        "loss": loss,
        "bits_per_byte": bits,
        "last_loss": measured["last_loss"],
        "floor": floor,
        "floor_bits_per_byte": bits and loss and floor * bits / loss,
        "error": measured["error"],
        "last_error": measured["last_error"],
        "chance_error": summary.get("chance_error"),
        "best_at": summary.get("best_step"),
        "broke_floor_at": summary.get("broke_floor_at"),
        "samples": (summary.get("last") or {}).get("valid_samples"),
        "seconds": summary.get("seconds"),
        "exact": row.exact,
    }


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (None of one value) and number of the values that there are."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """None where there is no value."""
        found = [value for value in values if value is not None]
        if not found:
            return None
        n = len(found)
        mean = math.fsum(found) / n
        # Not statistics.stdev, whose exact fractions take most of the time of a leaderboard over thousands of runs.
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in found) / (n - 1)) if n > 1 else None
        return cls(mean, sd, n)


@dataclass(frozen=True)
class Configuration:
    """The replicates of one configuration within a study."""

    study: str
    label: str
    config: str
    runs: list[dict[str, Any]]  # see `result`
    parameters: dict[str, Any]  # see rnnctl.report.parameters; filled in only where it is asked for

    def spread(self, figure: str) -> Spread | None:
        """Of one figure of `result` over the replicates that have it."""
        return Spread.of(run[figure] for run in self.runs)

    def first(self, figure: str) -> Any:
        """A figure that all replicates share, such as the floor."""
        return next((run[figure] for run in self.runs if run[figure] is not None), None)

    @property
    def ends(self) -> dict[str, int]:
        """How many ended how, most frequent first."""
        found: dict[str, int] = {}
        for run in self.runs:
            found[run["ended"]] = found.get(run["ended"], 0) + 1
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def broke_floor(self) -> list[int]:
        """Updates at which the floor broke, of those replicates where it did, first to last."""
        return sorted(run["broke_floor_at"] for run in self.runs if run["broke_floor_at"] is not None)


def configurations(results: Sequence[dict[str, Any]], parameters: Sequence[dict[str, Any]] = ()) -> list[Configuration]:
    """Results grouped by study and configuration, in order of first appearance."""
    groups: dict[tuple[str, str], Configuration] = {}
    for i, run in enumerate(results):
        key = (run["study"], run["config"])
        if key not in groups:
            of = parameters[i] if parameters else {}
            groups[key] = Configuration(run["study"], run["group"], run["config"], [], of)
        groups[key].runs.append(run)
    return list(groups.values())


SORTABLE = (*MEASURES, "broke_floor_at", "updates", "seconds", "label", "study")


def rank(groups: Sequence[Configuration], key: str) -> list[Configuration]:
    """Smallest first by a figure's mean, a label or a hyper-parameter; configurations without it last, order kept."""

    def order(group: Configuration) -> tuple:
        value = _value(group, key)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return (2, 0, "")
        return (1, 0, value) if isinstance(value, str) else (0, value, "")

    return sorted(groups, key=order)


def _value(group: Configuration, key: str) -> Any:
    if key in ("label", "study"):
        return getattr(group, key)
    if key in SORTABLE:
        spread = group.spread(key)
        return None if spread is None else spread.mean
    return group.parameters.get(key)

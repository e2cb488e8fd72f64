"""Which runs a figure shows that has room for a few only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import plots
from rnnctl.report.results import Result


def choose(results: Sequence[Result], most: int) -> list[Result]:
    """Return at most `most` runs, in order: the first replicate of every configuration before the second of any.

    If there are more configurations than that, those are chosen that `covering` names first.
    """
    wanted = set(covering(results, most))
    candidates = [run for run in results if (run.study, run.config) in wanted]
    positions = plots.first_of_each([(run.study, run.config) for run in candidates], most)
    return [candidates[position] for position in positions]


def covering(results: Sequence[Result], most: int) -> list[tuple[str, str]]:
    """Return study and id of at most `most` configurations whose hyper-parameters cover those of all of them.

    The first configuration comes first. Then, again and again, the one with most values that none before it has; of
    equals, the one whose values are the rarest so far. Numbers with many values are taken in `most` ranges with equally
    many values.
    """
    first = {(run.study, run.config): run for run in reversed(results)}
    identities = list(dict.fromkeys((run.study, run.config) for run in results))
    if len(identities) <= most:
        return identities
    values = _coarse([first[identity].parameters for identity in identities], most)
    seen: Counter[tuple[str, object]] = Counter()
    left = dict(zip(identities, values, strict=True))
    chosen: list[tuple[str, str]] = []
    while len(chosen) < most:
        # min() takes the first of equals, which is the first in the order of the results.
        identity = min(left, key=lambda key: (-sum(not seen[pair] for pair in left[key]), _known(seen, left[key])))
        seen.update(left.pop(identity))
        chosen.append(identity)
    return chosen


def _known(seen: Counter[tuple[str, object]], pairs: Sequence[tuple[str, object]]) -> int:
    return sum(seen[pair] for pair in pairs)


def _coarse(parameters: Sequence[Mapping[str, Any]], most: int) -> list[list[tuple[str, object]]]:
    """Return the hyper-parameters that vary as pairs of key and value, for each configuration."""
    names = dict.fromkeys(name for each in parameters for name in each)
    pairs: list[list[tuple[str, object]]] = [[] for _ in parameters]
    for name in names:
        values = [each.get(name) for each in parameters]
        words = [json.dumps(value, default=str) for value in values]
        if len(set(words)) == 1:
            continue
        numbers: list[float] = sorted({value for value in values if _is_number(value)})
        ranges = {value: rank * most // len(numbers) for rank, value in enumerate(numbers)}
        for i, (value, word) in enumerate(zip(values, words, strict=True)):
            coarse = ranges[value] if _is_number(value) and len(numbers) > most else word
            pairs[i].append((name, coarse))
    return pairs


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)

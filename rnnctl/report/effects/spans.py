"""Spans: which hyper-parameter moves the result most, over studies that vary one each and share a baseline.

The configurations that count are the baseline and those that differ from it in one hyper-parameter, or in one section
(an initialisation and its settings are one choice). The span of a hyper-parameter is the highest of the means at its
values less the lowest one. It depends on how far the values were varied, and the greatest of several noisy means lies
too high: the span of values that do nothing is above 0, by about one to three of its errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnctl.report.effects.factors import value_text
from rnnctl.spread import Spread

if TYPE_CHECKING:
    from rnnctl.report.results import Result


class NoBaseline(ValueError):
    """There is no configuration that all studies share. str() is the reason."""


@dataclass(frozen=True)
class At:
    """The result at one value. spread: over seeds."""

    value: str
    spread: Spread


@dataclass(frozen=True)
class Span:
    """Values of a hyper-parameter, the baseline's among them, from the lowest mean to the highest.

    span: highest less lowest mean, over the seeds that both have. error: its standard error over these; None with fewer
    than two. seeds: their number; if it is 0, the span is the difference of the means.
    """

    name: str
    values: list[At]
    span: float
    error: float | None
    seeds: int


@dataclass(frozen=True)
class Spans:
    """The spans, greatest first. baseline: the label of that configuration. left_out: configurations that differ from
    it in several hyper-parameters.
    """

    baseline: str
    spans: list[Span]
    left_out: int


def spans(results: Sequence[Result], key: str) -> Spans:
    """Return the spans of a measure over the runs of several studies, in each of which a shared run counts.

    Raise NoBaseline if no configuration with a result is part of all studies.
    """
    configs: dict[str, list[Result]] = {}
    studies: dict[str, set[str]] = {}
    for run in results:
        if (value := run.value(key)) is None or not math.isfinite(value):
            continue
        studies.setdefault(run.config, set()).add(run.study)
        if all(other.run != run.run for other in configs.setdefault(run.config, [])):
            configs[run.config].append(run)
    wanted = {run.study for run in results}
    shared = [config for config, names in studies.items() if names == wanted]
    if not shared:
        raise NoBaseline(f"no configuration with a result is part of all of these studies: {', '.join(sorted(wanted))}")
    candidates = [_around(configs, config, key) for config in shared]
    return max(candidates, key=lambda each: sum(len(span.values) for span in each.spans))


def _around(configs: Mapping[str, list[Result]], baseline: str, key: str) -> Spans:
    base = configs[baseline][0]
    by_name: dict[str, list[list[Result]]] = {}
    left_out = 0
    for config, runs in configs.items():
        names = [] if config == baseline else differing(base.parameters, runs[0].parameters)
        if len(names) == 1:
            by_name.setdefault(names[0], []).append(runs)
        else:
            left_out += config != baseline
    result = [_span(name, [configs[baseline], *others], key) for name, others in by_name.items()]
    return Spans(base.group, sorted(result, key=lambda span: -span.span), left_out)


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the hyper-parameters in which two flat specs differ; of a section that differs as a whole, its name."""
    missing = object()
    names = [name for name in dict.fromkeys((*a, *b)) if a.get(name, missing) != b.get(name, missing)]
    return [name for name in names if not any(name.startswith(f"{other}.") for other in names)]


def _values(runs: Sequence[Result], name: str) -> list[str]:
    """Return the value of each run at a hyper-parameter as text, with the settings below it in which they differ."""
    rows = [{key: _text(value) for key, value in run.parameters.items() if key.startswith(f"{name}.")} for run in runs]
    keys = dict.fromkeys(key for row in rows for key in row)
    differ = [key for key in keys if len({row.get(key) for row in rows}) > 1]
    texts = []
    for run, row in zip(runs, rows, strict=True):
        head = _text(run.parameters[name]) if name in run.parameters else "not set"
        below = [f"{key.removeprefix(f'{name}.')}={row[key]}" for key in differ if key in row]
        texts.append(f"{head}({','.join(below)})" if below else head)
    return texts


def _text(value: Any) -> str:
    return value_text(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _span(name: str, configurations: Sequence[list[Result]], key: str) -> Span:
    measured: list[tuple[At, dict[int, float]]] = []
    texts = _values([runs[0] for runs in configurations], name)
    for text, runs in zip(texts, configurations, strict=True):
        by_seed = {run.seed: value for run in runs if (value := run.value(key)) is not None}
        if (spread := Spread.of(by_seed.values())) is not None:
            measured.append((At(text, spread), by_seed))
    measured.sort(key=lambda each: each[0].spread.mean)
    (lowest, low), (highest, high) = measured[0], measured[-1]
    difference = Spread.of(high[seed] - low[seed] for seed in low.keys() & high.keys())
    ats = [at for at, _ in measured]
    if difference is None:
        return Span(name, ats, highest.spread.mean - lowest.spread.mean, None, 0)
    error = None if difference.sd is None else difference.sd / math.sqrt(difference.n)
    return Span(name, ats, difference.mean, error, difference.n)

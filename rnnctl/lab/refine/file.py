"""The file of a refined study: what all configurations share as `base`, and a labelled case for each.

Cases are written out key by key, and nothing is left to defaults; their comments say where they come from. The file
alone registers the same runs in any workspace. The lineage of the runs is kept in the database.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rnnctl.lab.refine.offspring import Offspring, RefinedCase
from rnnctl.study.yaml import flow
from rnnctl.words import one_line

WIDTH = 88
Leaves = dict[tuple[str, ...], Any]


def written(name: str, about: str, cases: Sequence[RefinedCase]) -> str:
    """Return the text of the study file. about: one paragraph a line."""
    settings = [_settings(case) for case in cases]
    shared = {
        path: value for path, value in settings[0].items() if all(_has(leaves, path, value) for leaves in settings)
    }
    lines = [f"study: {name}", "about: |"]
    for paragraph in about.splitlines():
        lines += [f"  {one_line(line)}" for line in textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False)]
    if shared:
        lines += ["base:", *_sections(shared)]
    lines.append("cases:")
    for case, leaves in zip(cases, settings, strict=True):
        lines += [f"  # {one_line(line)}" for line in _origins(case.child)]
        different = {".".join(path): value for path, value in leaves.items() if path not in shared}
        lines.append(f"  {case.name}: {flow(different)}")
    if cases[0].seed is None:
        lines.append(f"seeds: {flow(cases[0].child.seeds)}")
    return "\n".join(lines) + "\n"


def _settings(case: RefinedCase) -> Leaves:
    """Return everything that a case sets; the seed only if seeds are not an axis."""
    leaves = dict(_leaves(case.child.spec.canonical()))
    del leaves["seed",]
    return leaves if case.seed is None else {**leaves, ("seed",): case.seed}


def _origins(child: Offspring) -> Iterator[str]:
    for origin in child.origins:
        spread = origin.chosen.spread
        sd = "" if spread.sd is None else f" ± {spread.sd:.2g}"
        yield f"{origin}, no {origin.rank} with {spread.mean:.4g}{sd}"


def _leaves(section: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _has(leaves: Leaves, path: tuple[str, ...], value: Any) -> bool:
    """Return whether a leaf is equal and of the same type: a share of 1.0 is not a count of 1."""
    return path in leaves and (type(leaves[path]), leaves[path]) == (type(value), value)


def _sections(shared: Leaves) -> Iterator[str]:
    nested: dict[str, Any] = {}
    for path, value in shared.items():
        section = nested
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = value
    for name, value in nested.items():
        yield f"  {name}: {flow(value)}"

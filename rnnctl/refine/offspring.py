"""What the chosen configurations become: each variant that applies to them, equal results merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from rnnctl.refine.selection import Chosen
from rnnctl.study.errors import SpecError
from rnnctl.study.names import is_name
from rnnctl.study.recipe import Recipe, Variant
from rnnctl.study.run import RunSpec
from store.lineage import Descent


@dataclass(frozen=True)
class Origin:
    """One way to a configuration. number: the rank of the chosen one, from 1."""

    number: int
    chosen: Chosen
    variant: Variant

    def __str__(self) -> str:
        return f"{self.variant.name} of {self.chosen.label}"


@dataclass
class Offspring:
    """A configuration of the new study. origins: the first names it, the others were merged with it."""

    spec: RunSpec  # of any seed
    seeds: list[int]
    origins: list[Origin] = field(default_factory=list)

    def run(self, seed: int) -> RunSpec:
        return RunSpec.model_validate({**self.spec.canonical(), "seed": seed})

    def descents(self) -> Iterator[Descent]:
        """From which runs of the chosen ones each run comes. A run that a variant leaves as it is comes from none."""
        for seed in self.seeds:
            run_id = self.run(seed).run_id
            for origin in self.origins:
                parent = origin.chosen.parent(seed).run_id
                if parent != run_id:
                    yield Descent(run_id, parent, origin.variant.name)


def offspring(chosen: Sequence[Chosen], recipe: Recipe) -> list[Offspring]:
    """The new configurations: those of the best one first, in the order of the variants.

    Raises SpecError, at its place in the recipe, for a change that some configuration cannot take.
    """
    found: dict[str, Offspring] = {}
    for number, one in enumerate(chosen, start=1):
        spec = _read(one)
        seeds = recipe.seeds or one.seeds
        for variant in recipe.variants:
            if not variant.applies(spec):
                continue
            changed = _changed(spec, variant, one, recipe.file)
            child = found.setdefault(changed.config_id, Offspring(changed, []))
            child.origins.append(Origin(number, one, variant))
            child.seeds[:] = sorted({*child.seeds, *seeds})
    return list(found.values())


def _read(one: Chosen) -> RunSpec:
    row = one.rows[0]
    try:
        spec = RunSpec.model_validate(row.spec)
    except ValidationError as error:
        problem = error.errors()[0]
        what = f"cannot be read by this version of rnnctl: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        raise SpecError(what, file=f"{row.study}/{row.label}") from None
    return spec


def _changed(spec: RunSpec, variant: Variant, one: Chosen, file: str) -> RunSpec:
    try:
        return variant.of(spec)
    except SpecError as error:
        what = f"{error.message}, in the {variant.name} of {one.label}"
        raise SpecError(
            what, file=file, line=error.line, key=error.key, allowed=error.allowed, meant=error.meant
        ) from None


@dataclass(frozen=True)
class Case:
    """A case of the new study's file. seed: None where the seeds are an axis that all configurations share."""

    label: str
    child: Offspring
    seed: int | None

    @property
    def name(self) -> str:
        return self.label if self.seed is None else f"{self.label}-s{self.seed}"


def cases(children: Sequence[Offspring]) -> list[Case]:
    """The cases that make these configurations: one each, or where they differ in their seeds one for each run.

    A label is the name of the chosen configuration and that of the variant (EC7-longer), or where those are too long or
    not all different, the rank of the chosen one and the variant (no3-longer).
    """
    together = len({tuple(one.seeds) for one in children}) == 1
    pairs = [(one, seed) for one in children for seed in ([None] if together else one.seeds)]
    named = [Case(f"{_as_name(one.origins[0].chosen.label)}-{one.origins[0].variant.name}", one, s) for one, s in pairs]
    if len({case.name for case in named}) == len(named) and all(is_name(case.name) for case in named):
        return named
    return [Case(f"no{one.origins[0].number}-{one.origins[0].variant.name}", one, s) for one, s in pairs]


def _as_name(label: str) -> str:
    """`omega=1.0 lr=0.1` as a name can be: omega-1.0-lr-0.1."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", label).strip("-._+")

"""What the chosen configurations become: each variant that applies to them, equal results merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rnnctl.lab.refine.selection import Chosen
from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
from rnnctl.study.names import is_name
from rnnctl.study.recipe import Recipe, Variant
from rnnctl.study.run import RunSpec
from rnnctl.training.too_large import refuse_here
from store.lineage import Descent


@dataclass(frozen=True)
class Origin:
    """One way to a configuration. rank: that of the chosen one, from 1."""

    rank: int
    chosen: Chosen
    variant: Variant

    def __str__(self) -> str:
        return f"{self.variant.name} of {self.chosen.label}"


@dataclass
class Offspring:
    """A configuration of the new study. origins: the first one names it, the others were merged with it."""

    spec: RunSpec  # of any seed
    seeds: list[int]
    origins: list[Origin] = field(default_factory=list)

    def run(self, seed: int) -> RunSpec:
        """Return the run of a seed."""
        return RunSpec.model_validate({**self.spec.canonical(), "seed": seed})

    @property
    def run_ids(self) -> list[str]:
        """The ids of its runs, a seed each."""
        return [self.run(seed).run_id for seed in self.seeds]

    def descents(self) -> Iterator[Descent]:
        """Yield which runs each run comes from. A run that a variant left as it is comes from none."""
        for seed, run_id in zip(self.seeds, self.run_ids, strict=True):
            for origin in self.origins:
                parent = origin.chosen.parent(seed).run_id
                if parent != run_id:
                    yield Descent(run_id, parent, origin.variant.name)


def offspring(chosen: Sequence[Chosen], recipe: Recipe) -> list[Offspring]:
    """Return the new configurations: those of the best one first, in the order of the variants.

    Raises SpecError, at its place in the recipe, for a change that a configuration cannot take.
    """
    children: dict[str, Offspring] = {}
    for rank, parent in enumerate(chosen, start=1):
        spec = _read(parent)
        seeds = recipe.seeds or parent.seeds
        for variant in recipe.variants:
            if not variant.applies(spec):
                continue
            changed = _changed(spec, variant, parent, recipe.file)
            child = children.setdefault(changed.config_id, Offspring(changed, []))
            child.origins.append(Origin(rank, parent, variant))
            child.seeds[:] = sorted({*child.seeds, *seeds})
    return list(children.values())


def _read(chosen: Chosen) -> RunSpec:
    row = chosen.rows[0]
    try:
        return read_spec(row.spec)
    except SpecError as error:
        raise error.at(file=f"{row.study}/{row.label}") from None


def _changed(spec: RunSpec, variant: Variant, chosen: Chosen, file: str) -> RunSpec:
    try:
        return variant.of(spec, refuse_here())
    except SpecError as error:
        message = f"{error.message}, in the {variant.name} of {chosen.label}"
        raise SpecError(
            message, file=file, line=error.line, key=error.key, allowed=error.allowed, meant=error.meant
        ) from None


@dataclass(frozen=True)
class RefinedCase:
    """A case of the new study's file. seed: None if all configurations have the same seeds, which are then an axis."""

    label: str
    child: Offspring
    seed: int | None

    @property
    def name(self) -> str:
        """The name of the case: the label, and the seed if there is one."""
        return self.label if self.seed is None else f"{self.label}-s{self.seed}"


def cases(children: Sequence[Offspring]) -> list[RefinedCase]:
    """Return the cases that make these configurations: one each, or one for each run if their seeds differ.

    A label is the name of the chosen configuration and that of the variant (EC7-longer). Where such labels are too long
    or not all different, it is the rank of the chosen one and the variant (no3-longer).
    """
    pairs: list[tuple[Offspring, int | None]]
    if len({tuple(child.seeds) for child in children}) == 1:
        pairs = [(child, None) for child in children]
    else:
        pairs = [(child, seed) for child in children for seed in child.seeds]
    by_name = [_case(_as_name(child.origins[0].chosen.label), child, seed) for child, seed in pairs]
    if len({case.name for case in by_name}) == len(by_name) and all(is_name(case.name) for case in by_name):
        return by_name
    return [_case(f"no{child.origins[0].rank}", child, seed) for child, seed in pairs]


def _case(parent: str, child: Offspring, seed: int | None) -> RefinedCase:
    return RefinedCase(f"{parent}-{child.origins[0].variant.name}", child, seed)


def _as_name(label: str) -> str:
    """Return `omega=1.0 lr=0.1` as a name may be written: omega-1.0-lr-0.1."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", label).strip("-._+")

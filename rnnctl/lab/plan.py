"""Plan studies: what they would register, and roughly what that would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnctl.lab.records import unrecorded
from rnnctl.report.cost import core_seconds
from rnnctl.study.loading import Study, load_studies
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec


@dataclass(frozen=True)
class PlannedRun:
    """A run that a study names. differences: its values of the keys that vary in the study."""

    label: str
    run: str  # its id
    differences: Mapping[str, Any]
    spec: RunSpec


@dataclass(frozen=True)
class PlannedRefinement:
    """What the recipe of a study does."""

    cut: str  # which configurations go on
    by: str  # the measure that decides
    seeds: tuple[int, ...] | None  # None: those of each configuration
    variants: dict[str, str]  # name -> what it changes


@dataclass(frozen=True)
class Plan:
    """The runs of a study and what they cost at most. warnings: about its file."""

    study: str
    about: str
    warnings: list[str]
    core_seconds_at_most: float
    refine: PlannedRefinement | None
    runs: list[PlannedRun]
    configurations: int = unrecorded()
    pack_keys: int = unrecorded()  # runs of one pack key can be trained in one pack
    updates: int = unrecorded()
    varied: list[str] = unrecorded()  # keys


def plan(studies: Sequence[str | Path], seeds: Sequence[int] | None = None) -> list[Plan]:
    """Plan studies, given as files or names of packaged studies. seeds: instead of their own. Raises SpecError."""
    return [_plan(study) for study in load_studies(studies, seeds)]


def _plan(study: Study) -> Plan:
    specs = [run.spec for run in study.runs]
    recipe = study.recipe
    return Plan(
        study=study.name,
        about=study.about,
        warnings=list(study.warnings),
        core_seconds_at_most=sum(map(core_seconds, specs)),
        refine=None
        if recipe is None
        else PlannedRefinement(
            str(recipe.cut), recipe.by, recipe.seeds, {variant.name: variant.about for variant in recipe.variants}
        ),
        runs=[PlannedRun(run.label, run.spec.run_id, run.differences, run.spec) for run in study.runs],
        configurations=len({spec.config_id for spec in specs}),
        pack_keys=len({PackKey.of(spec) for spec in specs}),
        updates=sum(spec.train.updates for spec in specs),
        varied=list(study.varied),
    )

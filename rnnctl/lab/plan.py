"""Plan studies: what they would register, and roughly what that would cost on a core and, if asked for, on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.devices import gpu_kernel_compiler
from rnnctl.lab.asked import load_checked
from rnnctl.lab.errors import LabError
from rnnctl.lab.records import unrecorded
from rnnctl.lab.trajectories import Extensions, extensions_of
from rnnctl.lab.usercode import code_of
from rnnctl.report.cost import core_seconds, kept_bytes
from rnnctl.study.loading import Reference, Study, settings_for
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.too_large import refuse_here, room_on_card, too_large
from store import Store, StoreError, Workspace

if TYPE_CHECKING:
    from rnnctl.training.roofline import CardSpeed, Cost

PATIENCE = 1.0  # seconds that a look into a workspace waits for another program


@dataclass(frozen=True)
class PlannedRun:
    """A run that a study names. differences: its values of the keys that vary in the study."""

    label: str
    run: str  # its id
    differences: Mapping[str, Any]
    parameter_count: int | None  # the number of weights of its network; None for a text that has not been read
    spec: RunSpec


@dataclass(frozen=True)
class PlannedRefinement:
    """What the recipe of a study does."""

    cut: str  # which configurations go on
    by: str  # the measure that decides
    seeds: tuple[int, ...] | None  # None: those of each configuration
    variants: dict[str, str]  # name -> what it changes


@dataclass(frozen=True)
class PlannedPacks:
    """The runs that can share packs on a card: those of one pack key, or of one wide key (see PackKey.wide).

    runs_that_fit: into its memory at once. seconds_at_most: of its packs one after the other; None where there is no
    estimate. why: why something is not known.
    """

    runs: int
    packs: int
    runs_in_a_pack: int  # at most
    run_bytes: int
    runs_that_fit: int
    launches_of_update: int | None
    seconds_at_most: float | None
    why: str | None
    costs: list[Cost] = unrecorded()  # of each pack; empty where there is no estimate


@dataclass(frozen=True)
class PlanOnCard:
    """What the runs of a study cost at most on a card, with one worker. The seconds are a rough estimate."""

    card: CardSpeed
    packs_at_once: int
    seconds_at_most: float | None  # None if there is no estimate for some of the runs
    by_pack_key: list[PlannedPacks]


@dataclass(frozen=True)
class Plan:
    """The runs of a study and what they cost at most. warnings: about its file. on_card: None if none was asked for."""

    study: str
    about: str
    warnings: list[str]
    core_seconds_at_most: float
    bytes_at_most: int  # on the disk: history and checkpoints
    refine: PlannedRefinement | None
    runs: list[PlannedRun]
    configurations: int = unrecorded()
    pack_keys: int = unrecorded()  # runs of one pack key can be trained in one pack
    updates: int = unrecorded()
    varied: list[str] = unrecorded()  # keys
    on_card: PlanOnCard | None = None
    questions: int = 0  # that the study asks
    extensions: Extensions = Extensions()  # of its runs that can go on from runs of the workspace


def plan(
    studies: Sequence[Reference],
    seeds: Sequence[int] | None = None,
    device: str | None = None,
    settings: Sequence[str] = (),
    workspace: Path | None = None,
) -> list[Plan]:
    """Plan studies, given as files, names of packaged studies, or texts.

    seeds: instead of their own. device: as rnnctl.devices.parse_one reads it; for a GPU, its costs are estimated too.
    settings: such as `train.lr=0.1`, laid over the base of each study. workspace: a folder; runs that can go on from
    runs of the workspace there, or above it, are counted. Raises SpecError, also for a run that is too large for the
    memory of the card, or else of this machine, and LabError if the device is not there.
    """
    with code_of(workspace or Path.cwd()):
        return _plans(studies, seeds, device, settings, workspace)


def _plans(
    studies: Sequence[Reference],
    seeds: Sequence[int] | None,
    device: str | None,
    settings: Sequence[str],
    workspace: Path | None,
) -> list[Plan]:
    card = None if device is None else _card(device)
    refuse = refuse_here() if card is None else partial(too_large, room=room_on_card(card.name, card.total_bytes))
    loaded = load_checked(studies, seeds, settings_for(studies, settings), refuse=refuse)
    extensions = _extensions(loaded, workspace)
    return [_plan(study, card, of_study) for study, of_study in zip(loaded, extensions, strict=True)]


def _extensions(studies: Sequence[Study], folder: Path | None) -> list[Extensions]:
    """Return, for each study, which of its runs can go on from runs of a workspace; none if it cannot be read."""
    if folder is not None:
        with suppress(StoreError), Store.open(Workspace.find(folder).root, readonly=True, timeout=PATIENCE) as store:
            return [extensions_of(store, [run.spec for run in study.runs]) for study in studies]
    return [Extensions() for _ in studies]


def _card(device: str) -> CardSpeed | None:
    from rnnctl.training.roofline import card_for

    try:
        return card_for(device)
    except ValueError as error:
        raise LabError(str(error)) from None


def _plan(study: Study, card: CardSpeed | None, extensions: Extensions) -> Plan:
    specs = [run.spec for run in study.runs]
    recipe = study.recipe
    return Plan(
        study=study.name,
        about=study.about,
        warnings=list(study.warnings),
        core_seconds_at_most=sum(map(core_seconds, specs)),
        bytes_at_most=sum(map(kept_bytes, specs)),
        refine=None
        if recipe is None
        else PlannedRefinement(
            str(recipe.cut), recipe.by, recipe.seeds, {variant.name: variant.about for variant in recipe.variants}
        ),
        runs=[
            PlannedRun(run.label, run.spec.run_id, run.differences, run.spec.parameter_count, run.spec)
            for run in study.runs
        ],
        configurations=len({spec.config_id for spec in specs}),
        pack_keys=len({PackKey.of(spec) for spec in specs}),
        updates=sum(spec.train.updates for spec in specs),
        varied=list(study.varied),
        on_card=None if card is None else _on_card(specs, card),
        questions=len(study.questions),
        extensions=extensions,
    )


def _on_card(specs: Sequence[RunSpec], card: CardSpeed) -> PlanOnCard:
    from rnnctl.training.packing import shared_on_card
    from rnnctl.training.roofline import packs_at_once, seconds_of_all

    together: dict[tuple[PackKey, bool], list[RunSpec]] = {}
    for spec in specs:
        together.setdefault(shared_on_card(spec), []).append(spec)

    keys = [key for key, _ in together]
    plans = [_packs(key, alike, card) for key, alike in zip(keys, together.values(), strict=True)]
    sizes = [(key, plan.runs_in_a_pack) for key, plan in zip(keys, plans, strict=True) for _ in range(plan.packs)]
    at_once = packs_at_once(sizes, card)
    known = all(plan.costs for plan in plans)
    seconds = seconds_of_all([cost for plan in plans for cost in plan.costs], at_once) if known else None
    return PlanOnCard(card, at_once, seconds, plans)


def _packs(key: PackKey, specs: Sequence[RunSpec], card: CardSpeed) -> PlannedPacks:
    """Plan the packs of runs that can share them: the longest runs together."""
    from rnnctl.training.launches import has_kernels, launches_of_update
    from rnnctl.training.memory import bytes_of_run
    from rnnctl.training.roofline import ASSUMED_LAUNCHES, most_in_a_pack_on, pack_cost

    fit, most = most_in_a_pack_on(card, key)
    launches: int | None = None
    assumed: int | None = ASSUMED_LAUNCHES
    why: str | None = None
    if not gpu_kernel_compiler():
        why = "Triton is not installed"
    elif not has_kernels(specs[0]):
        assumed, why = None, "there are no GPU kernels for them, and torch trains them several times slower"
    else:
        launches = assumed = launches_of_update(specs[0])
    if not most:
        assumed, why = None, "one run does not fit into the memory"
    size = max(1, most)
    longest_first = sorted(specs, key=lambda spec: spec.train.updates, reverse=True)
    packs = [longest_first[first : first + size] for first in range(0, len(specs), size)]
    costs = [] if assumed is None else [pack_cost(pack, assumed, card) for pack in packs]
    return PlannedPacks(
        runs=len(specs),
        packs=len(packs),
        runs_in_a_pack=min(size, len(specs)),
        run_bytes=bytes_of_run(key),
        runs_that_fit=fit,
        launches_of_update=launches,
        seconds_at_most=sum(cost.alone for cost in costs) if costs else None,
        why=why,
        costs=costs,
    )

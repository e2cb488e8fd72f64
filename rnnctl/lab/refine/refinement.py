"""Refine a study: choose its best configurations, change them by a recipe, register the new study."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import unrecorded
from rnnctl.lab.refine.file import written
from rnnctl.lab.refine.offspring import Offspring, cases, offspring
from rnnctl.lab.refine.selection import Selection, select
from rnnctl.lab.register import check_corpora, study_record
from rnnctl.report.results import Result
from rnnctl.report.units import check_comparable
from rnnctl.study import yaml
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Study, read_study
from rnnctl.study.names import NAME_RULE, is_name
from rnnctl.study.recipe import Recipe
from rnnctl.words import counted, some
from store import Store, queries, registry
from store.errors import translated
from store.files import write_whole
from store.queries import RunRow


@dataclass(frozen=True)
class ChosenConfiguration:
    """A configuration that goes on. mean, sd: of the measure, over the `judged` finished ones of its runs."""

    label: str
    config: str
    runs: int
    judged: int
    mean: float
    sd: float | None
    becomes: list[str]  # labels of new configurations
    variants: list[str] = unrecorded()  # that apply to it, by name


@dataclass(frozen=True)
class OriginName:
    """The label of a chosen configuration, and the variant that changed it."""

    label: str
    variant: str


@dataclass(frozen=True)
class NewConfiguration:
    """A configuration of the new study. runs: ids. known: the ids of those that were registered before."""

    label: str
    config: str
    origins: list[OriginName]
    runs: list[str]
    known: list[str]
    done: int = unrecorded()  # known runs that are done
    known_as: str | None = unrecorded()  # STUDY/LABEL of the first known run


@dataclass(frozen=True)
class Refinement:
    """What was chosen and what became of it. left_out: labels of configurations that could not be judged."""

    study: str
    refined: str  # the new study
    file: Path
    cut: str
    by: str
    judged: int  # configurations
    left_out: list[str]
    chosen: list[ChosenConfiguration]
    configurations: list[NewConfiguration]
    new: int = unrecorded()  # runs that were not registered before
    queued: bool = unrecorded()  # whether some known run waits to be trained
    notes: list[str] = unrecorded()


def refine(store: Store, study: str, recipe: Recipe, *, name: str | None = None, dry_run: bool = False) -> Refinement:
    """Make a new study of the best configurations of a study, each changed by the variants of a recipe.

    The new study's file is written into the workspace as NAME.yaml. Runs that exist already are part of the study and
    are not trained again. name: by default STUDY-refined. dry_run: write and register nothing. Raises LabError,
    SpecError for a change that a configuration cannot take, and StoreError.
    """
    name = f"{study}-refined" if name is None else name
    if not is_name(name):
        raise LabError(f"{name!r} is not a name; allowed: {NAME_RULE}", argument="name")
    selection = _select(queries.runs_of(store, study), study, recipe)
    children = offspring(selection.chosen, recipe)
    if not children:
        chosen = counted(len(selection.chosen), "chosen configuration")
        raise LabError(f"no variant applies to any of {chosen}: nothing to make", Code.NOTHING)
    new_cases = cases(children)
    path = store.workspace.root / f"{name}.yaml"
    refined = _read_back(written(name, _about(study, recipe, selection), new_cases), path, children)
    check_corpora(store.workspace.root, [refined])
    ids = [run_id for child in children for run_id in child.run_ids]
    known = {row.run_id: row for row in queries.runs_of(store, run_ids=ids)}
    _check_name(store, refined, path)
    if not dry_run:
        _keep(store, refined, path, children)
    labels = {id(case.child): case.label for case in new_cases}
    return Refinement(
        study=study,
        refined=name,
        file=path,
        cut=str(recipe.cut),
        by=recipe.by,
        judged=selection.judged,
        left_out=list(selection.without),
        chosen=_chosen(selection, children, labels),
        configurations=[_configuration(labels[id(child)], child, known) for child in children],
        new=len(refined.runs) - len(known),
        queued=any(row.status == "queued" for row in known.values()),
        notes=list(_notes(selection, recipe, children)),
    )


def _select(rows: Sequence[RunRow], study: str, recipe: Recipe) -> Selection:
    by = recipe.by
    try:
        check_comparable(by, map(Result.of, rows))
    except ValueError as error:
        raise LabError(f"study {study}, by {by}: {error}") from None
    selection = select(rows, recipe.cut, by)
    if not selection.judged and selection.diverged:
        unfinished = len(selection.without) - len(selection.diverged)
        others = f", {unfinished} have no finished run" if unfinished else ""
        diverged = counted(len(selection.diverged), "configuration")
        what = f"study {study}: {diverged} diverged without a {by}{others}: nothing to choose from"
        raise LabError(what, Code.NOTHING)
    if not selection.judged:
        raise LabError(f"study {study} has no finished run with a {by} yet: nothing to choose from", Code.NOTHING)
    if not selection.chosen:
        judged = counted(selection.judged, "configuration")
        raise LabError(f"study {study}: none of {judged} has a {by} {recipe.cut}", Code.NOTHING)
    return selection


def _about(study: str, recipe: Recipe, selection: Selection) -> str:
    """Return what the new study's file says about the study."""
    judged = counted(selection.judged, "configuration")
    chosen = counted(len(selection.chosen), "configuration")
    head = (
        f"Refined from {study}: {recipe.cut} of {judged} by {recipe.by}, a mean over finished runs. "
        f"{chosen} went on, changed by what applies of:"
    )
    return "\n".join([head, *(f"- {variant.name}: {variant.about}" for variant in recipe.variants)])


def _read_back(text: str, path: Path, children: Sequence[Offspring]) -> Study:
    """Return the study that the file will be: what is registered is what the file says.

    Raises SpecError if it is too large.
    """
    try:
        study = read_study(yaml.decode(text.encode()), path.name)
    except SpecError as error:
        raise error.at(file=path.name) from None
    expected = {run_id for child in children for run_id in child.run_ids}
    assert {run.spec.run_id for run in study.runs} == expected, "a written study must be read as the same runs"
    return study


def _check_name(store: Store, refined: Study, path: Path) -> None:
    """Raise LabError if the new study would replace another one, in the workspace or in its folder."""
    for row in queries.studies(store):
        if row.name == refined.name and row.source != refined.source:
            raise LabError(
                f"a study {refined.name} is registered, and has other content; choose another name", argument="name"
            )
    with translated(path):
        if path.exists() and path.read_bytes() != refined.source.encode():
            raise LabError(
                f"{path} exists, and has other content; move it away or choose another name", argument="name"
            )


def _keep(store: Store, refined: Study, path: Path, children: Sequence[Offspring]) -> None:
    """Write the file and register the study. If that fails, remove the file, so that the name is free again."""
    descents = [descent for child in children for descent in child.descents()]
    new = not path.exists()
    try:
        if new:
            write_whole(path, lambda file: file.write(refined.source.encode()))
        registry.register(store, [study_record(refined, descents)], time.time())
    except BaseException:
        if new:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _chosen(
    selection: Selection, children: Sequence[Offspring], labels: Mapping[int, str]
) -> list[ChosenConfiguration]:
    return [
        ChosenConfiguration(
            label=chosen.label,
            config=chosen.rows[0].config_id,
            runs=len(chosen.rows),
            judged=chosen.judged,
            mean=chosen.spread.mean,
            sd=chosen.spread.sd,
            becomes=[labels[id(child)] for child in children if any(o.rank == rank for o in child.origins)],
            variants=[o.variant.name for child in children for o in child.origins if o.rank == rank],
        )
        for rank, chosen in enumerate(selection.chosen, start=1)
    ]


def _configuration(label: str, child: Offspring, known: Mapping[str, RunRow]) -> NewConfiguration:
    ids = child.run_ids
    rows = [known[run_id] for run_id in ids if run_id in known]
    return NewConfiguration(
        label=label,
        config=child.spec.config_id,
        origins=[OriginName(origin.chosen.label, origin.variant.name) for origin in child.origins],
        runs=ids,
        known=[row.run_id for row in rows],
        done=sum(row.status == "done" for row in rows),
        known_as=f"{rows[0].study}/{rows[0].label}" if rows else None,
    )


def _notes(selection: Selection, recipe: Recipe, children: Sequence[Offspring]) -> Iterator[str]:
    unfinished = [label for label in selection.without if label not in selection.diverged]
    for labels, why in (
        (unfinished, "without a finished run"),
        (selection.diverged, f"that diverged without a {recipe.by}"),
    ):
        if labels:
            yield f"{counted(len(labels), 'configuration')} {why} left out: {some(labels)}"
    partly = [
        f"{chosen.label} ({chosen.judged} of {len(chosen.rows)})"
        for chosen in selection.chosen
        if chosen.judged < len(chosen.rows)
    ]
    if partly:
        yield f"judged by the runs that have finished: {some(partly)}"
    used = {origin.variant.name for child in children for origin in child.origins}
    for variant in recipe.variants:
        if variant.name not in used:
            yield f"the variant {variant.name} applies to none of the chosen"

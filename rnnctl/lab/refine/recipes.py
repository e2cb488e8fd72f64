"""The recipe of a refinement: that of the study or of a file, changed by arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rnnctl.lab.errors import LabError
from rnnctl.lab.workspaces import check_threshold, study_named
from rnnctl.measures import MEASURES
from rnnctl.study.loading import load_recipe, recipe_of
from rnnctl.study.recipe import Cut, Recipe, parse_best
from store import Store, queries

MOST_DIGITS = 18  # of a count


def recipe_for(
    store: Store,
    study: str,
    *,
    file: Path | None = None,
    best: str | int | None = None,
    below: float | None = None,
    by: str | None = None,
    seeds: Sequence[int] | None = None,
) -> Recipe:
    """Return the recipe for a study: from a file, or else that of the study, with these arguments in its place.

    best: a count or a share such as 10%. below: a threshold. by: a measure. Raises LabError and SpecError.
    """
    recipe = _read(store, study_named(store, study), file)
    if best is not None and below is not None:
        raise LabError("best and below exclude each other")
    if best is not None:
        try:
            recipe = replace(recipe, cut=Cut(best=parse_best(int(best) if _is_count(best) else best)))
        except ValueError as error:
            raise LabError(str(error), argument="best") from None
    if below is not None:
        check_threshold(below)
        recipe = replace(recipe, cut=Cut(below=below))
    if by is not None:
        try:
            recipe = replace(recipe, by=MEASURES.named(by).key)
        except ValueError as error:
            raise LabError(str(error), argument="by", value=by) from None
    return recipe if seeds is None else replace(recipe, seeds=tuple(seeds))


def _is_count(best: str | int) -> bool:
    """Return whether a text or number is a count, with no more than MOST_DIGITS digits."""
    return str(best).isdecimal() and len(str(best)) <= MOST_DIGITS


def _read(store: Store, study: str, file: Path | None) -> Recipe:
    if file is not None:
        return load_recipe(file)
    (source,) = [row.source for row in queries.studies(store) if row.name == study]
    recipe = recipe_of(source, study)
    if recipe is None:
        raise LabError(
            f"study {study} has no recipe of its own: give its file a section refine and register it, or name a file",
            argument="recipe",
        )
    return recipe

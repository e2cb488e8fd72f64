"""`refine`: the best configurations of a study, changed by a recipe, as a new study."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import JsonOption, SeedsOption, WorkspaceOption, check_measure, opened, parsed_seeds
from rnnctl.cli.output import NOTHING, UserError, counted, number, out, out_json, say, table
from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.refine.offspring import Offspring
    from rnnctl.refine.selection import Selection
    from rnnctl.study.loading import Study
    from rnnctl.study.recipe import Recipe
    from store import Store
    from store.queries import StudyRow

TOLD = 6  # names in a note; --json has all


def refine(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A registered study.")],
    best: Annotated[
        str | None,
        typer.Option(
            "--best", metavar="N%|N", help="Share or number of configurations that go on.", show_default=False
        ),
    ] = None,
    below: Annotated[
        float | None,
        typer.Option("--below", metavar="X", help="Those whose measure is below X go on.", show_default=False),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="MEASURE", help=f"{MEASURES.help()}.", show_default=False),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", metavar="FILE", help="YAML with a section refine, for the study's.", show_default=False
        ),
    ] = None,
    seeds: SeedsOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the new study. Default: STUDY-refined.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be made, and make nothing.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a new study of a study's best configurations, each changed by the variants of a recipe.

    The recipe is the section refine of the study's file; options go before it. Configurations are judged by the mean
    over their finished runs. The new study is registered, and written into the workspace as NAME.yaml; runs that exist
    already are part of it and are not trained again.
    """
    from rnnctl.lab.workspaces import study_named
    from store import queries

    with opened(workspace, readonly=dry_run) as store:
        study_named(store, study)
        row = next(one for one in queries.studies(store) if one.name == study)
        chosen_recipe = _with_options(_recipe(row, recipe), best, below, by, seeds)
        _Refinement(store, study, chosen_recipe, _name(study, name)).make(dry_run, as_json)


def _recipe(study: StudyRow, file: Path | None) -> Recipe:
    from rnnctl.study.loading import load_recipe, recipe_of

    if file is not None:
        return load_recipe(file)
    found = recipe_of(study.source, study.name)
    if found is None:
        what = (
            f"study {study.name} has no recipe: give its file a section refine and register it again, or say --recipe"
        )
        raise UserError(what)
    return found


def _with_options(recipe: Recipe, best: str | None, below: float | None, by: str | None, seeds: str | None) -> Recipe:
    """The recipe with what the command line says in its place. Raises UserError."""
    from rnnctl.study.recipe import Cut, parse_best

    if best is not None and below is not None:
        raise UserError("--best and --below exclude each other")
    if best is not None:
        try:
            recipe = replace(recipe, cut=Cut(best=parse_best(int(best) if best.isdecimal() else best)))
        except ValueError as error:
            raise UserError(f"--best {error}") from None
    if below is not None:
        if not math.isfinite(below):
            raise UserError(f"--below {below}: a threshold is a finite number, such as 1.9")
        recipe = replace(recipe, cut=Cut(below=below))
    if by is not None:
        check_measure(by)
        recipe = replace(recipe, by=by)
    return recipe if seeds is None else replace(recipe, seeds=parsed_seeds(seeds))


def _name(study: str, name: str | None) -> str:
    from rnnctl.study.names import NAME_RULE, is_name

    chosen = f"{study}-refined" if name is None else name
    if not is_name(chosen):
        raise UserError(f"--name {chosen!r} is not a name; allowed: {NAME_RULE}")
    return chosen


class _Refinement:
    """What was chosen, what becomes of it, and the ways to tell and to keep it."""

    def __init__(self, store: Store, study: str, recipe: Recipe, name: str) -> None:
        from rnnctl.lab.register import check_corpora
        from rnnctl.refine.file import written
        from rnnctl.refine.offspring import cases, offspring
        from rnnctl.refine.selection import select
        from rnnctl.report.results import Result
        from rnnctl.report.units import check_comparable
        from store import queries

        self.store, self.study, self.recipe, self.name = store, study, recipe, name
        rows = queries.runs_of(store, study)
        try:
            check_comparable(recipe.by, map(Result.of, rows))
        except ValueError as error:
            raise UserError(f"study {study}, by {recipe.by}: {error}") from None
        self.selection = select(rows, recipe.cut, recipe.by)
        self._check_selection()
        self.children = offspring(self.selection.chosen, recipe)
        if not self.children:
            chosen = counted(len(self.selection.chosen), "chosen configuration")
            raise UserError(f"no variant applies to any of {chosen}: nothing to make", NOTHING)
        self.cases = cases(self.children)
        self.path = store.workspace.root / f"{name}.yaml"
        self.refined = _read_back(written(name, self._about(), self.cases), self.path, self.children)
        check_corpora(store.workspace.root, [self.refined])
        self.there = {row.run_id: row for row in queries.runs_of(store, run_ids=self._ids(self.children))}

    def _check_selection(self) -> None:
        found, by = self.selection, self.recipe.by
        if not found.judged and found.diverged:
            what = f"study {self.study}: {counted(len(found.diverged), 'configuration')} diverged without a {by}"
            rest = len(found.without) - len(found.diverged)
            raise UserError(f"{what}{f', {rest} have no finished run' * bool(rest)}: nothing to choose from", NOTHING)
        if not found.judged:
            raise UserError(f"study {self.study} has no finished run with a {by} yet: nothing to choose from", NOTHING)
        if not found.chosen:
            what = f"study {self.study}: none of {counted(found.judged, 'configuration')} has a {by}"
            raise UserError(f"{what} {self.recipe.cut}", NOTHING)

    def _about(self) -> str:
        """What the new study's file says of itself."""
        judged, chosen = (counted(n, "configuration") for n in (self.selection.judged, len(self.selection.chosen)))
        which = f"{self.recipe.cut} of {judged} by {self.recipe.by}, a mean over finished runs"
        variants = (f"- {one.name}: {one.about}" for one in self.recipe.variants)
        return "\n".join(
            [f"Refined from {self.study}: {which}. {chosen} went on, changed by what applies of:", *variants]
        )

    @staticmethod
    def _ids(children: Iterable[Offspring]) -> list[str]:
        return [child.run(seed).run_id for child in children for seed in child.seeds]

    def make(self, dry_run: bool, as_json: bool) -> None:
        """Tell, and unless it is a dry run, write the file and register the study."""
        self._check_name()
        if not dry_run:
            self._keep()
        if as_json:
            out_json(self._record())
        else:
            self._print()
        self._notes()
        if dry_run:
            say("a dry run: nothing was written or registered")
        else:
            say(f"study {self.name}: {self.path}")
            if any(row.status == "queued" for row in self.there.values()) or self._new:
                say("next: rnnctl train --workers 2")

    @property
    def _new(self) -> int:
        return len(self.refined.runs) - len(self.there)

    def _check_name(self) -> None:
        """Raises UserError where the new study would take the place of another, in the workspace or in its folder."""
        from store import queries
        from store.errors import translated

        for row in queries.studies(self.store):
            if row.name == self.name and row.source != self.refined.source:
                raise UserError(f"a study {self.name} is registered, and has other content; choose another --name")
        with translated(self.path):
            if self.path.exists() and self.path.read_bytes() != self.refined.source.encode():
                raise UserError(f"{self.path} exists, and has other content; move it away or choose another --name")

    def _keep(self) -> None:
        """The file, then the study; where that fails the file goes again, so that another choice can have the name."""
        from rnnctl.lab.register import study_record
        from store import registry
        from store.files import write_whole

        descents = [one for child in self.children for one in child.descents()]
        new = not self.path.exists()
        try:
            if new:
                write_whole(self.path, lambda file: file.write(self.refined.source.encode()))
            registry.register(self.store, [study_record(self.refined, descents)], time.time())
        except BaseException:
            if new:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            raise

    def _record(self) -> dict[str, Any]:
        found = self.selection
        return {
            "study": self.study,
            "refined": self.name,
            "file": str(self.path),
            "cut": str(self.recipe.cut),
            "by": self.recipe.by,
            "judged": found.judged,
            "left_out": list(found.without),
            "chosen": [
                {
                    "label": one.label,
                    "config": one.rows[0].config_id,
                    "runs": len(one.rows),
                    "judged": one.judged,
                    "mean": one.figure.mean,
                    "sd": one.figure.sd,
                    "becomes": self._becomes(n),
                }
                for n, one in enumerate(found.chosen, start=1)
            ],
            "configurations": [self._child_record(label, child) for label, child in self._labelled()],
        }

    def _child_record(self, label: str, child: Offspring) -> dict[str, Any]:
        ids = self._ids([child])
        return {
            "label": label,
            "config": child.spec.config_id,
            "origins": [{"label": o.chosen.label, "variant": o.variant.name} for o in child.origins],
            "runs": ids,
            "known": [run_id for run_id in ids if run_id in self.there],
        }

    def _labelled(self) -> list[tuple[str, Offspring]]:
        """Each new configuration with its label, which its runs have with their seeds."""
        labels = {id(case.child): case.label for case in self.cases}
        return [(labels[id(child)], child) for child in self.children]

    def _becomes(self, rank: int) -> list[str]:
        """The labels of what one of the chosen becomes."""
        return [label for label, child in self._labelled() if rank in {origin.number for origin in child.origins}]

    def _print(self) -> None:
        found = self.selection
        cells = []
        for n, one in enumerate(found.chosen, start=1):
            spread = "" if one.figure.sd is None else f" ± {number(one.figure.sd, 2)}"
            figure = f"{number(one.figure.mean)}{spread}"
            variants = [o.variant.name for child in self.children for o in child.origins if o.number == n]
            cells.append([n, one.label, len(one.rows), figure, ", ".join(variants) or "-"])
        out(table(["", "chosen", "runs", self.recipe.by, "becomes"], cells))
        out()
        for label, child in self._labelled():
            if len(child.origins) > 1:
                out(f"merged: {label} is {' and '.join(map(str, child.origins))}")
            known = [self.there[run_id] for run_id in self._ids([child]) if run_id in self.there]
            if known:
                done = sum(row.status == "done" for row in known)
                where = f"{known[0].study}/{known[0].label}"
                out(f"known: {len(known)} of {counted(len(child.seeds), 'run')} of {label}, {done} done, as {where}")
        runs = counted(len(self.refined.runs), "run")
        out(f"{self.name}: {runs} of {counted(len(self.children), 'configuration')}, {self._new} new")

    def _notes(self) -> None:
        found: Selection = self.selection
        unfinished = [label for label in found.without if label not in found.diverged]
        for labels, why in (
            (unfinished, "without a finished run"),
            (found.diverged, f"that diverged without a {self.recipe.by}"),
        ):
            if labels:
                say(f"note: {counted(len(labels), 'configuration')} {why} left out: {_some(labels)}")
        partly = [
            f"{one.label} ({one.judged} of {len(one.rows)})" for one in found.chosen if one.judged < len(one.rows)
        ]
        if partly:
            say(f"note: judged by the runs that have finished: {_some(partly)}")
        used = {origin.variant.name for child in self.children for origin in child.origins}
        for variant in self.recipe.variants:
            if variant.name not in used:
                say(f"note: the variant {variant.name} applies to none of the chosen")


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:TOLD], *(["..."] if len(names) > TOLD else [])])


def _read_back(text: str, path: Path, children: Sequence[Offspring]) -> Study:
    """The study that its file is: what is registered is what the file says. Raises SpecError if it is too large."""
    from rnnctl.study import yaml
    from rnnctl.study.errors import SpecError
    from rnnctl.study.loading import read_study

    try:
        study = read_study(yaml.decode(text.encode()), path.name)
    except SpecError as error:
        raise error.at(file=path.name) from None
    expected = {child.run(seed).run_id for child in children for seed in child.seeds}
    assert {run.spec.run_id for run in study.runs} == expected, "a written study must be read as the same runs"
    return study

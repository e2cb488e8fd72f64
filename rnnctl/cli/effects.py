"""`effects`: what each hyper-parameter of a study did to its results, and how sure that is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import (
    JsonOption,
    StudyArgument,
    WhereOption,
    WorkspaceOption,
    check_measure,
    opened,
)
from rnnctl.cli.output import NOTHING, UserError, counted, number, out, out_json, table
from rnnctl.lab.figures import folder_of, save, title_of
from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rnnctl.report.effects.analysis import Analysis
    from rnnctl.report.effects.levels import Estimate
    from rnnctl.report.effects.pairs import Signs
    from store import Store
    from store.queries import RunRow


def effects(
    study: StudyArgument = None,
    below: Annotated[
        float | None, typer.Option("--below", metavar="X", help="Also of the runs alone whose result is below X.")
    ] = None,
    by: Annotated[
        str,
        typer.Option("--by", metavar="MEASURE", help=f"{MEASURES.help()}."),
    ] = "loss",
    where: WhereOption = None,
    as_json: JsonOption = False,
    figures: Annotated[bool, typer.Option(help="Draw figures into the workspace's figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Show which hyper-parameters mattered: means, paired comparisons, importances, and whether seeds agree.

    Of finished runs. A mean is over configurations, each by the mean of its seeds; its ± is the standard error over
    seeds: what it could be for the same settings with other ones. A seed is one draw for all runs that have it.
    """
    from rnnctl.lab.workspaces import check_threshold, selected

    check_measure(by)
    check_threshold(below)
    with opened(workspace) as store:
        shown = _Effects(store, selected(store, study, where or []), study, by, below, whole=not where)
        if as_json:
            out_json(shown.as_json())
            return
        shown.print()
        if figures:
            shown.draw()


class _Effects:
    """The runs looked at, what is said of them, and the ways to show it."""

    def __init__(
        self, store: Store, rows: list[RunRow], study: str | None, by: str, below: float | None, *, whole: bool
    ) -> None:
        from rnnctl.report.effects.analysis import analyse
        from rnnctl.report.results import Result, common_value
        from rnnctl.report.units import check_comparable, measure_label

        every = {row.run_id: row for row in rows}  # one that several studies share counts once
        finished = [row for row in every.values() if row.outcome is not None]
        if not finished:
            raise UserError(f"{study or 'all studies'}: no run has finished yet", NOTHING)
        self.results = [Result.of(row) for row in finished]
        try:
            check_comparable(by, self.results)
        except ValueError as error:
            raise UserError(f"--by {by}: {error}; or name a study, or --where task=...") from None
        self.store, self.study, self.by, self.below, self.whole = store, study, by, below, whole
        self.label = measure_label(by, self.results)
        self.unfinished = len(every) - len(finished)
        self.found: Analysis = analyse(self.results, by, below)
        reference = MEASURES[by].reference
        self.floor = common_value(self.results, reference.field)
        self.floor_label = f"{reference.label} {number(self.floor)}"
        self.lost = len(finished) - len(self.found.trials.values)

    # --- tables

    def print(self) -> None:
        trials, many = self.found.trials, len({run.study for run in self.results}) > 1
        runs, configurations = len(trials.values), int((trials.counts > 0).sum())
        of = f"{counted(runs, 'finished run')} of {counted(configurations, 'configuration')}"
        compared = "" if self.floor is None else f", {self.floor_label}"
        out(f"{self.label}, less is better{compared}; {of}{' of several studies' * many}")
        if self.unfinished or self.lost:
            out(f"left out: {self.unfinished} not finished, {self.lost} without a finite result")
        for factor in trials.factors:
            if factor.follow:
                out(factor.remark)
        if not trials.factors:
            out("no hyper-parameter varies over these runs: there is nothing to compare")
        for part in (self._main, self._pairs, self._importance, self._stability):
            if trials.factors:
                part()

    def _main(self) -> None:
        columns = ["hyper-parameter", "value", "runs", "configurations", "seeds", "mean", "sd of configurations",
                   "sd over seeds"]  # fmt: skip
        if self.below is not None:
            columns += [f"below {self.below:g}", "share %", "mean of these"]
        rows = []
        for each in self.found.main:
            row = [each.name, _text(each.value), str(each.all.runs), str(each.all.configurations), str(each.all.seeds),
                   _mean(each.all), number(each.all.sd, 2), number(each.all.sd_seeds, 2)]  # fmt: skip
            if self.below is not None:
                row += [str(each.below.runs if each.below else 0), f"{100 * each.share_below:.0f}",
                        number(each.below and each.below.mean)]  # fmt: skip
            rows.append(row)
        _headed("Main effects", columns, rows)

    def _pairs(self) -> None:
        columns = ["hyper-parameter", "from", "to", "pairs", "no partner", "seeds", "difference", "lowest", "highest",
                   "pairs better", "runs better"]  # fmt: skip
        rows = [
            [each.name, _text(each.first), _text(each.other), str(each.configurations.n), str(each.alone),
             str(each.difference.seeds if each.difference else 0), _mean(each.difference), number(each.lowest),
             number(each.highest), _signs(each.configurations), _signs(each.runs)]
            for each in self.found.pairs
        ]  # fmt: skip
        if rows:
            _headed("Pairs of configurations that are equal in everything else, same seeds", columns, rows)
            out("lowest, highest: a pair's mean over seeds; what a hyper-parameter does depends on the others")
        for factor in self.found.trials.factors:
            if factor.drawn:
                out(f"{factor.name} has {len(factor.numbers)} values: no two configurations differ in it alone")

    def _importance(self) -> None:
        from rnnctl.report.effects.importance import worth

        found, line, trees = self.found, self.found.linear, self.found.forest
        out()
        if found.table is None:
            out(f"Importance: not estimated, {found.missing['importance']}")
            return
        out(f"Importance for {'the logarithm of ' if found.table.logarithm else ''}the result, a row a configuration")
        if line is None:
            out(f"linear fit: not made, {found.missing['linear']}")
        else:
            out(f"linear fit: R² {number(line.r2_split, 2)} on {counted(line.held_out, 'configuration')} held out "
                f"({number(line.r2_fit, 2)} on its own), {line.r2:.2f} ± {line.r2_sd:.2f} over five cross-validations: "
                f"{worth(line.r2)}")  # fmt: skip
            if not line.determined:
                out("linear fit: some hyper-parameters change together, and share what one of them may have done")
        if trees is None:
            out(f"random forest: not made, {found.missing['forest']}")
        else:
            out(f"random forest: R² {trees.r2:.2f} ± {trees.r2_sd:.2f} over five cross-validations: {worth(trees.r2)}")
        if found.table.ceiling is not None:
            out(f"seeds leave R² {found.table.ceiling:.2f} to be reached")
        columns = ["hyper-parameter"]
        columns += ["linear: its part", "coefficients"] * (line is not None) + ["forest: R² lost ± over these"] * (
            trees is not None
        )
        sizes = trees.importance if trees is not None else line.size if line is not None else None
        if sizes is None:
            return
        rows = []
        for i in sorted(range(len(found.table.names)), key=lambda i: -sizes[i]):
            row = [found.table.names[i]]
            if line is not None:
                parts = [
                    f"{found.table.columns[j].text} {line.coefficients[j]:+.2f}".strip() for j in found.table.groups[i]
                ]
                row += [number(line.size[i], 2), ", ".join(parts)]
            if trees is not None:
                row.append(f"{trees.importance[i]:.3f} ± {trees.sd[i]:.3f}")
            rows.append(row)
        out(table(columns, rows))

    def _stability(self) -> None:
        stable = self.found.stability
        out()
        if stable is None:
            out(f"Ranks over seeds: not compared, {self.found.missing['stability']}")
            return
        of = f"{counted(stable.configurations, 'configuration')} with the seeds {', '.join(map(str, stable.seeds))}"
        rho = f"Spearman {number(stable.spearman, 3)} between two seeds, a mean (least {number(stable.lowest, 3)})"
        others = f"; {stable.left_out} with others left out" if stable.left_out else ""
        out(f"Ranks over seeds: {rho}, over {of}{others}")
        if stable.same_best:
            best = sorted(set.intersection(*map(set, stable.best.values())))
            more = f" or {len(best) - 3} more" if len(best) > 3 else ""
            out(f"best with every seed: {' or '.join(best[:3])}{more}")
            return
        seeds: dict[str, list[str]] = {}
        for seed, labels in stable.best.items():
            for label in labels:
                seeds.setdefault(label, []).append(str(seed))
        for label, some in sorted(seeds.items(), key=lambda item: -len(item[1])):
            out(f"best with seed{'s' * (len(some) > 1)} {', '.join(some)}: {label}")

    # --- JSON

    def as_json(self) -> dict[str, Any]:
        found, line, trees, names = self.found, self.found.linear, self.found.forest, self.found.table
        return {
            "result": self.by,
            "runs": len(found.trials.values),
            "configurations": int((found.trials.counts > 0).sum()),
            "unfinished": self.unfinished,
            "without_result": self.lost,
            "below": self.below,
            "hyperparameters": [{"name": each.name, "follow": each.follow} for each in found.trials.factors],
            "main_effects": [
                {
                    "name": each.name, "value": each.value, **vars(each.all), "share_below": each.share_below,
                    "below": each.below and vars(each.below),
                }
                for each in found.main
            ],
            "comparisons": [
                {
                    "name": each.name, "from": each.first, "to": each.other, "alone": each.alone,
                    "difference": each.difference and vars(each.difference),
                    "lowest": each.lowest, "highest": each.highest,
                    "configurations": vars(each.configurations), "runs": vars(each.runs),
                }
                for each in found.pairs
            ],
            "importance": names and {
                "logarithm": names.logarithm,
                "ceiling": names.ceiling,
                "linear": line and {
                    "r2_split": line.r2_split, "r2_fit": line.r2_fit, "held_out": line.held_out, "r2": line.r2,
                    "r2_sd": line.r2_sd, "determined": line.determined,
                    "size": dict(zip(names.names, line.size.tolist(), strict=True)),
                    "coefficients": [
                        {"name": names.names[column.factor], "column": column.text, "coefficient": value}
                        for column, value in zip(names.columns, line.coefficients.tolist(), strict=True)
                    ],
                },
                "forest": trees and {
                    "r2": trees.r2, "r2_sd": trees.r2_sd,
                    "importance": dict(zip(names.names, trees.importance.tolist(), strict=True)),
                    "sd": dict(zip(names.names, trees.sd.tolist(), strict=True)),
                },
            },
            "stability": found.stability and {**vars(found.stability), "same_best": found.stability.same_best},
            "missing": found.missing,
        }  # fmt: skip

    # --- figures

    def draw(self) -> None:
        from rnnctl.report.effects.analysis import draw
        from rnnctl.report.figures import KINDS, NothingToDraw, Runs
        from store.errors import translated

        if not self.found.main:
            return
        title = title_of(self.study, self.results)
        folder = folder_of(self.store, title)
        title += "" if self.whole else " (a selection)"
        drawn = {
            "effects": draw(
                self.found, xlabel=self.label, floor=self.floor, floor_label=self.floor_label, title=f"{title}: effects"
            )
        }
        runs = Runs(self.results, lambda *_: {}, title=title, by=self.by, below=self.below)
        for name in ("hyperparameters", "hyperparameters_below"):
            with suppress(NothingToDraw):
                drawn[name] = KINDS[name].draw(runs)
        # Those by the best loss are the ones that an examination draws.
        ending = "" if self.by == "loss" else f"_{self.by}"
        if "hyperparameters_below" not in drawn:  # one of an earlier look must not lie beside those of this one
            with translated(folder):
                (folder / f"hyperparameters_below{ending}.png").unlink(missing_ok=True)
        for name, figure in drawn.items():
            save(figure, folder / f"{name}{ending}.png")
        out()
        out(f"{counted(len(drawn), 'figure')} in {folder}: {', '.join(name + ending for name in drawn)}")


def _headed(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first column names what a row shares with the one before only once."""
    out()
    out(title)
    names = [row[0] for row in rows]
    out(table(columns, [["" if i and names[i - 1] == row[0] else row[0], *row[1:]] for i, row in enumerate(rows)]))


def _text(value: float | str) -> str:
    from rnnctl.report.effects.trials import value_text

    return value_text(value)


def _mean(found: Estimate | None) -> str:
    if found is None:
        return "-"
    mean = number(found.mean)
    return mean if found.error is None else f"{mean} ± {number(found.error, 2)}"


def _signs(signs: Signs) -> str:
    return f"{signs.better} of {signs.n}" + (f", {signs.equal} equal" if signs.equal else "")

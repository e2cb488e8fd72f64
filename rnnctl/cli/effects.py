"""`effects`: what each hyper-parameter of a study did to its results, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllOption, JsonOption, WhereOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, out, out_json
from rnnctl.measures import MEASURES
from rnnctl.words import counted, number

if TYPE_CHECKING:
    from rnnctl.lab.effects import Effects, Ranks
    from rnnctl.lab.importances import ForestFit, Importances, LinearFit
    from rnnctl.report.effects.levels import Estimate
    from rnnctl.report.effects.pairs import Signs


def effects(
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY",
            help="A registered study; several with --spans. Default: all studies.",
            show_default=False,
        ),
    ] = None,
    below: Annotated[
        float | None,
        typer.Option("--below", metavar="X", help="Also show the runs whose measure is below X, on their own."),
    ] = None,
    by: Annotated[
        str,
        typer.Option("--by", metavar="MEASURE", help=f"The measure to compare: {MEASURES.help()}."),
    ] = "loss",
    where: WhereOption = None,
    hidden: AllOption = False,
    interactions: Annotated[
        bool,
        typer.Option(
            "--interactions",
            help="Show instead whether the effect of one hyper-parameter depends on another, and whether the order of "
            "its values does.",
        ),
    ] = False,
    spans: Annotated[
        bool,
        typer.Option(
            "--spans",
            help="Show instead which hyper-parameter moves the result most, over studies that vary one each and "
            "share a baseline.",
        ),
    ] = False,
    as_json: JsonOption = False,
    figures: Annotated[bool, typer.Option(help="Draw figures into the workspace's figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Show which hyper-parameters mattered, by means, paired comparisons and importances, and whether seeds agree.

    Only finished runs count. A mean is over configurations, each of which counts by the mean over its seeds. ± is the
    standard error over seeds: how far the mean could be off with other seeds. A seed is one draw for all its runs.
    Importances come with a verdict on whether other seeds would show them too.
    """
    if interactions and spans:
        raise UserError("--interactions and --spans exclude each other")
    if below is not None and (interactions or spans):
        raise UserError("--below does not apply to --interactions and --spans")
    if len(studies or ()) > 1 and not spans:
        raise UserError("several studies are for --spans; name one, or none for all")
    study = studies[0] if studies else None
    if interactions or spans:
        from rnnctl.cli.interactions import print_interactions, print_spans
        from rnnctl.lab.interactions import Interactions, interactions_of, spans_of

        chosen: dict[str, Any] = {"by": by, "where": where or [], "hidden": hidden}
        with opened(workspace, readonly=True) as store:
            shown = spans_of(store, studies or [], **chosen) if spans else interactions_of(store, study, **chosen)
        if as_json:
            out_json(shown)
        elif isinstance(shown, Interactions):
            print_interactions(shown)
        else:
            print_spans(shown)
        return
    from rnnctl.lab import effects as lab

    with opened(workspace) as store:
        result = lab.effects(store, study, by=by, below=below, where=where or [], hidden=hidden)
        if as_json:
            out_json(result)
            return
        _print(result)
        if figures and (drawn := lab.draw(store, result)) is not None:
            out()
            out(f"{counted(len(drawn.names), 'figure')} in {drawn.folder}: {', '.join(drawn.names)}")


def _print(effects: Effects) -> None:
    compared = "" if effects.floor is None else f", {effects.floor_label}"
    runs = f"{counted(effects.runs, 'finished run')} of {counted(effects.configurations, 'configuration')}"
    several = " of several studies" if effects.several else ""
    out(f"{effects.label}, lower is better{compared}; {runs}{several}")
    if effects.unfinished or effects.without_result:
        out(f"left out: {effects.unfinished} not finished, {effects.without_result} without a finite result")
    if not effects.hyperparameters:
        out("no hyper-parameter varies over these runs: there is nothing to compare")
        return
    _print_main_effects(effects)
    _print_comparisons(effects)
    _print_following(effects)
    out()
    if effects.importance is None:
        out(f"Importance: not estimated, {effects.missing['importance']}")
    else:
        _print_importance(effects.importance, effects.missing)
    out()
    if effects.stability is None:
        out(f"Ranks over seeds: not compared, {effects.missing['stability']}")
    else:
        _print_ranks(effects.stability)


def _print_main_effects(effects: Effects) -> None:
    columns = ["hyper-parameter", "value", "runs", "configurations", "seeds", "mean"]
    columns += ["sd over configurations", "sd over seeds"]
    if effects.below is not None:
        columns += [f"runs below {effects.below:g}", "share %", "mean of these"]
    rows = []
    for effect in effects.main_effects:
        of_all = effect.all
        row = [effect.name, _text(effect.value), str(of_all.runs), str(of_all.configurations), str(of_all.seeds)]
        row += [_mean(of_all), number(of_all.sd, 2), number(of_all.sd_seeds, 2)]
        if effects.below is not None:
            below = effect.below
            row += [str(0 if below is None else below.runs), f"{100 * effect.share_below:.0f}"]
            row.append(number(None if below is None else below.mean))
        rows.append(row)
    drop = ["seeds", "configurations", "runs", "sd over configurations", "sd over seeds", "mean of these"]
    _print_grouped("Main effects", columns, rows, drop)


def _print_comparisons(effects: Effects) -> None:
    columns = ["hyper-parameter", "from", "to", "pairs", "unpaired", "seeds", "difference", "lowest", "highest"]
    columns += ["better pairs", "better runs"]
    rows = [
        [
            each.name,
            _text(each.first),
            _text(each.other),
            str(each.configurations.n),
            str(each.alone),
            str(0 if each.difference is None else each.difference.seeds),
            _mean(each.difference),
            number(each.lowest),
            number(each.highest),
            _signs(each.configurations),
            _signs(each.runs),
        ]
        for each in effects.comparisons
    ]
    if rows:
        drop = ["unpaired", "seeds", "better runs", "pairs", "lowest", "highest"]
        _print_grouped("Pairs of configurations that are equal in everything else, same seeds", columns, rows, drop)
        out("lowest, highest: a pair's mean over seeds; what a hyper-parameter does depends on the others")
    for parameter in effects.hyperparameters:
        if parameter.values is not None:
            out(f"{parameter.name} has {parameter.values} values: no two configurations differ in it alone")


def _print_following(effects: Effects) -> None:
    if effects.following:
        out()
        out("Other hyper-parameters differ only because they follow from these")
        for follower in effects.following:
            out(f"  {follower.remark}")


def _print_importance(importance: Importances, missing: Mapping[str, str]) -> None:
    linear, forest = importance.linear, importance.forest
    logarithm = "the logarithm of " if importance.logarithm else ""
    out(f"Importance for {logarithm}the result, over the means of configurations")
    out(f"R² on {importance.unseen}")
    if importance.left_out:
        out(f"left out of the fits: {counted(importance.left_out, 'run')} whose seed no other configuration has")
    if linear is None:
        out(f"linear fit: none, {missing['linear']}")
    else:
        out(f"linear fit: {_r2(linear)}: {linear.worth}")
        if not linear.determined:
            out("linear fit: some hyper-parameters change together, so their importances cannot be told apart")
    if forest is None:
        out(f"random forest: none, {missing['forest']}")
    else:
        out(f"random forest: {_r2(forest)}: {forest.worth}")
    if importance.ceiling is not None:
        out(f"highest R² that the noise of seeds allows: about {importance.ceiling:.2f}")
    _print_sizes(linear, forest)


def _r2(fit: LinearFit | ForestFit) -> str:
    if fit.r2_error is None or fit.r2_low is None:
        return f"R² {fit.r2:.2f}"
    return f"R² {fit.r2:.2f} ± {fit.r2_error:.2f}, at least {fit.r2_low:.2f} with 95 % confidence"


def _print_sizes(linear: LinearFit | None, forest: ForestFit | None) -> None:
    """Print a row for each hyper-parameter, the most important first."""
    columns = ["hyper-parameter"]
    sizes: dict[str, float] = {}
    if linear is not None:
        columns += ["linear: contribution, sd", "linear: coefficients"]
        sizes = linear.size
    if forest is not None:
        columns.append("forest: drop in R²" if forest.error is None else "forest: drop in R² ± over seeds")
        sizes = forest.importance
    rows = []
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        row = [name]
        if linear is not None:
            coefficients = [each for each in linear.coefficients if each.name == name]
            row.append(number(linear.size[name], 2))
            row.append(", ".join(f"{each.column} {each.coefficient:+.2f}".strip() for each in coefficients))
        if forest is not None:
            lost = f"{forest.importance[name]:.3f}"
            row.append(lost if forest.error is None else f"{lost} ± {forest.error[name]:.3f}")
        rows.append(row)
    if rows:
        out(*table(columns, rows), whole=True)


def _print_ranks(ranks: Ranks) -> None:
    stability = ranks.stability
    seeds = ", ".join(map(str, stability.seeds))
    compared = f"{counted(stability.configurations, 'configuration')} with the seeds {seeds}"
    lowest = f"lowest {number(stability.lowest, 3)}"
    rho = f"Spearman {number(stability.spearman, 3)} between two seeds on average, {lowest}"
    others = f"; {stability.left_out} with others left out" if stability.left_out else ""
    out(f"Ranks over seeds: {rho}, over {compared}{others}")
    if ranks.same_best:
        best = sorted(set.intersection(*map(set, stability.best.values())))
        more = f" or {len(best) - 3} more" if len(best) > 3 else ""
        out(f"best with every seed: {' or '.join(best[:3])}{more}")
        return
    seeds_of: dict[str, list[str]] = {}
    for seed, labels in stability.best.items():
        for label in labels:
            seeds_of.setdefault(label, []).append(str(seed))
    for label, names in sorted(seeds_of.items(), key=lambda item: -len(item[1])):
        word = "seed" if len(names) == 1 else "seeds"
        out(f"best with {word} {', '.join(names)}: {label}")


def _print_grouped(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], drop: Sequence[str]) -> None:
    """Print a table whose first cell stays empty where it repeats the one above."""
    out()
    out(title)
    names = [row[0] for row in rows]
    cells = [["" if i and names[i - 1] == row[0] else row[0], *row[1:]] for i, row in enumerate(rows)]
    out(*table(columns, cells, drop), whole=True)


def _text(value: float | str) -> str:
    from rnnctl.report.effects.factors import value_text

    return value_text(value)


def _mean(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    mean = number(estimate.mean)
    return mean if estimate.error is None else f"{mean} ± {number(estimate.error, 2)}"


def _signs(signs: Signs) -> str:
    equal = f", {signs.equal} equal" if signs.equal else ""
    return f"{signs.better} of {signs.n}{equal}"

"""`examine`: the leaderboard, the runs below a threshold, and the figures."""

from __future__ import annotations

import gc
import statistics
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.figures import figures_of, save
from rnnctl.cli.options import (
    JsonOption,
    StudyArgument,
    WhereOption,
    WorkspaceOption,
    opened,
)
from rnnctl.cli.output import UserError, counted, duration, number, out, out_csv, out_json, say, table
from rnnctl.measures import MEASURES

if TYPE_CHECKING:
    from rnnctl.report.leaderboard import Configuration, Spread
    from rnnctl.report.results import Result
    from store import Store
    from store.queries import RunRow


def examine(
    study: StudyArgument = None,
    below: Annotated[
        float | None,
        typer.Option(
            "--below",
            metavar="X",
            help="Also list and plot the runs whose best loss is below X (or bits"
            " per byte, of texts at several levels).",
        ),
    ] = None,
    where: WhereOption = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="Order by loss, error, updates, label, ..., or a hyper-parameter.",
            show_default="loss, or bits_per_byte of texts at several levels",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="Only the first N configurations; 0 for all.")
    ] = 0,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one row a run as CSV on stdout.")] = False,
    figures: Annotated[bool, typer.Option(help="Draw figures into the workspace's figures folder.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Rank configurations by what their runs reached, beside what can be reached without learning.

    A loss is the best validation loss of a run, in nats (of text, per symbol) or, of addition and multiplication, as a
    mean squared error; ± is the standard deviation over replicates. A run broke the floor at the first check that was
    more than 1 % below it; shown is the median over the replicates that did.
    """
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other")
    from rnnctl.lab.workspaces import check_threshold, selected

    check_threshold(below)
    # This process reads thousands of records once and ends; looking for cycles among them took a quarter of its time.
    gc.disable()
    with opened(workspace) as store:
        rows = selected(store, study, where or [])
        whole = not where and not top
        _Examination(store, rows, study, below, sort, top, whole).show(as_json, as_csv, figures)


class _Examination:
    """The runs looked at, and the ways to show them."""

    def __init__(
        self,
        store: Store,
        rows: list[RunRow],
        study: str | None,
        below: float | None,
        sort: str | None,
        top: int,
        whole: bool,
    ) -> None:
        from rnnctl.report.leaderboard import SORTABLE, configurations, rank
        from rnnctl.report.parameters import complete_key
        from rnnctl.report.results import Result
        from rnnctl.report.units import best_measure

        self.store, self.study, self.below, self.whole = store, study, below, whole
        results = [Result.of(row) for row in rows]
        self.by = best_measure(results)
        sort = sort or self.by
        groups = configurations(results)
        if sort not in SORTABLE:
            names = dict.fromkeys(name for group in groups for name in group.runs[0].parameters)
            try:
                sort = complete_key(sort, [*SORTABLE, *names])
            except ValueError as error:
                raise UserError(f"--sort: {error}") from None
        ranked = rank(groups, sort)
        self.left_out = max(0, len(ranked) - top) if top else 0
        self.groups = ranked[:top] if top else ranked
        self.runs = [run for group in self.groups for run in group.runs]
        self.found = sorted(
            (run for run in self.runs if below is not None and run.is_below(below, self.by)),
            key=lambda run: run.value(self.by) or 0.0,
        )

    def show(self, as_json: bool, as_csv: bool, figures: bool) -> None:
        from rnnctl.report.results import COLUMNS

        if as_json:
            out_json(self._as_json())
        elif as_csv:
            out_csv(COLUMNS, self._records())
        else:
            self._print()
            if figures:
                self._draw()

    def _as_json(self) -> dict[str, Any]:
        return {
            "configurations": [
                {
                    "study": group.study,
                    "label": group.label,
                    "config": group.config,
                    "runs": len(group.runs),
                    "floor": group.first("floor"),
                    "chance_error": group.first("chance_error"),
                    "ended": group.ends,
                    "broke_floor_at": group.broke_floor,
                    **{key: (spread := group.spread(key)) and vars(spread) for key in (*MEASURES, "seconds")},
                }
                for group in self.groups
            ],
            "runs": self._records(),
            "below": self.below,
        }

    def _records(self) -> list[dict[str, Any]]:
        return [run.as_dict() for run in (self.found if self.below is not None else self.runs)]

    def _print(self) -> None:
        many = len({group.study for group in self.groups}) > 1
        text = any(group.first("bits_per_byte") is not None for group in self.groups)
        loss, error = MEASURES["loss"], MEASURES["error"]
        columns = [
            *["study"] * many, "configuration", "runs", loss.heading, *[MEASURES["bits_per_byte"].heading] * text,
            MEASURES["last_loss"].heading, loss.reference.heading, error.heading, error.reference.heading,
            "broke floor at", "ended", "wall time",
        ]  # fmt: skip
        out(table(columns, [[group.study] * many + self._line(group, text) for group in self.groups]))
        if self.left_out:
            out(f"... and {counted(self.left_out, 'more configuration')} (--top 0 shows all)")
        if not all(run.exact for run in self.runs):
            out("note: some runs went on in another environment than they began in; rnnctl show RUN says which")
        if self.below is None:
            return
        out()
        out(f"{len(self.found)} of {counted(len(self.runs), 'run')} below {self.below:g}")
        if self.found:
            measures = [MEASURES[key].heading for key in (self.by, "last_loss", "error")]
            columns = ["study"] * many + ["run", "id", measures[0], "at update", *measures[1:], "ended"]
            out(table(columns, [[run.study] * many + self._below_line(run) for run in self.found]))

    @staticmethod
    def _line(group: Configuration, text: bool) -> list[str]:
        broke, runs = group.broke_floor, len(group.runs)
        where = f"{round(statistics.median(broke)):,}" if broke else "-"
        ends = ", ".join(f"{n} {end}" if runs > 1 else end for end, n in group.ends.items())
        seconds = group.spread("seconds")
        return [
            group.label,
            str(runs),
            _spread(group.spread("loss")),
            *[_spread(group.spread("bits_per_byte"))] * text,
            _spread(group.spread("last_loss")),
            number(group.first("floor")),
            _spread(group.spread("error"), MEASURES["error"].scale),
            number(MEASURES["error"].scaled(group.first("chance_error"))),
            f"{where} ({len(broke)} of {runs})" if runs > 1 else where,
            ends,
            duration(seconds and seconds.mean),
        ]

    def _below_line(self, run: Result) -> list[str]:
        return [
            run.label,
            run.run,
            number(run.value(self.by)),
            f"{run.best_at:,}",
            number(run.last_loss),
            number(MEASURES["error"].scaled(run.error)),
            run.ended,
        ]

    def _draw(self) -> None:
        from rnnctl.report.figures import EXAMINED, Runs, examination
        from store import history
        from store.errors import translated

        gc.enable()  # figures are full of cycles
        title, folder = figures_of(self.store, self.study, self.runs)
        runs = Runs(
            self.runs,
            lambda run_ids, traces: history.read(self.store, run_ids, traces),
            title=title if self.whole else f"{title} (a selection)",
            by=self.by,
            below=self.below,
        )
        with translated(folder):
            # Figures of an earlier look, at other runs perhaps, must not lie beside those of this one.
            for name in EXAMINED:
                (folder / f"{name}.png").unlink(missing_ok=True)
        names = []
        for name, figure in examination(runs):
            save(figure, folder / f"{name}.png")
            names.append(name)
        for note in runs.notes:
            say(f"note: {note}")
        out()
        if names:
            out(f"{counted(len(names), 'figure')} in {folder}: {', '.join(names)}")
        else:
            out("no run was checked yet: no figures")


def _spread(spread: Spread | None, scale: float = 1.0) -> str:
    if spread is None:
        return "-"
    mean = number(scale * spread.mean)
    return mean if spread.sd is None else f"{mean} ± {number(scale * spread.sd, 2)}"

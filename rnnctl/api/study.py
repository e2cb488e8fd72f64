"""Study: a registered study and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from rnnctl.api import tables
from rnnctl.api.answers import Answers, asked
from rnnctl.api.border import named_errors, opened, tell
from rnnctl.api.drawing import drawn
from rnnctl.api.exporting import Format, exported
from rnnctl.api.queue import Workers, train_queued
from rnnctl.api.reporting import reported
from rnnctl.api.rows import Rows
from rnnctl.api.run import Run
from rnnctl.api.taken import Conditions, FigureKind, RunName, Seconds, Seeds, Top, WorkerCount
from rnnctl.arguments import checked
from rnnctl.errors import NotFound
from rnnctl.weights import BEST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.lab.annotate import Tagged
    from rnnctl.lab.answers import Answers as AnsweredQuestions
    from rnnctl.lab.delete import Deletion
    from rnnctl.lab.effects import Effects
    from rnnctl.lab.examine import Examination
    from rnnctl.lab.interactions import Interactions
    from rnnctl.lab.plot import Looks
    from rnnctl.lab.refine.refinement import Refinement
    from rnnctl.lab.train import TrainEnd
    from store.queries import StudyRow


class Choice(TypedDict, total=False):
    """What `Study.refine` is told of the configurations that it chooses, and of the study that it makes of them."""

    best: str | int | None
    below: float | None
    by: str | None
    recipe: str | Path | None
    seeds: Seeds | None
    name: str | None


@checked
class Study:
    """A study of a workspace: `study["EC7 seed=1"]` is one of its runs, `len(study)` how many it has.

    Conditions (`where`) are texts such as `train.lr<0.1`, `model.hidden=50,100` or `ended!=solved`, as for --where of
    commands. hidden: also the runs that the study's text no longer names.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name

    @property
    def about(self) -> str:
        """What the study is about, in its author's words."""
        return self._row().about

    @property
    def text(self) -> str:
        """The text of the study, as it was registered."""
        return self._row().source

    @property
    def runs(self) -> list[Run]:
        """The runs that the study names, in its order."""
        from store import queries

        with opened(self._folder) as store:
            rows = queries.runs_of(store, self._known(store))
        return [Run(self._folder, self.name, row.label, row.run_id) for row in rows]

    @property
    def labels(self) -> list[str]:
        """The labels of the runs."""
        return [run.label for run in self.runs]

    def __getitem__(self, name: RunName) -> Run:
        """Return the run of a label, or of an id or the beginning of one. Raise NotFound."""
        from rnnctl.lab.workspaces import run_of_study

        with opened(self._folder) as store:
            row = run_of_study(store, self.name, name)
        return Run(self._folder, self.name, row.label, row.run_id)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not None
        except NotFound:
            return False

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def train(
        self,
        *,
        workers: WorkerCount = 1,
        seconds: Seconds | None = None,
        progress: bool = True,
        priority: int | None = None,
        **options: Unpack[Workers],
    ) -> TrainEnd:
        """Train the queued runs in `workers` processes, until none is left or `seconds` are over.

        It can be called again, also while it runs elsewhere, and goes on with the same bits. progress: whether to show
        bars. priority: of these runs among all queued ones, 0 at first; the highest are trained first. options: see
        `rnnctl.api.queue.Workers`.

        After one Ctrl-C every run is saved, the workers leave, and KeyboardInterrupt is raised; after a second one they
        leave at once. Raise InvalidArgument for a device that is not there, and Failed if workers cannot work. Runs
        that fail are counted in the result, and a warning tells of them.
        """
        return train_queued(self._folder, [self.name], workers, seconds, progress, priority, **options)

    def examine(
        self,
        *,
        by: str | None = None,
        where: Conditions = (),
        below: float | None = None,
        sort: str | None = None,
        top: Top = 0,
        hidden: bool = False,
    ) -> Examination:
        """Rank the configurations, best first, as `rnnctl examine --json` prints it.

        by: the measure that ranks. below: a threshold on it. sort: a key to order by instead. top: only the first N.
        The result's `words` have verdicts on each run, differences between configurations, and the answer in three
        lines.
        """
        return self._examined(by=by, where=where, below=below, sort=sort, top=top, hidden=hidden, words=True)

    def _examined(self, **options: Any) -> Examination:
        from rnnctl.lab.examine import examine

        with opened(self._folder) as store:
            return examine(store, self.name, **options)

    def leaderboard(
        self,
        *,
        by: str | None = None,
        where: Conditions = (),
        sort: str | None = None,
        top: Top = 0,
        hidden: bool = False,
    ) -> Rows:
        """Return a row for each configuration, best first: means over its runs, with standard deviations as NAME_sd.

        `leaderboard().frame()` is the same as a frame of pandas.
        """
        return tables.leaderboard(self._examined(by=by, where=where, sort=sort, top=top, hidden=hidden))

    def results(self, *, where: Conditions = (), hidden: bool = False) -> Rows:
        """Return a row for each run: how it ended, what it reached, its hyper-parameters. Best configurations first."""
        return Rows(self._examined(where=where, hidden=hidden).rows(), tables.RESULTS)

    def checks(self, *, hidden: bool = False) -> Rows:
        """Return a row for each check of each run: what `export` writes as CSV. Raise NotTrained before the first."""
        from rnnctl.lab.export.text import rows_of_checks
        from rnnctl.lab.workspaces import runs_named

        with opened(self._folder) as store:
            return Rows(rows_of_checks(store, runs_named(store, self.name, hidden)))

    def effects(
        self, *, by: str = "loss", below: float | None = None, where: Conditions = (), hidden: bool = False
    ) -> Effects:
        """Analyse which hyper-parameters mattered, as `rnnctl effects --json` prints it. Raise NotTrained."""
        from rnnctl.lab.effects import effects

        with opened(self._folder) as store:
            return effects(store, self.name, by=by, below=below, where=where, hidden=hidden)

    def interactions(self, *, by: str = "loss", where: Conditions = (), hidden: bool = False) -> Interactions:
        """Analyse which hyper-parameters act together, as `rnnctl effects --interactions --json` prints it."""
        from rnnctl.lab.interactions import interactions_of

        with opened(self._folder) as store:
            return interactions_of(store, self.name, by=by, where=where, hidden=hidden)

    def answers(self) -> AnsweredQuestions:
        """Answer the questions of the study, as `rnnctl answers --json` prints it."""
        from rnnctl.lab.answers import answers

        with opened(self._folder, write=True) as store:
            result = answers(store, self.name)
        tell(result.notes)
        return result

    def plot(
        self, kind: FigureKind, *, where: Conditions = (), top: Top = 0, hidden: bool = False, **looks: Unpack[Looks]
    ) -> Figure:
        """Return a figure of the runs together, which a notebook shows; see `Run.plot`. top: of the best N only."""
        return drawn(self._folder, [self.name], kind, where=where, top=top, hidden=hidden, **looks)

    def answer(self, probe: str, *, weights: str | int = BEST, **settings: Any) -> Answers:
        """Put the question of a probe to every run that it applies to; see `Run.answer`."""
        return asked(self._folder, self.name, probe, str(weights), settings)

    @overload
    def refine(self, *, dry_run: Literal[False] = False, **options: Unpack[Choice]) -> Study: ...

    @overload
    def refine(self, *, dry_run: Literal[True], **options: Unpack[Choice]) -> Refinement: ...

    def refine(
        self,
        *,
        best: str | int | None = None,
        below: float | None = None,
        by: str | None = None,
        recipe: str | Path | None = None,
        seeds: Seeds | None = None,
        name: str | None = None,
        dry_run: bool = False,
    ) -> Study | Refinement:
        """Make a new study of the best configurations, each changed by a recipe, and return it.

        best: a number or a share such as `10%`. below: a threshold instead. recipe: a file, instead of the section
        `refine` of the study. name: of the new study. dry_run: make nothing, and return what would be chosen and made.
        """
        from rnnctl.lab.refine.recipes import recipe_for
        from rnnctl.lab.refine.refinement import refine

        file = None if recipe is None else Path(recipe)
        with opened(self._folder, write=not dry_run) as store:
            chosen = recipe_for(store, self.name, file=file, best=best, below=below, by=by, seeds=seeds)
            made = refine(store, self.name, chosen, name=name, dry_run=dry_run)
        if dry_run:
            return made
        tell(made.notes)
        return Study(self._folder, made.refined)

    def export(
        self, form: Format, out: str | Path | None = None, *, best: bool = False, hidden: bool = False
    ) -> list[Path]:
        """Write the runs for other programs, and return the files.

        form: npz or safetensors (a file for each run), csv or jsonl (a row for each check), tensorboard (a folder for
        each run), log (a text for each run). out: a file, or a folder if it exists or ends with /; by default the
        workspace's folder `exports/STUDY`. best: of npz and safetensors, the weights of the best validation loss, not
        the last. Raise NotTrained before the first check.
        """
        return exported(self._folder, self.name, form, out, best, hidden)

    def report(self, path: str | Path | None = None, *, browser: str | None = None) -> Path:
        """Write the report, one HTML file with everything inside, and return the file.

        path: a .html, a .pdf, or a folder; by default in the workspace's folder `reports`. browser: which prints a
        .pdf, by default one that is installed.
        """
        return reported(self._folder, self.name, path, browser)

    def script(self) -> str:
        """Return a shell script that repeats the study."""
        from rnnctl.lab.export.text import commands

        with opened(self._folder) as store:
            return "".join(f"{line}\n" for line in commands(store, self.name).lines)

    def retry(self) -> int:
        """Put all runs that failed, were quarantined or cancelled back into the queue. Return their number."""
        from rnnctl.lab import maintain

        with opened(self._folder, write=True) as store:
            return len(maintain.retry(store, maintain.chosen(store, study=self.name)))

    def cancel(self) -> int:
        """Take all runs out of the queue, and stop those that are trained. Return their number. Results are kept."""
        from rnnctl.lab import maintain

        with opened(self._folder, write=True) as store:
            return len(maintain.cancel(store, maintain.chosen(store, study=self.name)))

    def delete(self, *, dry_run: bool = False) -> Deletion:
        """Delete the study for good, with all that was trained of its runs that no other study names.

        dry_run: only return what would be deleted. Runs that are being trained are refused.
        """
        from rnnctl.lab import delete as lab

        with opened(self._folder, write=not dry_run) as store:
            chosen = lab.chosen(store, [self.name])
            return lab.planned(store, chosen) if dry_run else lab.delete(store, chosen)

    def archive(self, *, undo: bool = False) -> None:
        """Put the study away: it is neither listed nor trained. undo: take it out again."""
        from rnnctl.lab import annotate

        with opened(self._folder, write=True) as store:
            annotate.archive(store, [self.name], undo=undo)

    def tag(self, word: str, *, remove: bool = False) -> Tagged:
        """Give all runs a tag, or take it away."""
        from rnnctl.lab import annotate

        with opened(self._folder, write=True) as store:
            return annotate.tag(store, self.name, word, remove=remove)

    def note(self, text: str) -> None:
        """Write a note on the study, in the place of an earlier one; an empty text removes it."""
        from rnnctl.lab import annotate

        with opened(self._folder, write=True) as store:
            annotate.note(store, self.name, text)

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {str(self._folder)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Study) and (self._folder, self.name) == (other._folder, other.name)

    def __hash__(self) -> int:
        return hash((self._folder, self.name))

    def _repr_html_(self) -> str:
        with named_errors():
            return tables.study_html(self.name, self.about, self.leaderboard())

    def _known(self, store: Any) -> str:
        from rnnctl.lab.workspaces import study_named

        return study_named(store, self.name)

    def _row(self) -> StudyRow:
        from store import queries

        with opened(self._folder) as store:
            name = self._known(store)
            (row,) = (row for row in queries.studies(store) if row.name == name)
        return row

"""Run: a run of a workspace, and everything that is kept about it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rnnctl.api.answers import Answers, asked
from rnnctl.api.border import opened
from rnnctl.api.drawing import drawn
from rnnctl.api.exporting import Format, exported
from rnnctl.api.past import History, Traces
from rnnctl.api.queue import Workers, train_queued
from rnnctl.api.reporting import reported
from rnnctl.api.rows import facts
from rnnctl.api.tables import reached
from rnnctl.api.taken import FigureKind, RunName, Seconds, WorkerCount
from rnnctl.arguments import checked
from rnnctl.weights import BEST

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from rnnctl.api.module import Network
    from rnnctl.lab.annotate import Tagged
    from rnnctl.lab.delete import Deletion
    from rnnctl.lab.diff import Diff
    from rnnctl.lab.plot import Looks
    from rnnctl.lab.show import RunDetails
    from rnnctl.lab.to_torch import TorchNetwork
    from rnnctl.lab.train import TrainEnd
    from rnnctl.report.results import Result
    from rnnctl.training.trained import Trained, WeightsAt
    from store import Store
    from store.queries import RunRow


@checked
class Run:
    """A run of a study. Everything is read when it is asked for, so it is what training has left by then.

    id: its id. study, label: its names. name: STUDY/LABEL.
    """

    def __init__(self, folder: Path, study: str, label: str, run_id: str) -> None:
        self._folder = folder
        self.study, self.label, self.id = study, label, run_id

    @property
    def name(self) -> str:
        """STUDY/LABEL."""
        return f"{self.study}/{self.label}"

    @property
    def spec(self) -> dict[str, Any]:
        """All keys of the run, with the values of all defaults."""
        from rnnctl.report.specs import resolved

        with self._opened() as store:
            return dict(resolved(self._row_in(store).spec))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The hyper-parameters by dotted key, without the seed."""
        with self._opened() as store:
            return self._result(store).parameters

    @property
    def status(self) -> str:
        """queued, running, done, failed, quarantined or cancelled."""
        return self._row().status

    @property
    def outcome(self) -> str | None:
        """solved, budget, early_stop or diverged; None until the run is done."""
        return self._row().outcome

    @property
    def step(self) -> int:
        """The updates that have been done."""
        return self._row().step

    @property
    def error(self) -> str | None:
        """The traceback of the last attempt that failed; None if none did, or the run is done."""
        return self._row().error

    @property
    def result(self) -> Result:
        """What the run has reached: best loss, floor, error and so on."""
        with self._opened() as store:
            return self._result(store)

    @property
    def history(self) -> History:
        """The numbers of all checks, an array (N,) each by name; see `History`."""
        from rnnctl.lab.show import past

        with self._opened() as store:
            return History(past(store, self.id))

    @property
    def traces(self) -> Traces:
        """The arrays of all checks by name, such as `gradient`, (N, T); see `Traces`."""
        from rnnctl.lab.show import past

        with self._opened() as store:
            return Traces(past(store, self.id, traces=True))

    def show(self) -> RunDetails:
        """Return everything that is kept: attempts, checkpoints, checks, relatives; what `rnnctl show` prints."""
        from rnnctl.lab.show import show

        with self._opened() as store:
            return show(store, self.id)

    def plot(self, kind: FigureKind, **looks: Unpack[Looks]) -> Figure:
        """Return a figure, which a notebook shows. kind: one of `rnnctl.kinds()`. looks: see `rnnctl.lab.plot.Looks`.

        Raise NotTrained if the run has not been checked yet, and InvalidArgument if there is no such figure.
        """
        return drawn(self._folder, [self.name], kind, **looks)

    def answer(self, probe: str, *, weights: str | int = BEST, **settings: Any) -> Answers:
        """Put the question of a probe to the network, and return a row for each answer. Answers are kept.

        probe: such as `lengths`, see `rnnctl probe --help`. weights: `best`, `last`, or the update of a snapshot.
        settings: of the probe. Raise NotTrained if there are no such weights, and InvalidArgument if there is no such
        probe, or the run cannot be asked this.
        """
        return asked(self._folder, self.id, probe, str(weights), settings)

    def weights(self, which: str | int = BEST) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of each weight matrix and bias by name. which: `best`, `last`, or the update of a snapshot.

        Raise NotTrained if the run has no such weights.
        """
        from rnnctl.api.weights import array_views

        with self._opened() as store:
            return array_views(*self._trained(store, which))

    def model(self, which: str | int = BEST) -> Network:
        """Return the network as a torch.nn.Module. which: as for `weights`. Raise NotTrained."""
        from rnnctl.api.weights import network

        with self._opened() as store:
            return network(*self._trained(store, which))

    def to_torch(self, which: str | int = BEST) -> TorchNetwork:
        """Return the network as torch.nn.RNN or torch.nn.LSTM with a head, for programs without rnnctl.

        which: as for `weights`. Raise NotTrained, and Failed for a cell that no layer of torch.nn is, saying why.
        """
        from rnnctl.api.weights import layers

        with self._opened() as store:
            return layers(self._trained(store, which)[0], which)

    def train(
        self,
        *,
        workers: WorkerCount = 1,
        seconds: Seconds | None = None,
        progress: bool = True,
        priority: int | None = None,
        **options: Unpack[Workers],
    ) -> TrainEnd:
        """Train the run if it is queued; see `Study.train`."""
        return train_queued(self._folder, [self.id], workers, seconds, progress, priority, **options)

    def export(self, form: Format, out: str | Path | None = None, *, best: bool = False) -> list[Path]:
        """Write the run for other programs; see `Study.export`."""
        return exported(self._folder, self.name, form, out, best)

    def report(self, path: str | Path | None = None, *, browser: str | None = None) -> Path:
        """Write a report of the run alone, and return the file; see `Study.report`."""
        return reported(self._folder, self.name, path, browser)

    def diff(self, other: Run | RunName) -> Diff:
        """Compare with another run: the keys in which they differ, and their results."""
        from rnnctl.lab.diff import diff

        name = other.id if isinstance(other, Run) else other
        with opened(self._folder) as store:
            return diff(store, self.id, name)

    def retry(self) -> None:
        """Put the run back into the queue. Raise InvalidArgument unless it failed, was quarantined or cancelled."""
        from rnnctl.lab import maintain

        with self._opened(write=True) as store:
            maintain.retry(store, maintain.chosen(store, [self.id]))

    def cancel(self) -> None:
        """Take the run out of the queue, or stop it. What it has done is kept."""
        from rnnctl.lab import maintain

        with self._opened(write=True) as store:
            maintain.cancel(store, maintain.chosen(store, [self.id]))

    def delete(self, *, dry_run: bool = False) -> Deletion:
        """Delete the run for good, or only return what would be deleted; see `Study.delete`."""
        from rnnctl.lab import delete as lab

        with opened(self._folder, write=not dry_run) as store:
            chosen = lab.chosen(store, [self.name])
            return lab.planned(store, chosen) if dry_run else lab.delete(store, chosen)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the run."""
        return self._row().tags

    def tag(self, word: str, *, remove: bool = False) -> Tagged:
        """Give the run a tag, by which `where` of other methods selects it, or take it away."""
        from rnnctl.lab import annotate

        with self._opened(write=True) as store:
            return annotate.tag(store, self.id, word, remove=remove)

    def note(self, text: str) -> None:
        """Write a note on the run, in the place of an earlier one; an empty text removes it."""
        from rnnctl.lab import annotate

        with self._opened(write=True) as store:
            annotate.note(store, self.id, text)

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {self.id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (self._folder, self.id) == (other._folder, other.id)

    def __hash__(self) -> int:
        return hash((self._folder, self.id))

    def _repr_html_(self) -> str:
        with self._opened() as store:
            result = self._result(store)
            marks = {name: text for name, text in (("tags", result.tags), ("note", result.note)) if text}
            return facts({"run": self.name, "id": self.id, **reached(result), **marks})

    def _opened(self, write: bool = False) -> AbstractContextManager[Store]:
        return opened(self._folder, write=write, runs=(self.id,))

    def _row(self) -> RunRow:
        with self._opened() as store:
            return self._row_in(store)

    def _row_in(self, store: Store) -> RunRow:
        from rnnctl.lab.workspaces import run_of_study

        return run_of_study(store, self.study, self.id)

    def _result(self, store: Store) -> Result:
        from rnnctl.report.results import Result

        return Result.of(self._row_in(store))

    def _trained(self, store: Store, which: str | int) -> tuple[Trained, WeightsAt]:
        from rnnctl.lab.trained import with_weights

        return with_weights(store, self.id, str(which))

"""train: one run, in this process, without a workspace."""

from __future__ import annotations

import math
import signal
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack

import numpy as np
import numpy.typing as npt
import torch

from rnnctl.api.border import named_errors, tell
from rnnctl.api.module import Network
from rnnctl.api.notebook import show_figures, view_here
from rnnctl.api.past import History, Traces
from rnnctl.api.rows import facts
from rnnctl.api.tables import reached
from rnnctl.api.taken import FigureKind, ScalarName
from rnnctl.api.weights import array_views, layers, network, weights_at
from rnnctl.arguments import checked
from rnnctl.determinism import torch_settled
from rnnctl.errors import Error, Failed, InvalidArgument
from rnnctl.lab.asked import load_checked
from rnnctl.lab.register import run_record
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import StudyText
from rnnctl.study.mapping import study_text
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, train_pack
from rnnctl.training.recorder import HistoryRow, Relative
from rnnctl.training.too_large import refuse_here
from rnnctl.training.trained import Trained
from rnnctl.weights import BEST
from rnnctl.words import number
from store.history import History as Kept
from store.queries import RunRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.cli.progress import View
    from rnnctl.lab.plot import Drawn, Looks
    from rnnctl.lab.to_torch import TorchNetwork
    from rnnctl.report.results import Result

NAME = "run"


@checked
class TrainedRun:
    """A run that `train` has trained: its history, its weights and its network.

    outcome: solved, budget, early_stop or diverged; None if it was interrupted. step: the updates that were done.
    `run["valid_loss"]` is `run.history["valid_loss"]`.
    """

    def __init__(
        self, spec: RunSpec, trained: Trained, kept: Kept, summary: dict[str, Any], outcome: str | None
    ) -> None:
        self._spec, self._trained, self._kept = spec, trained, kept
        self._summary, self.outcome = summary, outcome
        self.step = int(summary["step"])

    @property
    def spec(self) -> dict[str, Any]:
        """All keys of the run, with the values of all defaults."""
        return self._spec.written_out()

    @property
    def result(self) -> Result:
        """What the run has reached: best loss, floor, error and so on."""
        from rnnctl.report.results import Result

        record = run_record(self._spec, NAME)
        row = RunRow(
            record.run_id, record.config_id, record.shape, record.total, NAME, NAME, "interrupted", self.outcome, 1,
            None, None, 0, 0.0, self.step, None, None, True, record.spec, self._summary, (), "", True, None,
        )  # fmt: skip
        return Result.of(row)

    @property
    def history(self) -> History:
        """The numbers of all checks, an array (N,) each by name."""
        return History(self._kept)

    @property
    def traces(self) -> Traces:
        """The arrays of all checks by name, such as `gradient`, (N, T)."""
        return Traces(self._kept)

    def __getitem__(self, name: ScalarName) -> npt.NDArray[Any]:
        """Return the numbers of a name in the history, (N,). Raise NotFound, with the nearest name."""
        return self.history[name]

    def weights(self, which: str | int = BEST) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of each weight matrix and bias by name. which: `best`, `last`, or the update of a snapshot.

        Raise NotTrained if there are no such weights.
        """
        return array_views(self._trained, weights_at(self._trained, which))

    def model(self, which: str | int = BEST) -> Network:
        """Return the network as a torch.nn.Module. which: as for `weights`. Raise NotTrained."""
        return network(self._trained, weights_at(self._trained, which))

    def to_torch(self, which: str | int = BEST) -> TorchNetwork:
        """Return the network as torch.nn.RNN or torch.nn.LSTM with a head, for programs without rnnctl.

        which: as for `weights`. Raise NotTrained, and Failed for a cell that no layer of torch.nn is, saying why.
        """
        return layers(self._trained, which)

    def plot(self, kind: FigureKind, **looks: Unpack[Looks]) -> Figure:
        """Return a figure of the run. kind, looks: as for `Run.plot`. Raise NotFound and InvalidArgument."""
        from rnnctl.lab.plot import draw_runs  # loads matplotlib

        with named_errors():
            figures, notes = draw_runs(self._drawn(), kind, **looks)
            ((_, figure),) = figures
        tell(notes)
        show_figures()
        return figure

    def _drawn(self) -> Drawn:
        from rnnctl.lab.plot import Drawn

        result = self.result
        return Drawn([result], lambda run_ids, traces: {result.run: self._kept}, NAME, NAME)

    def __repr__(self) -> str:
        result = self.result
        losses = f"best loss {number(result.loss)}, floor {number(result.floor)}"
        return f"TrainedRun({result.ended} at update {self.step:,}, {losses})"

    def _repr_html_(self) -> str:
        return facts(reached(self.result))


@checked
def train(spec: Mapping[str, Any] | str, *, device: str = "cpu", progress: bool = True) -> TrainedRun:
    """Train one run in this process and return it; nothing is written anywhere.

    spec: the sections of a run as in `base` of a study (`task`, `model`, `train`, `check`, `stop`, `seed`), as a
    mapping or as YAML. device: cpu, or a card such as cuda:0. progress: whether to show a bar. The first Ctrl-C ends
    the run at its next update and returns what there is; the second raises KeyboardInterrupt.

    The run is the one that a workspace would train, to rounding; to the bit where this process was started in the
    environment of a worker (rnnctl.determinism.worker_environment).

    Raise SpecError for a wrong key, also if the run is too large for this machine, InvalidArgument for a device that is
    not there, and Failed if the training fails.
    """
    run = _read(spec)
    run_id = run.run_id
    view = view_here() if progress else None
    recorder = _Memory(run, view)
    card = _device(device)
    try:
        with torch_settled(), _interrupts(recorder):
            train_pack({run_id: run}, recorder, device=card, cadence=Cadence(seconds=math.inf))
    except Error:  # of a part that a user wrote
        raise
    except (ValueError, OSError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise Failed(f"the training failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
    finally:
        if view is not None:
            view.stop()
    state = torch.load(BytesIO(recorder.checkpoint), weights_only=True)
    trained = Trained.from_state(state, run_id, run)
    return TrainedRun(run, trained, recorder.kept(), recorder.summary, recorder.outcome)


def _read(spec: Mapping[str, Any] | str) -> RunSpec:
    """Return the run of a mapping or of YAML. Raise SpecError if it is wrong."""
    if isinstance(spec, str):
        text = f"study: {NAME}\nbase:\n{textwrap.indent(textwrap.dedent(spec), '  ')}"
    else:
        text = study_text({"study": NAME, "base": spec})
    try:
        (study,) = load_checked([StudyText(text, "spec", lined=False)], refuse=refuse_here())
    except SpecError as error:
        error.line = None  # of a text that nobody wrote
        raise
    tell(study.warnings)
    (run,) = study.runs
    return run.spec


def _device(device: str) -> str:
    from rnnctl import devices

    try:
        (card,) = devices.resolve(device)
    except ValueError as error:
        raise InvalidArgument(f"device: {error}") from None
    return card


@contextmanager
def _interrupts(recorder: _Memory) -> Iterator[None]:
    """Inside `with`, the first SIGINT makes the training end, the second raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        if recorder.draining:
            raise KeyboardInterrupt
        recorder.draining = True

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Memory:
    """A recorder that keeps everything in memory. See rnnctl.training.recorder.Recorder."""

    def __init__(self, spec: RunSpec, view: View | None) -> None:
        self.draining = False
        self.checkpoint, self.summary = b"", dict[str, Any]()
        self.outcome: str | None = None
        self._rows: list[HistoryRow] = []
        self._total, self._view, self._loss = spec.train.updates, view, ""
        if view is not None:
            view.start(f"{spec.task.name}, {spec.model.name}: {self._total:,} updates at most")

    def held(self, run_id: str) -> bool:
        return True

    def resume(self, run_id: str) -> Path | None:
        return None

    def relatives(self, run_id: str, trajectory: str) -> Iterable[Relative]:
        return ()

    def extend(self, *arguments: Any) -> bool:
        return False  # there is no other run to go on from

    def progress(self, run_id: str, step: int) -> None:
        if self._view is not None:
            self._view.draw(f"update {step:,} of {self._total:,}{self._loss}", step, self._total, {})

    def commit(
        self,
        run_id: str,
        step: int,
        write: Callable[[BinaryIO], None],
        history: list[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None = None,
    ) -> bool:
        buffer = BytesIO()
        write(buffer)
        self.checkpoint, self.summary, self.outcome = buffer.getvalue(), summary, outcome
        self._rows += history
        return True

    def emit(self, event: str, **fields: Any) -> None:
        if event == "check":
            loss, floor = fields.get("valid_loss"), fields.get("valid_floor")
            self._loss = f", loss {number(loss)}, floor {number(floor)}"

    def kept(self) -> Kept:
        """Return the checks as the store has them: NaN where a number is not finite or not there."""
        rows = self._rows
        scalars = sorted({name for row in rows for name in row.scalars})
        traces = sorted({name for row in rows for name in row.traces})
        return Kept(
            np.array([row.step for row in rows], np.int64),
            {name: np.array([_number(row.scalars.get(name)) for row in rows]) for name in scalars},
            {name: [row.traces.get(name) for row in rows] for name in traces},
        )


def _number(value: float | int | None) -> float:
    return math.nan if value is None or not math.isfinite(value) else float(value)

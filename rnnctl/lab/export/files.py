"""Exports with a file for each run: arrays and weights as npz, weights as safetensors, events, logs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.export.selection import Selection, checked, histories, is_folder, started, write
from rnnctl.lab.export.text import log_of
from rnnctl.lab.trained import newest
from rnnctl.lab.workspaces import NamedRuns
from rnnctl.weights import BEST, LAST
from store import Store, places
from store.history import History
from store.queries import RunRow

if TYPE_CHECKING:
    import numpy.typing as npt

NO_CHECKPOINT = "it has no sound checkpoint; csv and jsonl need none"


@dataclass(frozen=True)
class RunFile:
    """The file of a run. path: None if it is a device or a pipe, or could not be made; then an error follows."""

    path: Path | None
    notes: list[str]


@dataclass(frozen=True)
class FileExport:
    """The files of an export, each written when it is asked for."""

    files: Iterator[RunFile]
    notes: list[str]


def npz(store: Store, named: NamedRuns, out: str | None = None, *, best: bool = False) -> FileExport:
    """Write the arrays of runs (see rnnctl.report.export.npz) with their newest weights.

    best: the weights of the best validation loss instead. A file with the newest weights of a run that has not ended is
    named `unfinished_at_UPDATE` instead of `final`. out: a folder, or for one run a file; by default the
    workspace's folder `exports/STUDY`. Raises LabError and StoreError, also while files are written.
    """
    selection = checked(store, named)
    return FileExport(_npz_files(store, selection, out, best), selection.notes)


def _npz_files(store: Store, selection: Selection, out: str | None, best: bool) -> Iterator[RunFile]:
    import numpy as np

    from rnnctl.report.export.npz import final_state

    def fill(file: BinaryIO, arrays: dict[str, npt.NDArray[Any]]) -> None:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    folder, only = _destination(store, selection, out)
    for row, past in histories(store, selection.runs, traces=True):
        try:
            state = newest(store, row)
            if state.trained is None:
                yield RunFile(None, state.notes)
                raise ValueError(NO_CHECKPOINT)
            arrays = final_state(row, past, state.trained, BEST if best else LAST)
        except ValueError as error:
            raise LabError(f"run {row.study}/{row.label}: {error}", Code.FAILURE) from None
        which = _which(row, int(arrays["weights_at"]), best)
        path = only or folder / f"{selection.files[row.run_id]}_{which}_state.npz"
        yield RunFile(write(path, partial(fill, arrays=arrays), follow=out is not None), state.notes)


def safetensors(store: Store, named: NamedRuns, out: str | None = None, *, best: bool = False) -> FileExport:
    """Write the newest weights of runs as safetensors, with label, run, cell and update as metadata.

    Weights have the names that they have in an npz. Arguments, names of files and errors are those of `npz`.
    """
    selection = checked(store, named)
    return FileExport(_safetensors_files(store, selection, out, best), selection.notes)


def _safetensors_files(store: Store, selection: Selection, out: str | None, best: bool) -> Iterator[RunFile]:
    from rnnctl.report.export.npz import exported_weights
    from rnnctl.weight_files import write_safetensors

    folder, only = _destination(store, selection, out)
    for row in selection.runs:
        state = newest(store, row)
        weights = BEST if best else LAST
        try:
            if state.trained is None:
                yield RunFile(None, state.notes)
                raise ValueError(NO_CHECKPOINT)
            arrays, update = exported_weights(state.trained, weights), state.trained.weights[weights].step
        except ValueError as error:
            raise LabError(f"run {row.study}/{row.label}: {error}", Code.FAILURE) from None
        about = {"label": row.label, "run_id": row.run_id, "model_type": state.trained.spec.model.name}
        fill = partial(write_safetensors, arrays=arrays, metadata={**about, "weights_at": str(update)})
        path = only or folder / f"{selection.files[row.run_id]}_{_which(row, update, best)}_weights.safetensors"
        yield RunFile(write(path, fill, follow=out is not None), state.notes)


def _which(row: RunRow, update: int, best: bool) -> str:
    """Return which weights are in a file: `final` are only those of a run that has ended."""
    if best:
        return "best"
    return "final" if row.outcome is not None else f"unfinished_at_{update}"


def logs(store: Store, named: NamedRuns, out: str | None = None) -> FileExport:
    """Write the logs of runs (see rnnctl.report.export.log), a file for each. out: as for `npz`.

    Raises LabError and StoreError, also while files are written.
    """
    selection = started(store, named)
    return FileExport(_log_files(store, selection, out), selection.notes)


def _log_files(store: Store, selection: Selection, out: str | None) -> Iterator[RunFile]:
    folder, only = _destination(store, selection, out)
    for row in selection.runs:
        text = "".join(f"{line}\n" for line in log_of(store, row)).encode()
        path = only or folder / f"{selection.files[row.run_id]}.log"
        yield RunFile(write(path, partial(_fill_text, text=text), follow=out is not None), [])


def _fill_text(file: BinaryIO, text: bytes) -> None:
    file.write(text)


def tensorboard(store: Store, named: NamedRuns, out: str | None = None) -> FileExport:
    """Write events of runs for TensorBoard, a folder for each. out: as for `npz`, but always a folder.

    Raises LabError, also if tensorboard is not installed, and StoreError.
    """
    selection = checked(store, named)
    folder, only = _destination(store, selection, out)
    if only is not None:
        what = "tensorboard reads folders; name one that exists, or end it with /"
        raise LabError(what, argument="out", value=out)
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        what = "tensorboard needs a package: pip install 'rnnctl[tensorboard]'"
        raise LabError(what, Code.FAILURE, argument="format") from None
    return FileExport(_event_files(store, selection, folder, follow=out is not None), selection.notes)


def _event_files(store: Store, selection: Selection, folder: Path, *, follow: bool) -> Iterator[RunFile]:
    for row, past in histories(store, selection.runs, traces=True):
        # The file has the same name each time: TensorBoard shows two files of a folder as one run that did all twice.
        path = folder / selection.files[row.run_id] / f"events.out.tfevents.{row.run_id}"
        yield RunFile(write(path, partial(_fill_events, row=row, past=past), follow=follow), [])


def _fill_events(file: BinaryIO, row: RunRow, past: History) -> None:
    from torch.utils.tensorboard import SummaryWriter

    from rnnctl.report.export.tensorboard import write_events

    with TemporaryDirectory() as name:
        with SummaryWriter(name) as writer:
            write_events(writer, row, past)
        (made,) = Path(name).iterdir()
        with made.open("rb") as source:
            shutil.copyfileobj(source, file)


def _destination(store: Store, selection: Selection, out: str | None) -> tuple[Path, Path | None]:
    """Return the folder for the files, and the file if one is named for a single run."""
    if out is None:
        return places.own_folder(store.workspace, "exports", selection.study), None
    if selection.whole or is_folder(out):
        return Path(out), None
    return Path(out).parent, Path(out)

"""Exports of runs as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from rnnctl.api.border import opened, tell
from rnnctl.errors import InvalidArgument
from rnnctl.words import did_you_mean

if TYPE_CHECKING:
    from rnnctl.lab.export.files import FileExport
    from rnnctl.lab.workspaces import NamedRuns
    from store import Store

Format = Literal["npz", "safetensors", "csv", "jsonl", "tensorboard", "log"]


def exported(
    folder: Path, name: str, form: Format, out: str | Path | None, best: bool, hidden: bool = False
) -> list[Path]:
    """Write the runs that a name stands for, and return the files; see `Study.export`."""
    from rnnctl.lab.export import text
    from rnnctl.lab.workspaces import runs_named

    if form not in (allowed := get_args(Format)):
        raise InvalidArgument(f"{form!r} is no format; allowed: {', '.join(allowed)}{did_you_mean(str(form), allowed)}")
    if best and form not in ("npz", "safetensors"):
        raise InvalidArgument(f"best chooses weights: it applies to npz and safetensors, not to {form}")
    target = None if out is None else str(out) + ("/" if isinstance(out, Path) and not out.suffix else "")
    notes: list[str] = []
    with opened(folder) as store:
        runs = runs_named(store, name, hidden)
        if form == "csv" or form == "jsonl" or (form == "log" and not runs.whole):
            lines = text.log(store, runs) if form == "log" else text.checks(store, runs, form, traces=form == "jsonl")
            notes += lines.notes
            written = [lines.write(target or f"{folder}/exports/{runs.study}/")]
        else:
            made = _files(store, runs, form, target, best)
            each = list(made.files)
            notes += [*made.notes, *(note for file in each for note in file.notes)]
            written = [file.path for file in each]
    tell(notes)
    return [path for path in written if path is not None]


def _files(store: Store, runs: NamedRuns, form: Format, target: str | None, best: bool) -> FileExport:
    from rnnctl.lab.export import files

    if form == "npz":
        return files.npz(store, runs, target, best=best)
    if form == "safetensors":
        return files.safetensors(store, runs, target, best=best)
    return files.logs(store, runs, target) if form == "log" else files.tensorboard(store, runs, target)

"""Where checkpoint files lie: `checkpoints/RUN/attempt-0001-step-000000100-5f3a09bc.ckpt`, and nowhere else.

A file that no row of the database names yet has an empty file beside it, its mark, whose name ends in `.uncommitted`.

Every path that comes from the database goes through `file_of`, because a workspace can come from somebody else: a path
or a symbolic link in it could name any file of the user.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from store.errors import REPAIR, Foreign, Gone, Unwritable, translated
from store.files import UNFINISHED, sync_folder
from store.workspace import CHECKPOINTS, Workspace

_MARK = ".uncommitted"
_FILE = re.compile(r"attempt-(?P<attempt>\d+)-step-(?P<step>\d+)-[0-9a-f]+\.ckpt")
_RUN = re.compile(r"[A-Za-z0-9][^/\0]*")


def new_name(attempt: int, step: int) -> str:
    """Return a name for a checkpoint file: the attempt, the step, and a random part, so that no name is used twice."""
    return f"attempt-{attempt:04d}-step-{step:09d}-{secrets.token_hex(4)}.ckpt"


def numbers_of(path: Path) -> tuple[int, int] | None:
    """Return the attempt and the step of a finished file, by its name; None if it is no finished checkpoint."""
    match = _FILE.fullmatch(path.name)
    return None if match is None else (int(match["attempt"]), int(match["step"]))


def attempt_of(path: Path) -> int | None:
    """Return the attempt that wrote a file, complete or not, by its name; None if it is no checkpoint."""
    match = _FILE.match(path.name)
    return None if match is None else int(match["attempt"])


def mark_of(file: Path) -> Path:
    """Return the mark of a checkpoint file. It exists from before the file is written until a row names the file."""
    return file.with_name(file.name + _MARK)


def is_mark(path: Path) -> bool:
    """Return whether a file is the mark of a checkpoint file."""
    return path.suffix == _MARK and _FILE.fullmatch(path.stem) is not None


def is_unfinished(path: Path) -> bool:
    """Return whether a file is a checkpoint that was not written to its end."""
    return path.suffix == UNFINISHED and _FILE.match(path.name) is not None


def folder_of(workspace: Workspace, run_id: str) -> Path:
    """Return the folder for the checkpoints of a run, which may not exist.

    Raises Foreign for a run id that leads elsewhere, Unwritable if a symbolic link is in the way.
    """
    if _RUN.fullmatch(run_id) is None:
        raise Foreign(f"{workspace.database} has the run id {run_id!r}, which rnnctl never writes")
    folder = workspace.checkpoints / run_id
    for path in (workspace.checkpoints, folder):
        refuse_link(path)
    return folder


def refuse_link(path: Path) -> None:
    """Raise Unwritable if the path is a symbolic link."""
    if path.is_symlink():
        raise Unwritable(
            f"{path} cannot be used: it is a symbolic link to {path.readlink()}, and what a workspace writes stays in "
            "its own folder; put a folder or file in its place, or move the workspace as a whole"
        )


def own_folder(workspace: Workspace, *names: str) -> Path:
    """Return a folder of the workspace, which may not exist, such as that of its figures.

    names: from the outermost folder to the innermost. Raises Unwritable if a symbolic link is in the way.
    """
    folder = workspace.root
    for name in names:
        folder = folder / name
        refuse_link(folder)
    return folder


def make_folder(workspace: Workspace, run_id: str) -> Path:
    """Return the folder for the checkpoints of a run, which is made if it does not exist.

    Raises as `folder_of` does, and Gone if there is no workspace folder any more: it is not made again.
    """
    folder = folder_of(workspace, run_id)
    with translated(folder):
        for path in (workspace.checkpoints, folder):
            if not path.is_dir():
                try:
                    path.mkdir(exist_ok=True)
                    sync_folder(path.parent)
                except FileNotFoundError:
                    raise Gone(f"{workspace.root} was deleted or moved; nothing was written") from None
    return folder


def file_of(workspace: Workspace, run_id: str, path: str) -> Path:
    """Return the file of a checkpoint of a run. path: as the database has it.

    Raises Foreign unless it is a name that `new_name` makes in the run's folder, and Unwritable for a symbolic link.
    """
    file = folder_of(workspace, run_id) / path.rpartition("/")[2]
    if not is_ours(run_id, path):
        raise Foreign(
            f"{workspace.database} names {path!r} as a checkpoint of run {run_id}, which is not a file that rnnctl "
            f"writes in {CHECKPOINTS}/{run_id}; it was neither read nor removed; {REPAIR}"
        )
    refuse_link(file)
    return file


def is_ours(run_id: str, path: str) -> bool:
    """Return whether a path, as the database has it, is a file that `new_name` names in the folder of a run."""
    name = path.rpartition("/")[2]
    return _FILE.fullmatch(name) is not None and path == f"{CHECKPOINTS}/{run_id}/{name}"


def files(workspace: Workspace) -> list[Path]:
    """Return all files in the folders of runs, finished checkpoints or not, without the marks of uncommitted ones.

    Symbolic links to folders are left out.
    """
    root = workspace.checkpoints
    if root.is_symlink():
        return []
    with translated(root):
        folders = [path for path in sorted(root.glob("*")) if path.is_dir() and not path.is_symlink()]
        return [path for folder in folders for path in sorted(folder.glob("*")) if not is_mark(path)]


def files_of(workspace: Workspace, run_id: str) -> list[Path]:
    """Return the checkpoint files in the folder of a run, finished or not. Raises as `folder_of` does."""
    folder = folder_of(workspace, run_id)
    with translated(folder):
        return [path for path in sorted(folder.glob("*")) if attempt_of(path) is not None]


def finished(workspace: Workspace) -> list[Path]:
    """Return the finished checkpoint files of all runs, whether a database names them or not."""
    return [path for path in files(workspace) if _FILE.fullmatch(path.name) is not None]

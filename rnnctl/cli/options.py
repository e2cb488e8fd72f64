"""Options that several commands share, and how a command comes to its workspace."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.output import NOTHING, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store import Store

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        envvar="RNNCTL_WORKSPACE",
        help="The workspace folder. Default: the nearest one, from here upwards.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def workspace_root(option: Path | None) -> Path:
    """The folder that a command works in. Raises NoWorkspace."""
    from store import Workspace

    return option if option is not None else Workspace.find(Path.cwd()).root


@contextmanager
def opened(option: Path | None, *, readonly: bool = False) -> Iterator[Store]:
    """The store of the workspace that a command works in."""
    from store import Store

    with Store.open(workspace_root(option), readonly=readonly) as store:
        yield store


def one_run(store: Store, name: str) -> str:
    """The id of the one run that a user's word stands for. Raises NotFound; UserError where it could be several."""
    from store import queries

    found = queries.resolve_runs(store, name)
    if len(found) > 1:
        rows = queries.runs_of(store, run_ids=found)
        names = ", ".join(f"{row.study}/{row.label} ({row.run_id})" for row in rows[:6])
        raise UserError(f"{name!r} could be {len(found)} runs: {names}{', ...' if len(found) > 6 else ''}", NOTHING)
    return found[0]

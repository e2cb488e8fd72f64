"""`trust`: which modules of users a workspace imports without being told to each time."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption, WorkspaceOption
from rnnctl.cli.output import UserError, out, out_json, say


def trust(
    modules: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODULE", help="Modules such as my_lab.cells.", show_default=False),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Trust these modules no longer.", show_default=False)] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Trust modules with users' parts in a workspace, or list those that it trusts.

    A study can name a part that you wrote, such as `model: my_lab.cells:Leaky`. Its module is Python code, which is
    imported only with --allow-code, or in a workspace that trusts the module. Trust holds for you, for this workspace
    and for the file in which the module is found now: a workspace that you get from others never brings it along.
    """
    if undo and not modules:
        raise UserError("--undo is for modules that are named")
    from rnnctl.lab.usercode import distrust, trusted
    from rnnctl.lab.usercode import trust as trust_modules
    from rnnctl.lab.workspaces import root_of

    root = root_of(workspace)
    known = (distrust if undo else trust_modules)(root, modules) if modules else trusted(root)
    if as_json:
        out_json({module: str(file) for module, file in known.items()})
    elif known:
        out(*table(["module", "file"], [[module, str(file)] for module, file in known.items()]), whole=True)
    else:
        say("this workspace trusts no module")

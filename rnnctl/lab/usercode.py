"""Code of users in workspaces: where the modules of its parts lie, and which of them a workspace trusts.

Where modules were found when a study was registered is kept in the workspace, so that workers find them again: that
permits nothing. What may be imported without asking is kept in the settings of the user, by workspace, module and file:
a workspace that somebody else has made, or that was copied, cannot bring such a permission with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.lab.errors import Code, LabError
from rnnctl.usercode.modules import find_source
from rnnctl.usercode.permission import looking_in, trusting
from store.errors import StoreError
from store.files import write_whole

if TYPE_CHECKING:
    from rnnctl.study.run import RunSpec

FOLDERS = "modules.json"  # in a workspace: the folders in which modules of its parts were found
TRUSTED = "trusted.json"  # in the settings of the user: workspace -> module -> file


@contextmanager
def code_of(workspace: Path) -> Iterator[None]:
    """Inside `with`, find the modules of a workspace's parts, and import those that it trusts."""
    with looking_in(*_folders(workspace), Path.cwd(), workspace), trusting(trusted(workspace).items()):
        yield


def trusted(workspace: Path) -> dict[str, Path]:
    """Return the modules that a workspace trusts, each with the only file that it may be imported from."""
    modules = _read(_settings_file()).get(str(workspace.resolve()))
    if not isinstance(modules, dict):
        return {}
    return {str(module): Path(str(file)) for module, file in modules.items()}


def trust(workspace: Path, modules: Iterable[str]) -> dict[str, Path]:
    """Trust modules in a workspace, from where they are found now. Return all that it trusts then.

    Raise LabError for a module that is not found, and StoreError if the settings cannot be written.
    """
    with code_of(workspace):
        try:
            files = {module: find_source(module.partition(":")[0]) for module in modules}
        except ValueError as error:
            raise LabError(str(error), Code.NOTHING) from None
    return _write_trusted(workspace, trusted(workspace) | {source.module: source.file for source in files.values()})


def distrust(workspace: Path, modules: Iterable[str]) -> dict[str, Path]:
    """Trust these modules no longer in a workspace. Return all that it still trusts. Raise LabError for others."""
    left = trusted(workspace)
    for module in modules:
        if left.pop(module, None) is None:
            known = f"; it trusts {', '.join(left)}" if left else ""
            raise LabError(f"the workspace does not trust {module}{known}", Code.NOTHING)
    return _write_trusted(workspace, left)


def remember_folders(workspace: Path, specs: Iterable[RunSpec]) -> None:
    """Keep where the modules of the users' parts of runs lie, for commands in other folders and for workers."""
    known = _read(workspace / FOLDERS)
    found = dict(known)
    for module in {name.partition(":")[0] for spec in specs for name in spec.users_parts}:
        source = find_source(module)
        found[module] = str(source.file.parents[module.count(".") + (source.file.name == "__init__.py")])
    if found != known:
        _write(workspace / FOLDERS, found)


def _folders(workspace: Path) -> list[Path]:
    return [Path(folder) for folder in _read(workspace / FOLDERS).values() if isinstance(folder, str)]


def _settings_file() -> Path:
    """Return $XDG_CONFIG_HOME/rnnctl/trusted.json, or that in ~/.config."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "rnnctl"
    with suppress(RuntimeError):  # there is no home folder
        folder = folder.expanduser()
    return folder / TRUSTED


def _read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if there is none that can be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    write_whole(path, lambda file: file.write(text.encode()), follow=False)


def _write_trusted(workspace: Path, modules: Mapping[str, Path]) -> dict[str, Path]:
    everything = _read(_settings_file())
    everything[str(workspace.resolve())] = {module: str(file) for module, file in modules.items()}
    try:
        _write(_settings_file(), {folder: each for folder, each in everything.items() if each})
    except StoreError as error:
        raise LabError(str(error), Code.FAILURE) from error
    return dict(modules)

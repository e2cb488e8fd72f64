"""Code of users, for nodes that do not have it: a folder that Ray sends to all nodes as the job's `working_dir`.

Ray always gets such a folder, an empty one if there is no code. Otherwise it would put the user's current folder in
front of Python's path on all nodes, where a store.py or yaml.py would be imported instead of ours.

What travels are source files: of a package all of it, of a module that is not in a package the module itself, and those
modules beside it that it has imported. The hash of a part is part of what a run is, so a node that got other code
could not train the run.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from rnnctl.lab.errors import Code, LabError
from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
from rnnctl.usercode.modules import Source, find_source
from rnnctl.usercode.permission import OPTION
from rnnctl.words import counted
from store import Store, queries
from store.wanted import Wanted

OURS = frozenset({"rnnctl", "jobs", "store", "plots"})  # packages that each node must have itself


def pack(store: Store, wanted: Wanted, folder: Path, allowed: bool) -> list[str]:
    """Copy the code of the wanted runs in the queue into an empty folder, and return the names of its files.

    Call it where the modules of the workspace can be found (`rnnctl.lab.usercode.code_of`). allowed: whether the user
    has allowed that code is imported on other machines. Raise LabError, in one line, if there is code and it is not
    allowed, or if a module is not found.
    """
    modules = _modules_in_queue(store, wanted)
    if modules and not allowed:
        module, runs = next(iter(modules.items()))
        whose = "has code of its own" if runs == 1 else "have code of their own"
        raise LabError(
            f"{counted(runs, 'run')} of the queue {whose} (the module {module}), which is sent to other machines only "
            f"with {OPTION}",
            Code.FAILURE,
        )
    try:
        files = _files_of([find_source(module) for module in modules])
    except ValueError as error:
        raise LabError(str(error), Code.FAILURE) from None
    for name, file in files.items():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return sorted(files)


def _modules_in_queue(store: Store, wanted: Wanted) -> dict[str, int]:
    """Return the modules of the users' parts of runs that wait in the queue, and how many runs have a part of each."""
    modules: dict[str, int] = {}
    for stored in queries.queued_specs(store, wanted):
        try:
            parts = read_spec(stored).users_parts
        except SpecError:  # its worker says what is wrong
            continue
        for module in dict.fromkeys(name.partition(":")[0] for name in parts):
            modules[module] = modules.get(module, 0) + 1
    return modules


def _files_of(sources: Iterable[Source]) -> dict[str, Path]:
    """Return the files that have to travel, by their path below a folder on Python's path."""
    files: dict[str, Path] = {}
    for source in sources:
        levels = source.module.count(".") + (source.file.name == "__init__.py")
        root, top = source.file.parents[levels], source.module.partition(".")[0]
        if (root / top).is_dir() and levels:
            package = [file for file in (root / top).rglob("*.py") if not _is_hidden(file.relative_to(root))]
        else:
            package = [source.file]
        beside = [] if _is_installation(root) else _loaded_below(root)
        files |= {file.relative_to(root).as_posix(): file for file in [*package, *beside]}
    return files


def _is_hidden(path: Path) -> bool:
    return any(name.startswith(".") or name == "__pycache__" for name in path.parts)


def _is_installation(root: Path) -> bool:
    """Return whether a folder holds installed packages or Python itself, which a node has to have itself."""
    installed = {Path(place).resolve() for place in sysconfig.get_paths().values()}
    return root.resolve() in installed or bool({"site-packages", "dist-packages"} & set(root.parts))


def _loaded_below(root: Path) -> list[Path]:
    """Return the files of the loaded modules that were found in a folder of Python's path, without our own packages."""
    files = []
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if not isinstance(place, str) or name.partition(".")[0] in OURS:
            continue
        stem = root.joinpath(*name.split("."))
        if Path(place) in (stem.with_suffix(".py"), stem / "__init__.py"):
            files.append(Path(place))
    return files

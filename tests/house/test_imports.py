"""Imports go one way: the command line, use-cases, queue, store; no room imports what lies above it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGES, ROOT, imports, modules, room

ABOVE_ALL = {
    "rnnctl.__main__", "rnnctl.api", "rnnctl.bench", "rnnctl.cli", "rnnctl.cluster", "rnnctl.docs", "rnnctl.lab",
}  # fmt: skip

# Small modules of words, numbers and base classes, which import nothing but one another.
COMMON = {
    "rnnctl.__version__",
    "rnnctl.arguments",
    "rnnctl.cache_folder",
    "rnnctl.determinism",
    "rnnctl.devices",
    "rnnctl.errors",
    "rnnctl.host",
    "rnnctl.joined",
    "rnnctl.measures",
    "rnnctl.parts",
    "rnnctl.question",
    "rnnctl.rounding",
    "rnnctl.section",
    "rnnctl.seeds",
    "rnnctl.spread",
    "rnnctl.weight_files",
    "rnnctl.usercode",
    "rnnctl.weights",
    "rnnctl.words",
}
# The rooms that each room may import, besides the common modules in rnnctl.
MAY_IMPORT: dict[str, set[str]] = {
    "store": set(),
    "jobs": {"store"},
    "plots": set(),
    "rnnctl.classic": {"plots"},
    "rnnctl.kernels": {"store"},
    "rnnctl.corpora": {"store"},
    "rnnctl.grammars": set(),
    "rnnctl.tasks": {"rnnctl.corpora", "rnnctl.grammars"},
    "rnnctl.cells": {"rnnctl.kernels"},
    "rnnctl.optimizers": {"rnnctl.kernels"},
    "rnnctl.schedules": set(),
    "rnnctl.study": {"rnnctl.cells", "rnnctl.optimizers", "rnnctl.schedules", "rnnctl.tasks"},
    "rnnctl.diagnostics": {"rnnctl.cells"},
    "rnnctl.training": {
        "rnnctl.cells", "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.kernels", "rnnctl.optimizers",
        "rnnctl.schedules", "rnnctl.study", "rnnctl.tasks",
    },
    "rnnctl.probes": {
        "rnnctl.cells", "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.grammars", "rnnctl.study", "rnnctl.tasks",
        "rnnctl.training", "plots",
    },
    "rnnctl.report": {
        "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.probes", "rnnctl.study", "rnnctl.tasks", "rnnctl.training",
        "plots", "store",
    },
    "rnnctl.lab": {
        "rnnctl.cells", "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.grammars", "rnnctl.kernels", "rnnctl.probes",
        "rnnctl.report", "rnnctl.study", "rnnctl.tasks", "rnnctl.training", "jobs", "plots", "store",
    },
    # Besides the queue: a worker of this machine, which a node runs, and its errors.
    "rnnctl.cluster": {"rnnctl.lab", "rnnctl.report", "rnnctl.study", "jobs", "store"},
    "rnnctl.bench": {
        "rnnctl.cells", "rnnctl.study", "rnnctl.tasks", "rnnctl.training", "jobs", "store",
    },
    # Besides the use-cases: types and names of what is returned, the bars of the command, and what one run in this
    # process and its network are made of.
    "rnnctl.api": {
        "rnnctl.cells", "rnnctl.cli", "rnnctl.cluster", "rnnctl.corpora", "rnnctl.lab", "rnnctl.report", "rnnctl.study",
        "rnnctl.training", "store",
    },
    # Besides the use-cases: types and names of what is shown, errors, probes as commands, and orders to a worker.
    "rnnctl.cli": {
        "rnnctl.bench", "rnnctl.cluster", "rnnctl.lab", "rnnctl.probes", "rnnctl.report", "rnnctl.study", "jobs",
        "store",
    },
}  # fmt: skip
WITHOUT_COMMON = {"store", "jobs", "plots"}
TERMINALS = {"typer", "rich", "click"}
# What the command line leaves to the rooms below it: SQL, networks, figures.
NOT_FOR_TERMINALS = {"sqlite3", "sqlite_utils", "torch", "numpy", "numba", "matplotlib"}


def within(name: str, places: set[str]) -> bool:
    """Whether a dotted name is one of the places or inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def ours(module: str) -> Iterator[tuple[int, str]]:
    """Line and room of everything of ours that a module imports from outside its own room."""
    for line, name in imports(module):
        if within(name, set(PACKAGES)) and room(name) != room(module):
            yield line, room(name)


@pytest.mark.parametrize("importing", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(importing):
    allowed = MAY_IMPORT[importing] | (set() if importing in WITHOUT_COMMON else COMMON)
    members = [name for name in modules() if room(name) == importing]
    assert members, f"there is no room {importing}"
    wrong = [
        f"{module}:{line} imports {name}" for module in members for line, name in ours(module) if name not in allowed
    ]
    assert wrong == []


def test_common_modules_import_only_one_another():
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room(module) in COMMON
        for line, name in ours(module)
        if name not in COMMON
    ]
    assert wrong == []


def test_every_room_has_its_place():
    rooms = {room(module) for module in modules()} - {"rnnctl"}
    assert rooms - COMMON - ABOVE_ALL - MAY_IMPORT.keys() - {"rnnctl.studies"} == set()


def test_rooms_below_the_use_cases_know_neither_them_nor_the_command_line():
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room(module) not in {*ABOVE_ALL, "rnnctl"}  # the package names what it offers to programs
        for line, name in imports(module)
        if within(name, ABOVE_ALL)
    ]
    assert wrong == []


def test_only_the_command_line_knows_terminals():
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room(module) not in {"rnnctl.cli", "rnnctl.docs"}
        for line, name in imports(module)
        if within(name, TERMINALS)
    ]
    assert wrong == []


def test_the_command_line_knows_neither_sql_nor_networks_nor_figures():
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room(module) == "rnnctl.cli"
        for line, name in imports(module)
        if within(name, NOT_FOR_TERMINALS)
    ]
    assert wrong == []


def test_no_test_file_is_imported():
    """Helpers that several test files use have a module of their own."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if re.search(r"^\s*(from|import) tests\.(\w+\.)*test_", path.read_text(), re.M)
    ]
    assert wrong == []


def test_only_the_room_of_clusters_knows_ray_and_nobody_needs_it_to_be_imported():
    ray = {module for module in modules() for _, name in imports(module) if within(name, {"ray"})}
    assert {room(module) for module in ray} == {"rnnctl.cluster"}
    # Of these, the first imports Ray when it is asked to join a cluster, and the others are imported then.
    first, *others = sorted(ray - {"rnnctl.cluster.versions"}, key=lambda module: module != "rnnctl.cluster.connect")
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if module not in ray
        for line, name in imports(module)
        if within(name, set(others))
    ]
    assert (first, wrong) == ("rnnctl.cluster.connect", [])

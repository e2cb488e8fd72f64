"""Imports go one way: the command line, use-cases, queue, store; no room imports what lies above it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGES, ROOT, imports, modules, room

ABOVE_ALL = {"rnnctl.__main__", "rnnctl.cli", "rnnctl.lab", "rnnctl.docs", "rnnctl.bench"}

# Small modules of words, numbers and base classes, which import nothing but one another.
COMMON = {
    "rnnctl.__version__",
    "rnnctl.cache_folder",
    "rnnctl.determinism",
    "rnnctl.devices",
    "rnnctl.host",
    "rnnctl.measures",
    "rnnctl.parts",
    "rnnctl.question",
    "rnnctl.section",
    "rnnctl.seeds",
    "rnnctl.words",
}
# The rooms that each room may import, besides the common modules in rnnctl.
MAY_IMPORT: dict[str, set[str]] = {
    "store": set(),
    "jobs": {"store"},
    "plots": set(),
    "rnnctl.kernels": {"store"},
    "rnnctl.corpora": {"store"},
    "rnnctl.tasks": {"rnnctl.corpora"},
    "rnnctl.cells": {"rnnctl.kernels"},
    "rnnctl.optimizers": {"rnnctl.kernels"},
    "rnnctl.schedules": set(),
    "rnnctl.study": {"rnnctl.cells", "rnnctl.optimizers", "rnnctl.schedules", "rnnctl.tasks"},
    "rnnctl.diagnostics": {"rnnctl.cells"},
    "rnnctl.training": {
        "rnnctl.cells", "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.kernels", "rnnctl.optimizers", "rnnctl.study",
        "rnnctl.tasks",
    },
    "rnnctl.probes": {"rnnctl.cells", "rnnctl.corpora", "rnnctl.study", "rnnctl.tasks", "rnnctl.training", "plots"},
    "rnnctl.report": {
        "rnnctl.corpora", "rnnctl.diagnostics", "rnnctl.probes", "rnnctl.study", "rnnctl.tasks", "rnnctl.training",
        "plots", "store",
    },
    "rnnctl.lab": {
        "rnnctl.corpora", "rnnctl.kernels", "rnnctl.probes", "rnnctl.report", "rnnctl.study", "rnnctl.tasks",
        "rnnctl.training", "jobs", "plots", "store",
    },
    "rnnctl.bench": {
        "rnnctl.cells", "rnnctl.study", "rnnctl.tasks", "rnnctl.training", "jobs", "store",
    },
    # Besides the use-cases: types and names of what is shown, errors, probes as commands, and orders to a worker.
    "rnnctl.cli": {
        "rnnctl.bench", "rnnctl.lab", "rnnctl.probes", "rnnctl.report", "rnnctl.study", "jobs", "store",
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
        if room(module) not in ABOVE_ALL
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

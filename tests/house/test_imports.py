"""Imports run one way: the command line, use-cases, queue, store; and no room knows those above it."""

from __future__ import annotations

import re

import pytest

from tests.house.source import PACKAGES, ROOT, imports, modules, room

ABOVE_ALL = {"rnnctl.__main__", "rnnctl.cli", "rnnctl.lab", "rnnctl.docs"}
PLACES = {"rnnctl.bench"}  # times all rooms, and is known to the command line alone

# What each room may not import. None: anything of ours.
FORBIDDEN: dict[str, set[str] | None] = {
    "store": None,
    "plots": None,
    "rnnctl.kernels": None,
    "rnnctl.words": None,
    "rnnctl.seeds": None,
    "jobs": {"plots", "rnnctl"},
    "rnnctl.lab": {"rnnctl.cli", "rnnctl.docs"},
    "rnnctl.cells": {"rnnctl.tasks", "rnnctl.training", "jobs", "store", "plots", *PLACES},
    "rnnctl.tasks": {"rnnctl.cells", "rnnctl.training", "jobs", "store", "plots", *PLACES},
    "rnnctl.optimizers": {"rnnctl.cells", "rnnctl.tasks", "rnnctl.training", "jobs", "store", "plots", *PLACES},
    "rnnctl.schedules": {"rnnctl.cells", "rnnctl.tasks", "rnnctl.training", "jobs", "store", "plots", *PLACES},
    "rnnctl.study": {"rnnctl.training", "rnnctl.report", "jobs", "store", "plots", *PLACES},
    "rnnctl.training": {"rnnctl.report", "jobs", "store", "plots", *PLACES},
    "rnnctl.diagnostics": {"rnnctl.report", "jobs", "store", "plots", *PLACES},
    "rnnctl.probes": {"jobs", *PLACES},
    "rnnctl.report": {"jobs", *PLACES},
    "rnnctl.corpora": {"rnnctl.cells", "rnnctl.tasks", "rnnctl.training", "jobs", "plots", *PLACES},
}
TERMINALS = {"typer", "rich", "click"}


def within(name: str, places: set[str]) -> bool:
    """Whether a dotted name is one of the places or inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("of", sorted(FORBIDDEN))
def test_a_room_imports_only_what_lies_below_it(of):
    forbidden = FORBIDDEN[of]
    own = {name for name in modules() if room(name) == of}
    assert own, f"there is no room {of}"
    wrong = [
        f"{module}:{line} imports {name}"
        for module in sorted(own)
        for line, name in imports(module)
        if within(name, set(PACKAGES)) and room(name) != of and (forbidden is None or within(name, forbidden))
    ]
    assert wrong == []


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


def test_no_test_file_is_imported():
    """Helpers that several test files use have a module of their own."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if re.search(r"^\s*(from|import) tests\.(\w+\.)*test_", path.read_text(), re.M)
    ]
    assert wrong == []

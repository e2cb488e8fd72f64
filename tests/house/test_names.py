"""A part owns its name: nobody writes it down outside its room."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.parts import Catalogue
from rnnctl.probes.catalogue import PROBES
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.tasks.catalogue import TASKS
from tests.house.source import modules, room

FAMILIES: dict[str, Catalogue] = {
    "rnnctl.cells": CELLS,
    "rnnctl.tasks": TASKS,
    "rnnctl.optimizers": OPTIMIZERS,
    "rnnctl.schedules": SCHEDULES,
    "rnnctl.probes": PROBES,
}
RIVALS = {"rnnctl.bench", "rnnctl.studies"}  # measured and shown by name
# Words that are the name of a part and mean something else where they stand, or the default of a section.
OTHER_MEANINGS = {
    "plots.generalisation": {"lengths"},
    "rnnctl": {"grammar"},
    "rnnctl.cells.relational_memory.section": {"memory"},
    "rnnctl.cli.commands": {"grammar"},
    "rnnctl.docs.keys": {"text"},
    "rnnctl.probes.generate": {"text"},
    "rnnctl.probes.internals": {"text"},
    "rnnctl.study.run": {"rnn"},
    "rnnctl.study.teacher": {"constant", "linear"},
    "rnnctl.study.train": {"constant", "1/t"},
    "rnnctl.tasks.arrays": {"lengths"},
    "rnnctl.tasks.memorization": {"memory"},
    "rnnctl.tasks.recorded": {"lengths"},
}


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and value of every string of a module that is no docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize("family", FAMILIES)
def test_nobody_else_writes_the_name_of_a_part(family):
    names = set(FAMILIES[family].names)
    assert names
    wrong = [
        f"{module}:{line} writes {text!r}"
        for module, tree in modules().items()
        if room(module) not in {family, *RIVALS}
        for line, text in literals(tree)
        if text in names - OTHER_MEANINGS.get(module, set())
    ]
    assert wrong == []


def gates() -> set[str]:
    """The names of the gates of all cells, with every flag of theirs set, as figures and histories name them."""
    return {
        f"gate_{gate}"
        for cell in CELLS
        for gate in cell(**{key: True for key, field in cell.model_fields.items() if field.annotation is bool}).gates
    }


def test_nobody_else_writes_the_name_of_a_gate():
    wrong = [
        f"{module}:{line} writes {text!r}"
        for module, tree in modules().items()
        if room(module) != "rnnctl.cells"
        for line, text in literals(tree)
        if text in gates()
    ]
    assert wrong == []

"""Nothing prints past the functions that escape texts from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import imports, modules

PRINTERS = {"rnnctl.cli.output"}  # the functions for all others
SCREENS = {"rnnctl.cli.screen"}  # rich, whose text may be markup and orders to a terminal
# A library for notebooks, whose functions print words and numbers of their own when they are asked to.
LIBRARIES = {"rnnctl.classic.text"}
# They print to stderr, which in a process of a command passes `Escaping`; a tool of those who write the reference; and
# a script that stands for those that people write without rnnctl.
TO_STDERR = {"jobs.child", "rnnctl.training.drawing"}
TOOLS = {"rnnctl.docs.__main__", "rnnctl.bench.script"}
# Encodings and closed pipes.
MAY_USE_STREAMS = PRINTERS | SCREENS | TO_STDERR | {"rnnctl.cli.app", "rnnctl.cli.export"}
CALLS = {"print", "pprint", "echo", "secho", "echo_via_pager", "prompt", "confirm", "input"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and what is called of every call that prints, or that writes to a standard stream."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name in CALLS or (
            name in ("write", "writelines") and any(_is_stream(below) for below in ast.walk(function))
        ):
            yield node.lineno, ast.unparse(node)


def _is_stream(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in STREAMS


def to_stderr(call: str) -> bool:
    return call.startswith("print(") and call.endswith("file=sys.stderr)")


def test_nothing_prints_but_the_functions_that_escape() -> None:
    wrong = [
        f"{module}:{line}: {call}"
        for module, tree in modules().items()
        if module not in PRINTERS | SCREENS | TOOLS | LIBRARIES
        for line, call in calls(tree)
        if not (module in TO_STDERR and to_stderr(call))
    ]
    assert wrong == []


def test_only_the_screen_knows_rich() -> None:
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if module not in SCREENS
        for line, name in imports(module)
        if name.split(".")[0] in ("rich", "click")
    ]
    assert wrong == []


def test_the_streams_are_used_only_where_they_are_escaped() -> None:
    """Others may ask them whether they are terminals, and no more."""
    wrong = []
    for module, tree in modules().items():
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        asked = {id(node.value) for node in attributes if node.attr == "isatty"}
        wrong += [
            f"{module}:{node.lineno}: {ast.unparse(node)}"
            for node in attributes
            if _is_stream(node) and ast.unparse(node.value) == "sys" and id(node) not in asked
            if module not in MAY_USE_STREAMS
        ]
    assert wrong == []

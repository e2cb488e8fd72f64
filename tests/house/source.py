"""The source of our packages as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rnnctl", "jobs", "store", "plots")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of our packages by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(), filename=str(path)
        )
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def room(module: str) -> str:
    """The room of a module: the package, or in rnnctl the package or module below it."""
    first, *rest = module.split(".")
    return ".".join([first, *rest[:1]]) if first == "rnnctl" else first


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports, anywhere in it."""
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            assert node.module is not None
            # Of the package itself, a name may be a module.
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)

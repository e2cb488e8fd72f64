"""The users' parts that a study names, such as `model: my_lab.cells:Leaky`.

They join their families before anything else of the study is read, so that their keys are known wherever they stand:
in a grid, a case, a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnnctl.parts import Catalogue
from rnnctl.section import Path, Section
from rnnctl.study.errors import SpecError
from rnnctl.study.schema import catalogue_of
from rnnctl.study.yaml import Node
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.names import is_users
from rnnctl.usercode.permission import permission

SECTIONS = ("base", "cases", "zip", "grid", "random", "exclude", "when", "refine")


class Named(NamedTuple):
    """A word that may name a user's part, the place where it stands, and the last names of its key."""

    word: str
    line: int
    where: str
    key: Path


def join_users_parts(sections: Mapping[str, Node]) -> None:
    """Let all users' parts that a study names join their families. Raise SpecError for one whose code is missing.

    Where a study is only read, such a part stays out.
    """
    for name in SECTIONS:
        if name in sections:
            for named in _words(sections[name], name, ()):
                _join(named)


def _join(named: Named) -> None:
    catalogue = _family(named.key)
    if catalogue is None:
        return
    try:
        catalogue[named.word]
    except CodeError as error:
        if permission().reading:
            return
        raise SpecError(str(error), line=named.line, key=named.where) from None


def _words(node: Node, where: str, key: Path) -> Iterator[Named]:
    """Iterate over the words in a node that have the form of a user's part."""
    if isinstance(node.value, dict):
        for name, below in node.value.items():
            yield from _words(below, f"{where}.{name}", (*key, *name.split(".")))
    elif isinstance(node.value, list):
        for item in node.value:
            yield from _words(item, where, key)
    elif is_users(node.value):
        yield Named(str(node.value), node.line, where, key)


def _family(key: Path) -> Catalogue[Section] | None:
    """Return the family whose part the last names of a path name, such as `("A", "model", "name")`; else None."""
    ends = [key[start:] for start in range(len(key))]
    ends += [end[:-1] for end in ends if end[-1] == "name"]
    return next((family for end in ends if (family := catalogue_of(end)) is not None), None)

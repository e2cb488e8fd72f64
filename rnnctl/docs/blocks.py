"""The generated parts of the reference by name: what stands between `<!-- generated: NAME -->` and `<!-- end -->`.

commands            all commands, a line each
command NAME        one command: usage, help, arguments and options
keys                the keys of a run
keys SECTION        the keys of a section, such as `keys train.clip`
class NAME          a class of the package: its methods and properties
functions           the functions of the package, likewise its exceptions
figures, studies    tables of what the code lists
"""

from __future__ import annotations

from collections.abc import Callable

from rnnctl.docs import commands, keys, parts, python, questions

_TABLES: dict[str, Callable[[], str]] = {
    "commands": commands.overview,
    "differences": parts.differences,
    "exceptions": python.exceptions,
    "families": parts.families,
    "figures": parts.figures,
    "functions": python.functions,
    "keys": lambda: keys.keys(""),
    "measures": parts.measures,
    "remarks": parts.remarks,
    "results": parts.results,
    "scalars": parts.scalars,
    "studies": parts.studies,
    "topics": parts.topics,
}
_FAMILIES: dict[str, Callable[[str], str]] = {
    "class": python.members,
    "command": commands.reference,
    "keys": keys.keys,
    "questions": questions.questions,
}


def block(name: str) -> str:
    """Return the generated text of a name. Raises ValueError if there is no such part."""
    if name in _TABLES:
        return _TABLES[name]()
    family, _, rest = name.partition(" ")
    if family not in _FAMILIES:
        raise ValueError(f"there is no generated part {name!r}; allowed: {', '.join([*_TABLES, *_FAMILIES])}")
    try:
        return _FAMILIES[family](rest)
    except KeyError:
        raise ValueError(f"there is no {family} {rest!r} to generate a part from") from None

"""The generated parts of the reference by name: what stands between `<!-- generated: NAME -->` and `<!-- end -->`.

commands            all commands, a line each
command NAME        one command: usage, help, arguments and options
keys                the keys of a run
keys SECTION        the keys of a section, such as `keys train.clip`
figures, studies    tables of what the code lists
"""

from __future__ import annotations

from collections.abc import Callable

from rnnctl.docs import commands, keys, parts, questions

_TABLES: dict[str, Callable[[], str]] = {
    "commands": commands.overview,
    "families": parts.families,
    "figures": parts.figures,
    "keys": lambda: keys.keys(""),
    "measures": parts.measures,
    "results": parts.results,
    "studies": parts.studies,
}
_FAMILIES: dict[str, Callable[[str], str]] = {
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

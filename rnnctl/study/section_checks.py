"""Refuse what is no section of a study file, or a section of the wrong kind, and say what was most likely meant."""

from __future__ import annotations

from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text
from rnnctl.study.lookup import key_meant, reason_for_none
from rnnctl.study.schema import KEYS, names_below
from rnnctl.study.sections import ALSO_CALLED, EXAMPLES, SECTIONS
from rnnctl.study.slips import pair_meant
from rnnctl.study.yaml import Node
from rnnctl.words import nearest, shown


def no_section(name: str, line: int) -> SpecError:
    """Return the error of a name at the top level that is no section."""
    others = {other: section for section, names in ALSO_CALLED.items() for other in names}
    # Capitals and hyphens, and `name` and `random_seed`, which could be keys of a run too.
    meant = next((section for section in SECTIONS if section == name.lower()), None)
    meant = meant or others.get(name.lower().replace("-", "_"))
    what = "there is no such section"
    of_a_run = name.split(".")[0] in names_below(())
    if meant is None and not of_a_run and (why := reason_for_none(name)):
        what += f": {why}"
    elif meant is None:
        key = key_meant(name) if of_a_run or nearest(name, SECTIONS) is None else None
        meant = f"base: {{{key}: ...}}" if key else nearest(name, SECTIONS)
    return SpecError(what, line=line, key=name, allowed=SECTIONS, meant=meant)


def check_kind(name: str, node: Node) -> None:
    """Raise SpecError if a section is empty or not of the kind that its name asks for."""
    kind = SECTIONS[name]
    if kind is str and not isinstance(node.value, str):
        raise SpecError(f"must be text, not {shown(node.plain())}", line=node.line, key=name)
    if kind is not str and not isinstance(node.value, kind):
        what = f"must be a {'mapping' if kind is dict else 'list'}, not {shown(node.plain())}"
        error = SpecError(what, line=node.line, key=name, meant=_section_meant(name, node))
        error.remedy = None if error.meant else f"for example {EXAMPLES[name]}"
        raise error
    if not node.value:
        raise SpecError("is empty; leave it out or fill it", line=node.key_line, key=name)


def _section_meant(name: str, node: Node) -> str | None:
    """Return what a section of the wrong kind was most likely meant to be."""
    value = node.value
    if isinstance(value, str):
        pair = pair_meant(value)
        return f"{pair}, with a colon and a space" if pair else None
    if isinstance(value, list) and value and all(isinstance(item.value, dict) for item in value):
        if name == "base" or (name == "when" and len(value) == 1):
            return "its keys without dashes"
        first = "{" + ", ".join(f"{key}: ..." for key in value[0].mapping) + "}"
        return {"cases": f"{{NAME: {first}, ...}}", "zip": f"{{NAME: [{first}, ...]}}"}.get(name)
    if name == "exclude" and isinstance(value, dict):
        return "[{" + ", ".join(f"{key}: {text(below.plain())}" for key, below in value.items()) + "}]"
    return None


def is_key(name: str) -> bool:
    return tuple(name.split(".")) in KEYS


def rows_meant(node: Node) -> str | None:
    """Return the first row of a zip that was written as one list for each key, under a name of its own."""
    columns = {name: below.value for name, below in node.mapping.items() if isinstance(below.value, list)}
    if not columns or not all(map(is_key, columns)) or not all(columns.values()):
        return None
    row = ", ".join(f"{name}: {text(items[0].plain())}" for name, items in columns.items())
    return f"[{{{row}}}, ...]"

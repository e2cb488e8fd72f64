"""The text of a study with absolute paths of the data it reads, so that it can be registered from any folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from rnnctl.study.schema import KEYS
from rnnctl.words import escaped

SECTIONS = ("base", "cases", "zip", "grid", "random")  # those with settings of runs; conditions and recipes stay


def with_places(source: str, places: Collection[str]) -> str | None:
    """Return the text with the absolute path in place of each relative one, and everything else as it is.

    places: where the data of the study's runs lies: absolute paths, and names that stay as they are. None if it is
    unclear which of them a path means, or if the text is not YAML.
    """
    try:
        tree = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(tree, yaml.MappingNode):
        return None
    sections = [node for name, node in tree.value if name.value in SECTIONS]
    keys = {path[-1] for path, key in KEYS.items() if key.is_place}
    named = {node.start_mark.index: node for section in sections for node in _values(section, keys)}
    paths = [place for place in places if os.path.isabs(place)]
    # From the last to the first, so that positions before a change stay valid.
    for start, node in sorted(named.items(), reverse=True):
        if node.value not in places and not os.path.isabs(os.path.expanduser(node.value)):
            if (place := _place(node.value, paths)) is None:
                return None
            source = source[:start] + quoted(place) + source[node.end_mark.index :]
    return source


def quoted(value: object) -> str:
    """Return a value as JSON that YAML reads as the same, with only printable characters.

    The escapes for characters beyond U+FFFF are those of YAML: JSON makes two of each, which YAML takes for two.
    """
    return escaped(json.dumps(value, ensure_ascii=False))


def _values(node: yaml.Node, keys: Collection[str], under: bool = False) -> Iterator[yaml.ScalarNode]:
    """Yield the values of all these keys at or below a node. under: the node is such a value."""
    if isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            yield from _values(below, keys, under or key.value.split(".")[-1] in keys)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _values(item, keys, under)
    elif under and isinstance(node, yaml.ScalarNode):
        yield node


def _place(reference: str, places: Collection[str]) -> str | None:
    """Return the place that a relative path means: the only one, or the only one with the same end."""
    tail = tuple(name for name in Path(os.path.normpath(reference)).parts if name != os.pardir)
    matches = [place for place in places if len(places) == 1 or Path(place).parts[-len(tail) :] == tail]
    return matches[0] if len(matches) == 1 else None

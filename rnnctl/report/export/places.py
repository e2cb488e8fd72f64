"""The text of a study with absolute paths of its corpora, so that it can be registered from any folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from rnnctl.corpora.corpus import STDLIB

SECTIONS = ("base", "cases", "zip", "grid", "random")  # those with settings of runs; conditions and recipes stay


def with_places(source: str, places: Collection[str]) -> str | None:
    """Return the text with the absolute path in place of each relative one, and everything else as it is.

    places: the absolute paths of the corpora of the study's runs. None if it is unclear which of them a path means, or
    if the text is not YAML.
    """
    try:
        tree = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(tree, yaml.MappingNode):
        return None
    sections = [node for name, node in tree.value if name.value in SECTIONS]
    named = {node.start_mark.index: node for section in sections for node in _corpora(section)}
    # From the last to the first, so that positions before a change stay valid.
    for start, node in sorted(named.items(), reverse=True):
        if node.value != STDLIB and not os.path.isabs(os.path.expanduser(node.value)):
            if (place := _place(node.value, places)) is None:
                return None
            source = source[:start] + json.dumps(place, ensure_ascii=False) + source[node.end_mark.index :]
    return source


def _corpora(node: yaml.Node, under: bool = False) -> Iterator[yaml.ScalarNode]:
    """Yield the values of all keys `corpus`, `task.corpus`, ... at or below a node. under: the node is such a value."""
    if isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            yield from _corpora(below, under or key.value.split(".")[-1] == "corpus")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _corpora(item, under)
    elif under:
        yield node


def _place(reference: str, places: Collection[str]) -> str | None:
    """Return the place that a relative path means: the only one, or the only one with the same end."""
    tail = tuple(name for name in Path(os.path.normpath(reference)).parts if name != os.pardir)
    matches = [place for place in places if len(places) == 1 or Path(place).parts[-len(tail) :] == tail]
    return matches[0] if len(matches) == 1 else None

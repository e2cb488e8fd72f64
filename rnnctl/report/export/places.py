"""The text of a study that names its corpora from some folder, as one that names them from anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from rnnctl.corpora.corpus import STDLIB

SECTIONS = ("base", "cases", "zip", "grid", "random")  # what runs are made of; conditions and recipes stay as they are


def with_places(source: str, places: Collection[str]) -> str | None:
    """The text with the absolute path in the place of each relative one; all else is left as it is written.

    places: the absolute paths of the corpora of the study's runs. None where it is not plain which of them is meant,
    or the text is no YAML.
    """
    try:
        tree = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(tree, yaml.MappingNode):
        return None
    sections = [node for name, node in tree.value if name.value in SECTIONS]
    named = {node.start_mark.index: node for section in sections for node in _corpora(section)}
    # From the last to the first, so that those before stay where they are.
    for start, node in sorted(named.items(), reverse=True):
        if node.value != STDLIB and not os.path.isabs(os.path.expanduser(node.value)):
            if (place := _place(node.value, places)) is None:
                return None
            source = source[:start] + json.dumps(place, ensure_ascii=False) + source[node.end_mark.index :]
    return source


def _corpora(node: yaml.Node, under: bool = False) -> Iterator[yaml.ScalarNode]:
    """The values of all keys `corpus`, `task.corpus`, ... at or below a node. under: the node is such a value."""
    if isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            yield from _corpora(below, under or key.value.split(".")[-1] == "corpus")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _corpora(item, under)
    elif under:
        yield node


def _place(reference: str, places: Collection[str]) -> str | None:
    """The place that a relative path stands for: the only one, or the only one that ends as it does."""
    tail = tuple(part for part in Path(os.path.normpath(reference)).parts if part != os.pardir)
    found = [place for place in places if len(places) == 1 or Path(place).parts[-len(tail) :] == tail]
    return found[0] if len(found) == 1 else None

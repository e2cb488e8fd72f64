"""Strict YAML: read a text as a tree of nodes that know their lines.

PyYAML scans the text, and the tree is built here from its events. The constructors of PyYAML would read `1e-4` as text,
`on` as true and `012` as ten, and would silently keep the last of two equal keys. Plain scalars are read almost as in
YAML 1.2:

    true false          booleans (also True, TRUE); yes, no, on, off are words
    null ~              None; `none` is a word
    12 -3 +4            integers; a leading zero is an error, because 012 could mean ten or twelve
    0.1 1e-4 .5 .inf    floats

Errors are: duplicate keys, empty values, tags, merge keys, keys that are not plain scalars, several documents. Anchors
and aliases work, with limits on size and depth that stop a small file from expanding into a large one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from rnnctl.study.errors import SpecError
from rnnctl.study.yaml_slips import empty_value, syntax_error
from rnnctl.words import shown

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 32

_CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~"), None),
}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
# Control characters, and line separators that PyYAML counts as ends of lines but editors do not.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Half of a surrogate pair. An escape such as "\ud800" can write it, but no file, path or database can hold it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_UTF16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a list of nodes or a mapping of nodes.

    line: where the value starts. key_line: where its key is; in a list the same as line, and 1 for the document itself.
    """

    value: None | bool | int | float | str | list[Node] | dict[str, Node]
    line: int
    key_line: int

    @property
    def mapping(self) -> dict[str, Node]:
        """The value of a node that is known to be a mapping."""
        assert isinstance(self.value, dict)
        return self.value

    @property
    def items(self) -> list[Node]:
        """The value of a node that is known to be a list."""
        assert isinstance(self.value, list)
        return self.value

    def plain(self) -> Any:
        """Return the value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Raise SpecError, with the line, if it is too large, is not UTF-8 or has control characters.
    """
    if len(data) > MAX_BYTES:
        raise SpecError(f"is larger than {MAX_BYTES >> 20} MiB, which no study needs")
    if data.startswith(_UTF16_OR_32):
        raise SpecError("is UTF-16 or UTF-32 text; save it as UTF-8", line=1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"is not UTF-8 text (byte 0x{data[error.start]:02x})", line=line) from None
    if bad := _FORBIDDEN.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise SpecError(f"has the control character U+{ord(bad[0]):04X}", line=line)
    return text


def parse(text: str, what: str = "study", first: str = "study: NAME") -> Node:
    """Return the one document in `text`, whose top level is a mapping.

    what, first: what messages call the document, and how it begins. Raise SpecError, with the line and if possible the
    key, for the first mistake.
    """
    builder = _Builder(text)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise syntax_error(error, text) from None
    if builder.root is None:
        raise SpecError(f"is empty; a {what} starts with `{first}`", line=1)
    if not isinstance(builder.root.value, dict):
        raise SpecError(
            f"the top level must be a mapping such as `{first}`, not {shown(builder.root.plain())}",
            line=builder.root.line,
        )
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read yet."""

    container: list[Node] | dict[str, Node]
    line: int
    key_line: int
    path: str
    anchor: str | None
    key: str | None = None  # of the value that comes next
    next_key_line: int = 0
    size: int = 1  # number of nodes, those behind aliases counted at every use
    height: int = 1  # number of levels, those behind aliases included


@dataclass(slots=True)
class _Builder:
    """Builds the tree from parse events. Its explicit stack cannot overflow, however deep the nesting is."""

    text: str
    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int, int]] = field(default_factory=dict)  # node, size, height

    def take(self, event: yaml.Event) -> None:
        assert event.start_mark is not None
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                raise SpecError("a second document starts here; a file is one document", line=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self.stack.pop()
            node = Node(closed.container, closed.line, closed.key_line)
            self._place(node, closed.size, closed.height, closed.anchor)
        elif isinstance(event, yaml.NodeEvent):
            if (tag := getattr(event, "tag", None)) is not None:
                tag = tag.replace("tag:yaml.org,2002:", "!!")
                raise SpecError(f"tags such as {tag} are not used here", line=line, key=self._path())
            if self.stack and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None:
                self._take_key(event, line)
            else:
                self._take_value(event, line)

    def _take_key(self, event: yaml.NodeEvent, line: int) -> None:
        top = self.stack[-1]
        if not isinstance(event, yaml.ScalarEvent):
            raise SpecError("a key must be a plain word, not an alias, list or mapping", line=line, key=top.path)
        key = event.value
        self._check_characters(key, line)
        path = f"{top.path}.{key}" if top.path else key
        if not key.strip():
            raise SpecError("a name is missing in front of the colon", line=line, key=top.path)
        if key == "<<" and not event.style:
            raise SpecError("merge keys (<<) are not used here; write the keys out", line=line, key=top.path)
        if isinstance(top.container, dict) and key in top.container:
            first = top.container[key].key_line
            raise SpecError(f"is written twice, first in line {first}", line=line, key=path)
        top.key, top.next_key_line = key, line

    def _take_value(self, event: yaml.NodeEvent, line: int) -> None:
        key_line = self.stack[-1].next_key_line or line if self.stack else 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                why = "is not defined above, or stands inside itself"
                raise SpecError(f"the alias *{event.anchor} {why}", line=line, key=self._path())
            node, size, height = self.anchors[event.anchor]
            self._place(replace(node, key_line=key_line), size, height, None)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_characters(event.value, line)
            value = event.value if event.style else self._scalar(event.value, line)
            self._place(Node(value, line, key_line), 1, 0, event.anchor)
        else:
            self._check_depth(1, line)
            if event.anchor is not None:
                self.anchors.pop(event.anchor, None)
            container: dict[str, Node] | list[Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self.stack.append(_Open(container, line, key_line, self._path(), event.anchor))

    def _check_characters(self, text: str, line: int) -> None:
        if bad := _SURROGATE.search(text):
            what = f"has U+{ord(bad[0]):04X}, which is only half of a character"
            raise SpecError(what, line=line, key=self._path())

    def _check_depth(self, height: int, line: int) -> None:
        if len(self.stack) + height > MAX_DEPTH:
            raise SpecError(f"is nested more than {MAX_DEPTH} levels deep", line=line)

    def _place(self, node: Node, size: int, height: int, anchor: str | None) -> None:
        """Put a complete node into the collection that is open, or at the top."""
        if anchor is not None:
            self.anchors[anchor] = (node, size, height)
        if not self.stack:
            self.root = node
            return
        self._check_depth(height, node.key_line)
        top = self.stack[-1]
        top.height = max(top.height, height + 1)
        top.size += size
        if top.size > MAX_NODES:
            raise SpecError(f"has more than {MAX_NODES:,} values", line=node.key_line)
        if isinstance(top.container, dict):
            assert top.key is not None
            top.container[top.key] = node
            top.key, top.next_key_line = None, 0
        else:
            top.container.append(node)

    def _path(self) -> str:
        """Return the dotted path of the value that comes next."""
        if not self.stack:
            return ""
        top = self.stack[-1]
        if isinstance(top.container, list):
            return f"{top.path}[{len(top.container) + 1}]"
        return ".".join(name for name in (top.path, top.key) if name)

    def _scalar(self, text: str, line: int) -> Any:
        """Return the value of a plain scalar."""
        if text == "":
            key = self.stack[-1].key or "" if self.stack else ""
            raise SpecError(empty_value(key, self.text.splitlines(), line), line=line, key=self._path())
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NON_FINITE.fullmatch(text):
            return float(text.replace(".", ""))
        if not _FLOAT.fullmatch(text):
            return text
        if _LEADING_ZERO.match(text):
            what = f"{text} starts with a zero; write the number without it, or quote it if it is text"
            raise SpecError(what, line=line, key=self._path())
        number = float(text)
        if _INT.fullmatch(text):
            if abs(number) < 2**63:
                return int(text)
        elif math.isfinite(number):
            return number
        digits = text if len(text) <= 40 else f"{text[:37]}..."
        raise SpecError(f"{digits} is too large a number", line=line, key=self._path())


def flow(value: Any) -> str:
    """Return a value as strict YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if value.isidentifier() and value.isascii() and value.lower() not in ("true", "false", "null"):
        return value
    # Within quotation marks JSON is YAML, except for characters that are not printable, and pairs of surrogates.
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)

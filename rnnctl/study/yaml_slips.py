"""Tell a syntax error of PyYAML in plain words: which line, what is wrong with it, how it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from rnnctl.study.errors import SpecError

_TIGHT = re.compile(r"^\s*(?:- )?([A-Za-z_][\w.]*):([^\s:/][^:]*)$")  # a key and a value without a space between
_PAIR = re.compile(r"^\s*(?:- )?([^\s:#][^:#]*): +(\S.*)$")
_CLOSING = {"[": "]", "{": "}"}


def syntax_error(error: yaml.MarkedYAMLError, text: str) -> SpecError:
    """Return the error of a text that is not YAML, at the line where the slip most likely is."""
    lines = text.splitlines()
    problem = error.problem or error.context or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    start = error.context_mark.line + 1 if error.context_mark else None
    if "'\\t'" in problem or (line and _line(lines, line).startswith("\t")):
        return SpecError("has a tab; indent and separate with spaces", line=line)
    if mark is None or line is None:
        return SpecError(f"is not valid YAML: {problem}")
    slip = _slip(problem, error, lines, line, start)
    if slip is not None:
        what, at = slip
        return SpecError(what, line=at)
    if error.context and start and start != line:
        problem += f" ({error.context} that starts in line {start})"
    return SpecError(f"is not valid YAML: {problem}", line=line)


def _slip(
    problem: str, error: yaml.MarkedYAMLError, lines: Sequence[str], line: int, start: int | None
) -> tuple[str, int] | None:
    """Return what is wrong, and the line that is; None if nothing more is known than what PyYAML says."""
    context = error.context or ""
    if "mapping values are not allowed here" in problem:
        return _colon(lines, line)
    if "cannot start any token" in problem:
        found = problem.split("'")[1]
        return f"a value cannot begin with {found} unless it is in quotes", line
    if "unexpected end of stream" in problem and "quoted" in context and start:
        return "the quotation mark that opens here is never closed", start
    if "flow" in context and start and error.context_mark:
        return _bracket(problem, lines, line, start, error.context_mark.column)
    if "could not find expected ':'" in problem and start:
        if _line(lines, start).lstrip().startswith("//"):
            return "a comment begins with #, not with //", start
        if (tight := _tight(lines, start)) is not None:
            return tight, start
        return "there is no colon after the key, as in `key: value`", start
    if "expected <block end>" in problem:
        return _block(problem, lines, line)
    if "expected '<document start>'" in problem:
        return _second(lines, line)
    return None


def _colon(lines: Sequence[str], line: int) -> tuple[str, int]:
    """Return why there is a colon that cannot stand where it is."""
    here, above = _line(lines, line), _line_above(lines, line)
    if (pair := _PAIR.match(here)) and ": " in pair[2]:
        value = pair[2].replace('"', '\\"')
        return f'the value has a colon; put it in quotation marks: {pair[1]}: "{value}"', line
    if above is not None:
        if (tight := _tight(lines, above)) is not None:
            return tight, above
        if _indent(here) > _indent(_line(lines, above)) and _PAIR.match(_line(lines, above)):
            what = f"is indented more than line {above}, which has a value already; keys of one section are aligned"
            return what, line
    return "a colon where none can stand (is the line indented rightly, is a text in need of quotes?)", line


def _tight(lines: Sequence[str], line: int) -> str | None:
    """Return what is said of a line such as `hidden:16`; None for others."""
    match = _TIGHT.match(_line(lines, line))
    return f"needs a space after the colon: {match[1]}: {match[2].strip()}" if match else None


def _bracket(problem: str, lines: Sequence[str], line: int, start: int, column: int) -> tuple[str, int] | None:
    """Return what is wrong within brackets or braces that begin in a column of the line `start`."""
    opening = _line(lines, start)[column : column + 1]
    if opening not in _CLOSING:
        return None
    closing = _CLOSING[opening]
    if "<stream end>" in problem or line > start:
        return f"the {opening} that opens here is never closed by {closing}", start
    if any(f"got '{other}'" in problem for other in _CLOSING.values()):
        return f"the {opening} that opens here is closed by another sign than {closing}", start
    return f"a comma is missing between two entries of {opening} ... {closing}", line


def _block(problem: str, lines: Sequence[str], line: int) -> tuple[str, int] | None:
    """Return why a block ends where it cannot."""
    here, above = _line(lines, line), _line_above(lines, line)
    if any(f"'{closing}'" in problem for closing in _CLOSING.values()):
        return "a bracket is closed that no bracket opens", line
    if "<scalar>" in problem and ("'" in here or '"' in here):
        return "text goes on behind the closing quotation mark; within '...' a quotation mark is written twice", line
    if "<block mapping start>" in problem and above is not None:
        less = _indent(here) < _indent(_line(lines, above))
        return (
            f"is indented {'less' if less else 'more'} than line {above}, and like no line above it; "
            "keys of one section are aligned",
            line,
        )
    return None


def _second(lines: Sequence[str], line: int) -> tuple[str, int]:
    """Return why a second document seems to begin."""
    above = _line_above(lines, line)
    if above is not None and _line(lines, above).strip() == "...":
        return "the document has ended above, with `...`; leave that line out", line
    if above is not None and _indent(_line(lines, line)) < _indent(_line(lines, above)):
        return f"is indented less than line {above}; the sections of a file begin at the left edge", line
    return "something follows the end of the document", line


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number - 1] if 1 <= number <= len(lines) else ""


def _line_above(lines: Sequence[str], number: int) -> int | None:
    """Return the number of the nearest line above that is neither empty nor a comment."""
    for above in range(number - 1, 0, -1):
        if (stripped := _line(lines, above).strip()) and not stripped.startswith("#"):
            return above
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def empty_value(key: str, lines: Sequence[str], line: int) -> str:
    """Return what is said of a key without a value: whether the slip is a missing space, a comma or the indentation."""
    if match := re.fullmatch(r"([A-Za-z_][\w.]*):(.+)", key):
        return f"needs a space after the colon: {match[1]}: {match[2]}"
    if re.fullmatch(r"[0-9]+", key):
        return "is empty; a comma separates entries, and the decimal sign is a point: 0.01"
    below = next((n for n in range(line + 1, len(lines) + 1) if _line(lines, n).strip()), None)
    if below is not None and _line(lines, line).rstrip().endswith(":"):
        here, next_line = _line(lines, line), _line(lines, below)
        aligned = _indent(here) == _indent(next_line) and ":" in next_line
        if aligned and not next_line.lstrip().startswith(("-", "#")):
            return f"is empty; write a value after it, or indent line {below} further if that belongs to it"
    return "is empty; write a value after it (null for none, {} for an empty mapping)"

"""How messages and tables name things: the nearest right name, numbers, values and texts from outside on one line."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

LONGEST_VALUE = 60
MOST_NAMES = 6
LONGEST_WORD, LONGEST_LINE = 120, 4000  # characters of a message
_LONG_WORD = re.compile(rf"[^\s/]{{{LONGEST_WORD + 1},}}")


def nearest(word: object, names: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the name that `word` was most likely meant to be, None if no name is near enough.

    word: what stands in the place of a name; only texts are like one. likeness: how near that is; 1 is equal.
    """
    if not isinstance(word, str):
        return None
    by_lower = {name.lower(): name for name in names}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[matches[0]] if matches else None


def did_you_mean(word: object, names: Iterable[str]) -> str:
    """Return `; did you mean NAME?` for the nearest name, an empty text if no name is near enough."""
    name = nearest(word, names)
    return f"; did you mean {name}?" if name else ""


def some(names: Sequence[str]) -> str:
    """Return the first few names, separated by commas, and `...` for the others."""
    return ", ".join([*names[:MOST_NAMES], *(["..."] if len(names) > MOST_NAMES else [])])


def one_line(text: str) -> str:
    """Return the text with line breaks, control characters and all others that cannot be printed escaped.

    Among those are the controls of terminals (C0, DEL, C1), marks that change the direction of writing, and surrogates.
    """
    return escaped(text)


def escaped(text: str, keep: str = "") -> str:
    """Return the text with every character escaped that is neither printable nor in `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def shell_word(text: str) -> str:
    """Return a text as one word for a shell, printable whatever is in it, so that it can be shown and pasted.

    Bytes that are no text of this system come back from a shell as they were.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_in_shell_quotes(c) for c in text) + "'"  # as bash, zsh, ksh and POSIX.1-2024 read it


def _in_shell_quotes(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))  # \x may take more digits


def shortened(line: str) -> str:
    """Return a line with words that are far too long, and the line itself, cut in the middle.

    Names between slashes count as words, so that paths stay whole.
    """
    return middle_cut(_LONG_WORD.sub(lambda match: middle_cut(match[0], LONGEST_WORD), line), LONGEST_LINE)


def middle_cut(text: str, most: int) -> str:
    """Return a text without its middle if it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text such as a traceback, each escaped; blank lines at its end are left out."""
    return [one_line(line.removesuffix("\r")) for line in text.rstrip().split("\n")]


def cut(text: str) -> str:
    """Return a text as a message quotes it: one that is too long ends in dots."""
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def shown(value: object) -> str:
    """Return a value as an error message quotes it: texts in quotation marks, everything cut to a length."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        text = "a mapping"
    elif isinstance(value, list):
        text = "a list"
    elif isinstance(value, str):
        text = f'the text "{value}"'
    elif isinstance(value, int) and value.bit_length() > 8 * LONGEST_VALUE:
        text = "a whole number of more than 100 digits"  # Python refuses to write those of more than 4,300
    else:
        text = repr(value)
    return cut(text)


LARGE = 1_000_000  # from here on, whole numbers are rounded as others are


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for a table or a sentence; a dash if it is None or not finite. Counts keep all their digits."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < LARGE:
        return str(int(value))
    return f"{value + 0.0:.{digits}g}"  # + 0.0: not -0


def with_se(value: float | None, se: float | None) -> str:
    """Return a number with its standard error, for a table or a sentence; without it if it is 0 or not known."""
    return number(value) if se is None or not se or not math.isfinite(se) else f"{number(value)} ± {number(se, 2)}"


def duration(seconds: float | None) -> str:
    """Return seconds as people write them: 42 s, 3:07, 2:03:07."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def size(n: int) -> str:
    """Return a number of bytes with a unit: 23.5 GiB."""
    value, units = float(n), ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value, _ = value / 1024, units.pop(0)
    return f"{value:.3g} {units[0]}" if value < 1000 else f"{value:,.0f} {units[0]}"


def short_worker(worker: str) -> str:
    """Return the beginning of a worker's id, which is enough to tell workers apart."""
    return worker[:8]


def counted(n: int, noun: str) -> str:
    """Return a number of things: 1 run, 2 keys, 3 studies."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def counts_in_words(counts: Mapping[str, int], runs: int) -> str:
    """Return how many of so many runs have each status or verdict: `4 learning, 1 diverged`; `learning` of one run."""
    words = {word.replace("_", " "): n for word, n in counts.items()}
    return ", ".join(f"{n} {word}" if runs > 1 else word for word, n in words.items()) or "-"


def gates_in_words(verdicts: Mapping[str, Mapping[str, int]], runs: int) -> str:
    """Return the verdicts on each gate: `z shut, r open`, or with counts `z: 2 shut, 1 open; r: 3 open`.

    verdicts: the number of these runs by verdict, by topic.
    """
    gates = {topic.removeprefix("gate "): counts for topic, counts in verdicts.items() if topic.startswith("gate ")}
    if runs == 1:
        return ", ".join(f"{name} {counts_in_words(counts, 1)}" for name, counts in gates.items())
    return "; ".join(f"{name}: {counts_in_words(counts, runs)}" for name, counts in gates.items())


def headline(error: str) -> str:
    """Return type and first line of the message of the last exception in a traceback, or the first line of a text."""
    lines = error.strip().splitlines() or [""]
    frames = [i for i, line in enumerate(lines) if line.startswith("  ")]
    return lines[frames[-1] + 1] if frames and frames[-1] + 1 < len(lines) else lines[0]

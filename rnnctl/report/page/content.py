"""What a page holds: plain values that the templates show in the order of the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 32  # characters of the first column of a table that stay on one line


@dataclass(frozen=True)
class Number:
    """A number with the text that shows it. field: where its record (see `Record`) has it, such as `loss.mean`."""

    text: str
    value: float | None
    field: str = ""


@dataclass(frozen=True)
class Record:
    """Where the numbers of a row or of a run come from: a record of `examine --json`.

    list: `configurations` or `runs`. identity: the keys that find the record in that list.
    """

    list: str
    identity: Mapping[str, str]


Words = Sequence[str | Number]  # a sentence; its numbers apart


@dataclass(frozen=True)
class Column:
    """A column of a table.

    optional: whether it can be hidden. numbers: whether its cells are aligned as numbers. wide: whether they hold
    sentences.
    """

    key: str
    heading: str
    about: str = ""
    optional: bool = False
    numbers: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell. words: what it shows. value: what it is sorted by, if not by its text. link: an anchor of the page.

    verdict: which colours it.
    """

    words: Words
    value: float | str | None = None
    link: str = ""
    title: str = ""
    verdict: str = ""
    svg: str = ""  # markup that is safe, in the place of words

    @property
    def text(self) -> str:
        """The words as a text."""
        return "".join(word if isinstance(word, str) else word.text for word in self.words)


@dataclass(frozen=True)
class Row:
    """A row of a table. record: where its numbers come from, if they have fields. best: whether it stands out."""

    cells: Sequence[Cell]
    record: Record | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table that a script sorts and filters. filtered: whether it has a field to filter it by."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    filtered: bool = False

    @property
    def first(self) -> int:
        """The room that the first column has before its texts are broken, in characters."""
        texts = (row.cells[0].text for row in self.rows)
        return 3 + min(LONGEST, max(map(len, [self.columns[0].heading, *texts])))

    @property
    def example(self) -> str:
        """A condition to filter by, of a hyper-parameter if there is one; empty if none is short."""
        pairs = [
            (column.key, cell.text)
            for column, cell in zip(self.columns, self.rows[0].cells, strict=True)
            if column.optional and not column.numbers and cell.text != "-" and " " not in cell.text
        ]
        pairs.sort(key=lambda pair: "." not in pair[0])
        return "=".join(pairs[0]) if pairs else ""


@dataclass(frozen=True)
class Grid:
    """A result for every combination of values. keys: how many columns, the first ones, are hyper-parameters.

    question: what a reader predicts. The columns after them have the keys `result`, then `rank`, 1 for the best.
    """

    keys: int
    question: str
    table: Table


@dataclass(frozen=True)
class Picture:
    """A figure. svg: markup that is safe; else png: the data of an image, as a URI. about: what the figure shows.

    alternative: what the picture shows, for people who do not see it. curves: the numbers of its curves.
    """

    name: str
    title: str
    about: str
    svg: str = ""
    png: str = ""
    alternative: str = ""
    curves: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Definition:
    """A term and what it means."""

    term: str
    meaning: str


@dataclass(frozen=True)
class Asked:
    """A study with what it asks. questions: each with the claim and what is expected. about: its lines."""

    study: str
    about: Sequence[str]
    note: Sequence[str]
    questions: Sequence[Claim]
    unanswered: str = ""  # why the questions have no answers


@dataclass(frozen=True)
class Claim:
    """A question of a study with its answer. verdict: empty before a run has finished."""

    question: str
    claim: str
    measure: str
    expected: str
    verdict: str
    why: str
    table: Table | None


@dataclass(frozen=True)
class ProbeBlock:
    """The kept answers of one probe to one question: tables, texts and a figure."""

    title: str
    about: str
    blocks: Sequence[Table | Sequence[str]]  # a table, or the lines of a text
    picture: Picture | None


@dataclass(frozen=True)
class Item:
    """A name with its value in a list of facts."""

    name: str
    words: Words


@dataclass(frozen=True)
class Attempt:
    """An attempt at a run in words. environment: where it was made, an anchor of the page."""

    text: str
    environment: str


@dataclass(frozen=True)
class RunBlock:
    """A run. anchor: by which tables refer to it. state: how it ended, in words.

    verdicts: remarks in words, each with its topic and sentence. last_check: all numbers of the newest check. spec:
    lines, empty where another run has the same configuration, which `same_as` then names.
    """

    anchor: str
    title: str
    record: Record
    state: str
    facts: Sequence[Item]
    verdicts: Sequence[Verdict]
    changes: Sequence[Item]
    spec: Sequence[str]
    same_as: str
    attempts: Sequence[Attempt]
    checkpoints: Sequence[str]
    last_check: Sequence[Item]
    error: Sequence[str]
    note: str


@dataclass(frozen=True)
class Verdict:
    """A remark on a run: its topic, the verdict in a word or two, and a sentence with the numbers."""

    topic: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Environment:
    """Where runs were trained. runs: how many attempts were made there."""

    anchor: str
    title: str
    facts: Sequence[Item]


@dataclass(frozen=True)
class Page:
    """The page. written: when, as text. refresh: seconds after which the page reloads itself, 0 for never.

    missing: what the page lacks and why, a line each. answer: lines for each task, with its name if there are several.
    """

    title: str
    subtitle: str
    written: str
    version: str
    refresh: int
    missing: Sequence[str]
    asked: Sequence[Asked]
    answer: Sequence[tuple[str, Sequence[str]]]
    leaderboards: Sequence[Table]
    curves: Sequence[Picture]
    factors: Sequence[Picture]
    effects: Sequence[Table]
    differences: Sequence[Table]
    grids: Sequence[Grid]
    diagnostics: Sequence[Picture]
    verdicts: Table | None
    probes: Sequence[ProbeBlock]
    samples: Sequence[ProbeBlock]
    generalisation: Sequence[ProbeBlock]
    runs: Sequence[RunBlock]
    commands: Sequence[tuple[str, Sequence[str]]]
    reproduce: Sequence[str]
    environments: Sequence[Environment]
    definitions: Sequence[tuple[str, Sequence[Definition]]]


@dataclass(frozen=True)
class Card:
    """A study in the index: a picture of it, and a link to its page, empty if it has none."""

    anchor: str
    study: str
    about: Sequence[str]
    state: str
    answer: Sequence[tuple[str, Sequence[str]]]
    link: str
    picture: Picture | None


@dataclass(frozen=True)
class Index:
    """The index over the studies of a workspace."""

    title: str
    written: str
    version: str
    cards: Sequence[Card]

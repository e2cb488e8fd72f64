"""Read the sections of a study file that say which runs it has: base, cases, axes, exclusions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnnctl.section import Path
from rnnctl.study.conditions import Condition, Rule, read_condition, read_rules
from rnnctl.study.errors import SpecError
from rnnctl.study.expand import MAX_RUNS, Axis, Case, Plan
from rnnctl.study.labels import text
from rnnctl.study.names import check_name
from rnnctl.study.overlay import Overlay, Place, read_changes, read_key
from rnnctl.study.schema import KEYS, Key, section_of_tag
from rnnctl.study.section_checks import check_kind, is_key, no_section, rows_meant
from rnnctl.study.sections import SECTIONS
from rnnctl.study.slips import number_meant
from rnnctl.study.users_parts import join_users_parts
from rnnctl.study.values import DrawnRows, Option, is_spacing, read_draws, read_list, written
from rnnctl.study.written import WrittenKeys
from rnnctl.study.yaml import Node
from rnnctl.words import shown

BASE, CASE, AXIS = range(3)  # layers, later ones over earlier ones


class Reader:
    """Reads the sections of a study file that say which runs it has."""

    def __init__(self, sections: dict[str, Node], own_seeds: bool = True):
        """own_seeds: as `read_study` takes it."""
        join_users_parts(sections)
        self.sections = sections
        self.own_seeds = own_seeds
        self.notes: list[tuple[Place, str]] = []  # warnings

    def keys(self) -> WrittenKeys:
        """Return the keys that cases and axes set."""
        self.check_sections()
        self.name()
        return Plan(Overlay({}, {}), self._cases(), self._axes()).keys

    def plan(self) -> Plan:
        """Return the plan that `expand` takes."""
        return Plan(self._base(), self._cases(), self._axes(), exclude=self._exclude(), when=self._when())

    def _axes(self) -> list[Axis]:
        axes = [*self._zip(), *self._grid(), *self._random(), *self._seeds()]
        _check_varied_once(axes)
        return axes

    def check_sections(self) -> None:
        """Raise SpecError if there is an unknown section, or one of the wrong kind."""
        for name, node in self.sections.items():
            if name not in SECTIONS:
                raise no_section(name, node.key_line)
            check_kind(name, node)

    def name(self) -> str:
        """Return the name of the study."""
        if "study" not in self.sections:
            raise SpecError("is missing; a study starts with `study: NAME`", line=1, key="study")
        node = self.sections["study"]
        name = str(node.value)
        check_name(name, node.line, "study")
        return name

    def about(self) -> str:
        """Return what the study is about; empty if it does not say so."""
        return str(self.sections["about"].value).strip() if "about" in self.sections else ""

    def _base(self) -> Overlay:
        node = self.sections.get("base")
        changes = read_changes(node, "base", BASE) if node else []
        root = Place(BASE, node.key_line if node else self.sections["study"].line, "base")
        return Overlay({}, {(): root}).with_changes(changes)

    def _cases(self) -> list[Case]:
        if "cases" not in self.sections:
            return [Case(None, [], Place(CASE, self.sections["study"].line, "study"))]
        cases = []
        for label, node in self.sections["cases"].mapping.items():
            place = Place(CASE, node.key_line, f"cases.{label}")
            check_name(label, place.line, place.key)
            if not isinstance(node.value, dict):
                what = f"must be a mapping of changes to base, {{}} for none, not {shown(node.plain())}"
                meant = f"NAME: {{{label}: {text(node.plain())}}}, a case under a name" if is_key(label) else None
                raise SpecError(what, line=place.line, key=place.key, meant=meant)
            cases.append(Case(label, read_changes(node, place.key, CASE), place))
        return cases

    def _zip(self) -> list[Axis]:
        return [self._zip_group(name, node) for name, node in self._items("zip")]

    def _zip_group(self, name: str, node: Node) -> Axis:
        place = Place(AXIS, node.key_line, f"zip.{name}")
        if not isinstance(node.value, list) or not node.value:
            meant = rows_meant(node) if isinstance(node.value, dict) else None
            what = "must be a list of rows such as [{train.lr: 0.1}, {train.lr: 0.2}]"
            raise SpecError(what, line=place.line, key=place.key, meant=meant)
        options: list[Option] = []
        first: list[Path] = []
        for number, row in enumerate(node.value, start=1):
            where = f"{place.key}[{number}]"
            if not isinstance(row.value, dict) or not row.value:
                got = shown(row.plain()) if row.value else "empty"
                what = f"must be a row of keys such as {{train.lr: 0.1}}, not {got}"
                rows = rows_meant(self.sections["zip"]) if is_key(name) else None
                meant = f"a name and rows, {{NAME: {rows}}}" if rows else None
                raise SpecError(what, line=row.line, key=where, meant=meant)
            paths = [read_key(key, below.key_line, where).path for key, below in row.value.items()]
            first = first or paths
            if odd := set(paths) ^ set(first):
                odd_keys = ", ".join(sorted(".".join(path) for path in odd))
                what = f"rows must name the same keys; this one and the first differ in {odd_keys}"
                raise SpecError(what, line=row.line, key=where)
            options.append(tuple(read_changes(row, where, AXIS)))
        return Axis(tuple(first), options, place)

    def _grid(self) -> list[Axis]:
        axes = []
        for key, node, place in _varied_keys(self._items("grid"), "grid"):
            options = self._distinct(read_list(key, node, place))
            axes.append(Axis((key.path,), options, place._replace(line=node.key_line)))
        return axes

    def _random(self) -> list[Axis]:
        nodes = dict(self._items("random"))
        if not nodes:
            return []
        place = Place(AXIS, self.sections["random"].key_line, "random")
        if "n" not in nodes:
            other = next((name for name in nodes if name in _COUNT_ALSO_CALLED), None)
            line, meant = (place.line, None) if other is None else (nodes[other].key_line, f"n for {other}")
            raise SpecError("is missing: how many draws", line=line, key="random.n", meant=meant)
        n = self._whole("random.n", nodes.pop("n"), 1, MAX_RUNS)
        seed = self._whole("random.seed", nodes.pop("seed"), 0, 2**63 - 1) if "seed" in nodes else 0
        if not nodes:
            raise SpecError("draws nothing; give it keys such as train.lr", line=place.line, key="random")
        columns, paths = [], []
        for key, node, at in _varied_keys(nodes.items(), "random"):
            columns.append(read_draws(key, node, at, seed))
            paths.append(key.path)
        return [Axis(tuple(paths), DrawnRows(n, columns), place, listed=False)]

    def _seeds(self) -> list[Axis]:
        if "seeds" not in self.sections:
            return []
        node = self.sections["seeds"]
        key, place = KEYS["seed",], Place(AXIS, node.line, "seeds")
        return [Axis((key.path,), self._distinct(read_list(key, node, place)), place, warns=self.own_seeds)]

    def _exclude(self) -> list[Condition]:
        nodes = self.sections["exclude"].items if "exclude" in self.sections else []
        return [read_condition(node, f"exclude[{number}]") for number, node in enumerate(nodes, start=1)]

    def _when(self) -> list[Rule]:
        return read_rules(self.sections["when"]) if "when" in self.sections else []

    def _items(self, section: str) -> Iterable[tuple[str, Node]]:
        return self.sections[section].mapping.items() if section in self.sections else ()

    def _whole(self, key: str, node: Node, low: int, high: int) -> int:
        value = node.plain()
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            what = f"must be a whole number from {low:,} to {high:,}, not {shown(value)}"
            raise SpecError(what, line=node.line, key=key, meant=number_meant(value, "int_type"))
        return value

    def _distinct(self, options: list[Option]) -> list[Option]:
        """Return the options without repeats, and note a warning for every repeat."""
        distinct: dict[str, Option] = {}
        for option in options:
            same = repr([(change.path, change.value) for change in option])
            if distinct.setdefault(same, option) is not option:
                self.notes.append((option[0].place, f"{written(option)} is listed twice"))
        return list(distinct.values())


_COUNT_ALSO_CALLED = (
    "num_samples",
    "n_samples",
    "samples",
    "trials",
    "n_trials",
    "num_trials",
    "count",
    "size",
    "runs",
)


def _varied_keys(items: Iterable[tuple[str, Node]], where: str, above: Path = ()) -> Iterator[tuple[Key, Node, Place]]:
    """Iterate over the keys of a grid or of random draws, with what they vary over.

    `train: {lr: [...]}` is `train.lr: [...]`. Raise SpecError for an unknown key and an empty section.
    """
    for name, node in items:
        key = read_key(name, node.key_line, where, above)
        at = f"{where}.{name}"
        if not key.is_section or is_spacing(node):
            yield key, node, Place(AXIS, node.line, at)
        elif node.value:
            yield from _varied_keys(node.mapping.items(), at, key.path)
        else:
            raise SpecError("is an empty section; leave it out or give it keys", line=node.key_line, key=at)


def _check_varied_once(axes: Iterable[Axis]) -> None:
    first: dict[Path, Place] = {}
    for axis in axes:
        # A section and the name of its variant are one choice.
        for path in dict.fromkeys(section_of_tag(path) or path for path in axis.paths):
            if path in first:
                what = f"{'.'.join(path)} is varied twice, also by {first[path].key} in line {first[path].line}"
                raise SpecError(what, line=axis.place.line, key=axis.place.key)
            first[path] = axis.place

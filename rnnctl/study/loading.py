"""Read a study file, check it and expand it.

    study: temporal-order-ec          # required: letters, digits, - _ .
    about: What is claimed, by whom.
    base: {...}                       # what all runs share
    cases: {EC1: {...}, ...}          # labelled changes to base
    grid: {key: values, ...}          # crossed; values as in values.py
    zip: {name: [{...}, {...}], ...}  # rows of keys that go together, crossed with the rest
    random: {n: 40, seed: 7, key: {loguniform: [1e-5, 0.1]}, ...}
    exclude: [{...}, ...]             # see conditions.py
    when: {key: {...}, ...}
    seeds: [1, 2, 3]                  # replicates; or {range: [1, 5]}
    refine: {...}                     # what `rnnctl refine` makes of its best, see recipe.py

A run is base, then its case, then what the axes (zip, grid, random, seeds) set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from rnnctl.section import Path
from rnnctl.study import yaml
from rnnctl.study.conditions import Condition, Rule, read_condition, read_rules
from rnnctl.study.errors import SpecError
from rnnctl.study.expand import MAX_RUNS, Axis, Case, LabelledRun, Plan, expand
from rnnctl.study.explain import Refuse
from rnnctl.study.labels import text
from rnnctl.study.names import check_name
from rnnctl.study.overlay import Overlay, Place, read_changes, read_key
from rnnctl.study.packaged import packaged_studies
from rnnctl.study.recipe import Recipe, read_recipe
from rnnctl.study.replicates import with_seeds
from rnnctl.study.schema import KEYS, Key, section_of_tag
from rnnctl.study.section_checks import check_kind, is_key, no_section, rows_meant
from rnnctl.study.sections import SECTIONS
from rnnctl.study.settings import Setting, blamed, changed_base, with_settings
from rnnctl.study.slips import number_meant
from rnnctl.study.values import DrawnRows, Option, is_spacing, read_draws, read_list, written
from rnnctl.study.written import WrittenKeys
from rnnctl.study.yaml import Node
from rnnctl.words import nearest, shown

BASE, CASE, AXIS = range(3)  # layers, later ones over earlier ones


@dataclass(frozen=True)
class Study:
    """A validated study.

    file: where it was read. source: its text. varied: the dotted keys that differ among its runs. warnings: lines like
    those of SpecError, about things in the file that have no effect. recipe: None if the file has none.
    """

    name: str
    about: str
    file: str
    source: str
    runs: tuple[LabelledRun, ...]
    varied: tuple[str, ...]
    warnings: tuple[str, ...]
    recipe: Recipe | None = None


def load_studies(
    references: Iterable[str | FilePath],
    seeds: Sequence[int] | None = None,
    settings: Sequence[Setting] = (),
    *,
    refuse: Refuse | None = None,
) -> list[Study]:
    """Return the studies at paths or with names of packaged studies.

    seeds: replace the seeds of all studies. settings: laid over the base of each. refuse: as `expand` takes it. Raise
    SpecError for the first study that is wrong, and if two files have the same study name.
    """
    studies: dict[str, Study] = {}
    for reference in references:
        study = load_study(reference, seeds, settings, refuse=refuse)
        if study.name in studies:
            what = f'the study "{study.name}" is also in {studies[study.name].file}; give one of them another name'
            raise SpecError(what, file=study.file, key="study")
        studies[study.name] = study
    return list(studies.values())


def load_study(
    reference: str | FilePath,
    seeds: Sequence[int] | None = None,
    settings: Sequence[Setting] = (),
    *,
    identify: bool = True,
    refuse: Refuse | None = None,
) -> Study:
    """Return the study at a path, or a packaged study by its name (write ./NAME for a file of the same name).

    seeds: replace the seeds of the study. settings: are laid over its base (see `rnnctl.study.settings`). identify,
    refuse: as `expand` takes them. Raise SpecError if the file cannot be read or is wrong.
    """
    packaged = packaged_studies()
    if isinstance(reference, str):
        reference = packaged.get(reference, reference)
    try:
        text = _text(reference)
        if seeds is not None:
            text = with_seeds(text, seeds)
    except FileNotFoundError:
        raise _no_study(str(reference), packaged) from None
    except SpecError as error:
        raise error.at(file=str(reference)) from None
    own_seeds = seeds is None
    if not settings:
        return read_study(text, str(reference), identify=identify, refuse=refuse, own_seeds=own_seeds)
    before = read_study(text, str(reference), identify=False, own_seeds=own_seeds)  # what is wrong with the file itself
    try:
        changed = with_settings(text, settings)
        study = read_study(changed, str(reference), identify=identify, refuse=refuse, own_seeds=own_seeds)
    except SpecError as error:
        raise blamed(error.at(file=str(reference)), settings) from None
    unchanged = all(other.spec == run.spec for other, run in zip(before.runs, study.runs, strict=False))
    if unchanged and changed_base(text, changed):
        places = " ".join(setting.place for setting in settings)
        before = replace(before, warnings=(*before.warnings, f"{study.file}: {places} changes no run: all set it anew"))
    return replace(study, warnings=before.warnings)


def _no_study(reference: str, packaged: Iterable[str]) -> SpecError:
    """Return the error for a reference that is neither a file nor the name of a packaged study."""
    if reference.endswith((".yaml", ".yml")):
        return SpecError("no such file", file=reference)
    what = "no such file, and no packaged study of this name"
    error = SpecError(what, file=reference, meant=nearest(reference, packaged))
    error.remedy = "rnnctl studies lists all"
    return error


def load_recipe(path: str | FilePath) -> Recipe:
    """Return the recipe in a file whose only section is `refine`. Raise SpecError if it is unreadable or wrong."""
    try:
        text = _text(path)
    except FileNotFoundError:
        raise SpecError("no such file", file=str(path)) from None
    try:
        sections = yaml.parse(text, "recipe", "refine:").mapping
        for name, node in sections.items():
            if name != "refine":
                what, meant = "there is no such section in a recipe", nearest(name, ["refine"])
                raise SpecError(what, line=node.key_line, key=name, allowed=["refine"], meant=meant)
        if "refine" not in sections:
            raise SpecError("is missing; a recipe starts with `refine:`", line=1, key="refine")
        check_kind("refine", sections["refine"])
        return read_recipe(sections["refine"], str(path))
    except SpecError as error:
        raise error.at(file=str(path)) from None


def recipe_of(source: str, file: str) -> Recipe | None:
    """Return the recipe in the text of a study, None if it has none; read nothing else. Raise SpecError."""
    try:
        return _recipe(yaml.parse(source).mapping, file)
    except SpecError as error:
        raise error.at(file=file) from None


def written_keys(source: str, file: str) -> WrittenKeys:
    """Return the keys that the cases and axes of a study set. Nothing is expanded. Raise SpecError."""
    try:
        return _Reader(yaml.parse(source).mapping, file).keys()
    except SpecError as error:
        raise error.at(file=file) from None


def _recipe(sections: dict[str, Node], file: str) -> Recipe | None:
    if "refine" not in sections:
        return None
    check_kind("refine", sections["refine"])
    return read_recipe(sections["refine"], file)


def _text(path: str | FilePath) -> str:
    """Return the text of a file. Raise FileNotFoundError if it is missing, and SpecError if it is unreadable."""
    try:
        with open(path, "rb") as file:
            return yaml.decode(file.read(yaml.MAX_BYTES + 1))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"cannot be read: {reason}", file=str(path)) from None
    except SpecError as error:
        raise error.at(file=str(path)) from None


def read_study(
    source: str, file: str, *, identify: bool = True, refuse: Refuse | None = None, own_seeds: bool = True
) -> Study:
    """Return the study in a text. Raise SpecError, with file, line and key, if it is wrong.

    file: its name in messages. identify: whether to identify the data of tasks, for which the texts that a study names
    are read. Without it, the ids of runs on texts are not those that they are registered under. refuse: as `expand`
    takes it. own_seeds: whether `seeds` was written by the author of the file, who is then warned where it replaces
    `base.seed`.
    """
    try:
        return _Reader(yaml.parse(source).mapping, file, own_seeds).study(source, identify, refuse)
    except SpecError as error:
        raise error.at(file=file) from None


class _Reader:
    """Reads the sections of one study file."""

    def __init__(self, sections: dict[str, Node], file: str, own_seeds: bool = True):
        self.sections = sections
        self.file = file
        self.own_seeds = own_seeds
        self.notes: list[tuple[Place, str]] = []  # warnings

    def study(self, source: str, identify: bool, refuse: Refuse | None) -> Study:
        self._check_sections()
        name, about = self._name(), self._about()
        plan = self.plan()
        recipe = _recipe(self.sections, self.file)
        runs, varied, notes = expand(plan, identify=identify, refuse=refuse)
        notes = sorted([*self.notes, *notes], key=lambda note: note[0].line)
        warnings = (str(SpecError(what, file=self.file, line=at.line, key=at.key)) for at, what in notes)
        return Study(name, about, self.file, source, tuple(runs), tuple(varied), tuple(dict.fromkeys(warnings)), recipe)

    def keys(self) -> WrittenKeys:
        """Return the keys that cases and axes set."""
        self._check_sections()
        self._name()
        return self.plan().keys

    def plan(self) -> Plan:
        """Return the plan that `expand` takes."""
        axes = [*self._zip(), *self._grid(), *self._random(), *self._seeds()]
        _check_varied_once(axes)
        return Plan(self._base(), self._cases(), axes, exclude=self._exclude(), when=self._when())

    def _check_sections(self) -> None:
        for name, node in self.sections.items():
            if name not in SECTIONS:
                raise no_section(name, node.key_line)
            check_kind(name, node)

    def _name(self) -> str:
        if "study" not in self.sections:
            raise SpecError("is missing; a study starts with `study: NAME`", line=1, key="study")
        node = self.sections["study"]
        name = str(node.value)
        check_name(name, node.line, "study")
        return name

    def _about(self) -> str:
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

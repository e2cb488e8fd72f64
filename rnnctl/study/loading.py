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
    questions: [{...}, ...]           # what is claimed, and the quantity that decides, see questions.py

A run is base, then its case, then what the axes (zip, grid, random, seeds) set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as FilePath
from typing import TypeVar

from rnnctl.study import yaml
from rnnctl.study.errors import SpecError
from rnnctl.study.expand import LabelledRun, expand
from rnnctl.study.explain import Refuse
from rnnctl.study.packaged import packaged_studies
from rnnctl.study.questions import Question, check_questions, read_questions
from rnnctl.study.reader import Reader
from rnnctl.study.recipe import Recipe, read_recipe
from rnnctl.study.replicates import with_seeds
from rnnctl.study.section_checks import check_kind
from rnnctl.study.settings import Setting, blamed, changed_base, read_settings, with_settings
from rnnctl.study.users_parts import join_users_parts
from rnnctl.study.written import WrittenKeys
from rnnctl.study.yaml import Node
from rnnctl.usercode.permission import looking_in, reading
from rnnctl.words import nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Study:
    """A validated study.

    file: where it was read. source: its text. varied: the dotted keys that differ among its runs. warnings: lines like
    those of SpecError, about things in the file that have no effect. recipe: None if the file has none. questions: they
    belong to the study and not to its runs.
    """

    name: str
    about: str
    file: str
    source: str
    runs: tuple[LabelledRun, ...]
    varied: tuple[str, ...]
    warnings: tuple[str, ...]
    recipe: Recipe | None = None
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class StudyText:
    """The text of a study that lies in no file. name: what messages call it. lined: whether warnings tell lines of it,
    which mean nothing to the author of a mapping.
    """

    text: str
    name: str = "study"
    lined: bool = True

    def __str__(self) -> str:
        return self.name


Reference = str | FilePath | StudyText  # a packaged study or a file, a file, or a text


def load_studies(
    references: Iterable[Reference],
    seeds: Sequence[int] | None = None,
    settings: Sequence[Setting] = (),
    *,
    refuse: Refuse | None = None,
) -> list[Study]:
    """Return the studies at paths, with names of packaged studies, or of texts.

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


def settings_for(references: Iterable[Reference], texts: Sequence[str]) -> list[Setting]:
    """Return settings such as `train.lr=0.1` that are to be laid over studies: they can name keys of users' parts.

    Raise SpecError for a wrong setting, and for a users' part whose code is missing.
    """
    for reference in references if texts else ():
        packaged = packaged_studies().get(reference, reference) if isinstance(reference, str) else reference
        with suppress(FileNotFoundError), _modules_beside(reference):
            try:
                join_users_parts(yaml.parse(_text(packaged)).mapping)
            except SpecError as error:
                raise error.at(file=str(reference)) from None
    return read_settings(texts)


def load_study(
    reference: Reference,
    seeds: Sequence[int] | None = None,
    settings: Sequence[Setting] = (),
    *,
    identify: bool = True,
    refuse: Refuse | None = None,
) -> Study:
    """Return the study at a path or of a text, or a packaged study by its name (write ./NAME for a file of that name).

    seeds: replace the seeds of the study. settings: are laid over its base (see `rnnctl.study.settings`). identify,
    refuse: as `expand` takes them. Modules of users' parts are also looked for in the folder of the file and in the
    current folder. Raise SpecError if the file cannot be read or is wrong.
    """
    with _modules_beside(reference):
        return _load_study(reference, seeds, settings, identify, refuse)


def _modules_beside(reference: Reference) -> AbstractContextManager[None]:
    """Inside `with`, also look for modules in the folder of a study and in the current folder."""
    folders = [] if isinstance(reference, StudyText) else [FilePath(reference).parent]
    return looking_in(*folders, FilePath.cwd())


def _load_study(
    reference: Reference,
    seeds: Sequence[int] | None,
    settings: Sequence[Setting],
    identify: bool,
    refuse: Refuse | None,
) -> Study:
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
    lined = not isinstance(reference, StudyText) or reference.lined
    read = partial(read_study, file=str(reference), own_seeds=seeds is None, lined=lined)
    if not settings:
        return read(text, identify=identify, refuse=refuse)
    before = read(text, identify=False)  # what is wrong with the file itself
    try:
        changed = with_settings(text, settings)
        study = read(changed, identify=identify, refuse=refuse)
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
        sections = yaml.parse(source).mapping
        return _knowing_parts(sections, lambda: _recipe(sections, file))
    except SpecError as error:
        raise error.at(file=file) from None


def questions_of(source: str, file: str) -> tuple[Question, ...]:
    """Return the questions in the text of a study; read nothing else. Raise SpecError."""
    try:
        sections = yaml.parse(source).mapping
        return _knowing_parts(sections, lambda: _questions(sections))
    except SpecError as error:
        raise error.at(file=file) from None


def _knowing_parts(sections: dict[str, Node], read: Callable[[], T]) -> T:
    """Return what is read of a study, which may name keys of its users' parts.

    Raise SpecError. If it cannot be read and the code of a part is missing, that is the error.
    """
    try:
        join_users_parts(sections)
    except SpecError as missing:
        try:
            return read()
        except SpecError:
            raise missing from None
    return read()


def written_keys(source: str, file: str) -> WrittenKeys:
    """Return the keys that the cases and axes of a study set. Nothing is expanded. Raise SpecError."""
    try:
        with reading():
            return Reader(yaml.parse(source).mapping).keys()
    except SpecError as error:
        raise error.at(file=file) from None


def _recipe(sections: dict[str, Node], file: str) -> Recipe | None:
    if "refine" not in sections:
        return None
    check_kind("refine", sections["refine"])
    return read_recipe(sections["refine"], file)


def _questions(sections: dict[str, Node]) -> tuple[Question, ...]:
    if "questions" not in sections:
        return ()
    check_kind("questions", sections["questions"])
    return read_questions(sections["questions"])


def _text(path: Reference) -> str:
    """Return the text of a file, or a text that is given as one. Raise FileNotFoundError if the file is missing, and
    SpecError if it is unreadable.
    """
    try:
        if isinstance(path, StudyText):
            return yaml.decode(path.text.encode())
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
    source: str,
    file: str,
    *,
    identify: bool = True,
    refuse: Refuse | None = None,
    own_seeds: bool = True,
    lined: bool = True,
) -> Study:
    """Return the study in a text. Raise SpecError, with file, line and key, if it is wrong.

    file: its name in messages. identify: whether to identify the data of tasks, for which the texts that a study names
    are read. Without it, the ids of runs on texts are not those that they are registered under. refuse: as `expand`
    takes it. own_seeds: whether `seeds` was written by the author of the file, who is then warned where it replaces
    `base.seed`. lined: whether warnings tell lines.
    """
    try:
        sections = yaml.parse(source).mapping
        reader = Reader(sections, own_seeds)
        reader.check_sections()
        name, about, plan = reader.name(), reader.about(), reader.plan()
        recipe, questions = _recipe(sections, file), _questions(sections)
        runs, varied, notes = expand(plan, identify=identify, refuse=refuse)
        check_questions(questions, [run.spec for run in runs])
    except SpecError as error:
        raise error.at(file=file) from None
    notes = sorted([*reader.notes, *notes], key=lambda note: note[0].line)
    warnings = (str(SpecError(what, file=file, line=at.line if lined else None, key=at.key)) for at, what in notes)
    told = tuple(dict.fromkeys(warnings))
    return Study(name, about, file, source, tuple(runs), tuple(varied), told, recipe, questions)

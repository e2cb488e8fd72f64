"""Register studies in a workspace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnctl.lab.asked import load_checked
from rnnctl.lab.delete import Chosen
from rnnctl.lab.errors import LabError
from rnnctl.lab.trajectories import Extensions, extensions_of, place_trajectories
from rnnctl.lab.usercode import code_of, remember_folders
from rnnctl.report.specs import read_parameters, read_spec
from rnnctl.study.errors import SpecError
from rnnctl.study.explain import Problem, Refuse
from rnnctl.study.labels import text
from rnnctl.study.loading import Reference, Study, load_study, settings_for
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import short_name
from rnnctl.study.settings import Setting
from rnnctl.training.too_large import refuse_here
from rnnctl.words import shell_word
from store import Store, Workspace, queries, registry, verification
from store.errors import NoWorkspace
from store.lineage import Descent
from store.queries import Membership
from store.registry import RunRecord, StudyRecord, Unnamed

QUICKSTART = "quickstart"
MOST_DIFFERENCES = 3  # that tell a run from the one that has its label now


@dataclass(frozen=True)
class RegisteredStudy:
    """What registering a study came to, in runs."""

    study: str
    archived: bool  # and not trained
    new: int  # created now
    known: int  # named by this study before
    named_again: int  # named by this study once, then not any more, and now again
    shared: int  # part of other studies before, and now of this one too
    unnamed: list[Unnamed]  # part of it before, and not named by its file any more
    extensions: Extensions  # of its runs that can go on from other runs
    warnings: list[str]  # about its file


@dataclass(frozen=True)
class Registration:
    """The studies that were registered, and warnings that concern the workspace."""

    workspace: Path
    studies: list[RegisteredStudy]
    warnings: list[str]


def register(
    folder: Path | None,
    studies: Sequence[Reference] = (QUICKSTART,),
    seeds: Sequence[int] | None = None,
    *,
    replace: bool = False,
    before_replacing: Callable[[Store, Chosen], None] = lambda store, leaving: None,
    settings: Sequence[str] = (),
) -> Registration:
    """Register studies in the workspace `folder`, which is made if there is none. If one is wrong, none is registered.

    folder: None for the current folder, which must not lie in another workspace unless it is one itself. studies:
    files, names of packaged studies, or texts. seeds: instead of each study's own. A study that is registered with
    other seeds, and is otherwise the same, then has both. Runs that are registered already stay as they are, also those
    that the file of their study no longer names (see `rnnctl.lab.delete.unnamed`). replace: take these seeds only, even
    if a study is registered with others. before_replacing: is then called before anything changes, with the runs that
    the studies have and that their texts do not name, if there are any; what it raises stops the registration.
    settings: such as `train.lr=0.1`, laid over the base of each study, whose registered text says so. Raises SpecError,
    also for a run that is too large for this machine, LabError if a corpus folder contains the workspace, and
    StoreError.
    """
    with code_of(folder or Path.cwd()):
        return _register(folder, studies, seeds, replace, before_replacing, settings)


def _register(
    folder: Path | None,
    studies: Sequence[Reference],
    seeds: Sequence[int] | None,
    replace: bool,
    before_replacing: Callable[[Store, Chosen], None],
    settings: Sequence[str],
) -> Registration:
    overlay = settings_for(studies, settings)
    loaded = load_checked(studies, seeds, overlay, refuse=_once_per_pack_key(refuse_here()))
    around = _workspace_around(folder or Path.cwd())
    if folder is None and around is not None:
        raise LabError(
            f"this folder lies in the workspace {around}, and nothing was registered: "
            f"-w {shell_word(str(around))} registers there, -w . makes a workspace here"
        )
    folder = folder or Path.cwd()
    check_corpora(folder, loaded)
    with Store.create(folder) as store:
        verification.verify(store)
        remember_folders(folder, [run.spec for study in loaded for run in study.runs])
        whole = loaded
        if seeds is not None and not replace:
            whole = [_with_replicates(store, *pair, overlay) for pair in zip(loaded, studies, strict=True)]
        if replace and (leaving := _leaving(store, loaded)).members:
            before_replacing(store, leaving)
        warnings = [f"this new workspace lies in another one, {around}"] if around is not None else []
        warnings += [line for study in loaded for line in _changed_data(store, study)]
        place_trajectories(store)
        archived = {row.name for row in queries.studies(store) if row.archived is not None}
        warnings += [
            f"{study.name} is in the archive and not trained; rnnctl archive {study.name} --undo takes it out"
            for study in loaded
            if study.name in archived
        ]
        results = registry.register(store, [study_record(study) for study in whole], time.time(), apart)
        extensions = [extensions_of(store, [run.spec for run in study.runs]) for study in loaded]
    return Registration(
        folder.resolve(),
        [
            RegisteredStudy(
                study.name,
                study.name in archived,
                result.new,
                result.known - (len(registered.runs) - len(study.runs)),
                result.named_again,
                result.shared,
                result.unnamed,
                part,
                list(study.warnings),
            )
            for study, registered, result, part in zip(loaded, whole, results, extensions, strict=True)
        ],
        warnings,
    )


def _once_per_pack_key(refuse: Refuse) -> Refuse:
    """Return a function that asks for one run of each pack key: all of them take the same memory."""
    allowed: set[str] = set()

    def refuse_once(spec: RunSpec) -> Problem | None:
        if spec.common_text in allowed:
            return None
        problem = refuse(spec)
        if problem is None:
            allowed.add(spec.common_text)
        return problem

    return refuse_once


def _leaving(store: Store, studies: Sequence[Study]) -> Chosen:
    """Return the runs of these studies that none of their texts names, also those that were not named before."""
    named = {run.spec.run_id for study in studies for run in study.runs}
    rows = [row for study in studies for row in queries.runs_of(store, study.name, hidden=True)]
    return Chosen([], [Membership(row.run_id, row.study, row.label, False) for row in rows if row.run_id not in named])


def _workspace_around(folder: Path) -> Path | None:
    """Return the workspace that contains a folder that is none itself; None if there is none, or it is one."""
    with suppress(NoWorkspace):
        root = Workspace.find(folder).root
        return None if root == Workspace(folder).root else root
    return None


def _with_replicates(store: Store, study: Study, reference: Reference, settings: Sequence[Setting]) -> Study:
    """Return a study with other seeds together with the seeds that it is registered with.

    A study that has changed otherwise is returned as it is. reference: where the study was read.
    """
    before = queries.runs_of(store, study.name)
    seeds = dict.fromkeys([*(row.spec["seed"] for row in before), *(run.spec.seed for run in study.runs)])
    if len(seeds) == len({run.spec.seed for run in study.runs}):
        return study
    together = load_study(reference, list(seeds), settings, refuse=refuse_here())
    known = {row.run_id for row in before} | {run.spec.run_id for run in study.runs}
    return together if {run.spec.run_id for run in together.runs} == known else study


def apart(unnamed: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """Return how a run differs from another one, as labels say it; an empty text if a spec cannot be read.

    Of many differences the first few are told, and how many more there are.
    """
    try:
        before, now = ({**read_parameters(spec), "seed": spec["seed"]} for spec in (unnamed, named))
    except SpecError:
        return ""
    differences = [
        f"{short_name(tuple(key.split('.')))}={text(value)}"
        for key, value in before.items()
        if key in now and now[key] != value
    ]
    more = len(differences) - MOST_DIFFERENCES
    return " ".join([*differences[:MOST_DIFFERENCES], *([f"+{more}"] if more > 0 else [])])


def check_corpora(folder: Path, studies: Iterable[Study]) -> None:
    """Raise LabError if a corpus folder contains the workspace: all that runs write would become part of the text."""
    home = folder.resolve()
    for corpus in sorted(corpus for study in studies for corpus in _data(run.spec for run in study.runs)):
        # Hidden files and folders are not part of a corpus.
        if home.is_relative_to(corpus) and not any(name.startswith(".") for name in home.relative_to(corpus).parts):
            raise LabError(f"the corpus folder {corpus} contains the workspace {home}; keep them apart")


def _changed_data(store: Store, study: Study) -> list[str]:
    """Return a line for each text, and each file of weights, that has changed since the study was last registered."""
    now = _data(run.spec for run in study.runs)
    before = _data(read_spec(row.spec) for row in queries.runs_of(store, study.name)) if now else {}
    return [
        f"{study.file}: {place} has other contents than before: sha256 {hashes[-1]:.12}..., not "
        f"{before[place][-1]:.12}...; its runs are other runs"
        for place, hashes in now.items()
        if place in before and hashes[-1] not in before[place]
    ]


def _data(specs: Iterable[RunSpec]) -> dict[str, list[str]]:
    """Return the hashes of the data that runs read, by the places where it lies."""
    hashes: dict[str, list[str]] = {}
    for spec in specs:
        for place, sha256 in spec.data:
            hashes.setdefault(place, []).append(sha256)
    return hashes


def study_record(study: Study, descents: Iterable[Descent] = ()) -> StudyRecord:
    """Return a study as the store takes it. descents: of those of its runs that were refined from others."""
    runs = [run_record(run.spec, run.label) for run in study.runs]
    return StudyRecord(study.name, study.about, study.source, runs, list(descents))


def run_record(spec: RunSpec, label: str) -> RunRecord:
    """Return a run as the store takes it.

    Where the code of a part is missing, the marks of its keys are not known: no run goes on from another one then, and
    the pack key is computed again before the run is trained (see rnnctl.lab.pack_keys).
    """
    return RunRecord(
        run_id=spec.run_id,
        config_id=spec.config_id,
        shape=spec.common_text,
        spec=spec.shared_canonical(),
        label=label,
        total=spec.train.updates,
        trajectory=None if spec.code_problem else spec.trajectory_id,
    )

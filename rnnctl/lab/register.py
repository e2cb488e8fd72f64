"""Register studies in a workspace."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnctl.lab.errors import LabError
from rnnctl.report.specs import read_spec
from rnnctl.study.loading import Study, load_studies
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.too_large import refuse_here
from store import Store, queries, registry, verification
from store.lineage import Descent
from store.registry import RunRecord, StudyRecord

QUICKSTART = "quickstart"


@dataclass(frozen=True)
class RegisteredStudy:
    """What registering a study came to, in runs."""

    study: str
    new: int  # created now
    known: int  # part of this study before
    shared: int  # part of other studies before, and now of this one too
    warnings: list[str]  # about its file


@dataclass(frozen=True)
class Registration:
    """The studies that were registered, and warnings that concern the workspace."""

    workspace: Path
    studies: list[RegisteredStudy]
    warnings: list[str]


def register(
    folder: Path, studies: Sequence[str | Path] = (QUICKSTART,), seeds: Sequence[int] | None = None
) -> Registration:
    """Register studies in the workspace `folder`, which is made if there is none. If one is wrong, none is registered.

    studies: files, or names of packaged studies. seeds: instead of each study's own. Runs that are registered already
    stay as they are. Raises SpecError, also for a run that is too large for this machine, LabError if a corpus folder
    contains the workspace, and StoreError.
    """
    loaded = load_studies(studies, seeds, refuse=refuse_here())
    check_corpora(folder, loaded)
    with Store.create(folder) as store:
        verification.verify(store)
        warnings = [line for study in loaded for line in _changed_texts(store, study)]
        results = registry.register(store, [study_record(study) for study in loaded], time.time())
    return Registration(
        folder.resolve(),
        [
            RegisteredStudy(study.name, result.new, result.known, result.shared, list(study.warnings))
            for study, result in zip(loaded, results, strict=True)
        ],
        warnings,
    )


def check_corpora(folder: Path, studies: Iterable[Study]) -> None:
    """Raise LabError if a corpus folder contains the workspace: all that runs write would become part of the text."""
    home = folder.resolve()
    for corpus in sorted(corpus for study in studies for corpus in _texts(run.spec for run in study.runs)):
        # Hidden files and folders are not part of a corpus.
        if home.is_relative_to(corpus) and not any(name.startswith(".") for name in home.relative_to(corpus).parts):
            raise LabError(f"the corpus folder {corpus} contains the workspace {home}; keep them apart")


def _changed_texts(store: Store, study: Study) -> list[str]:
    """Return a line for each corpus whose text has changed since the study was last registered."""
    now = _texts(run.spec for run in study.runs)
    before = _texts(read_spec(row.spec) for row in queries.runs_of(store, study.name)) if now else {}
    return [
        f"{study.file}: {corpus} is another text than before: sha256 {hashes[-1]:.12}..., not "
        f"{before[corpus][-1]:.12}...; its runs are other runs"
        for corpus, hashes in now.items()
        if corpus in before and hashes[-1] not in before[corpus]
    ]


def _texts(specs: Iterable[RunSpec]) -> dict[str, list[str]]:
    """Return the hashes of the data that runs read, by the places where it lies."""
    hashes: dict[str, list[str]] = {}
    for spec in specs:
        if (data := spec.task.data) is not None:
            place, sha256 = data
            hashes.setdefault(place, []).append(sha256)
    return hashes


def study_record(study: Study, descents: Iterable[Descent] = ()) -> StudyRecord:
    """Return a study as the store takes it. descents: of those of its runs that were refined from others."""
    runs = [run_record(run.spec, run.label) for run in study.runs]
    return StudyRecord(study.name, study.about, study.source, runs, list(descents))


def run_record(spec: RunSpec, label: str) -> RunRecord:
    """Return a run as the store takes it."""
    return RunRecord(
        run_id=spec.run_id,
        config_id=spec.config_id,
        shape=PackKey.of(spec).text,
        spec=spec.canonical(),
        label=label,
        total=spec.train.updates,
    )

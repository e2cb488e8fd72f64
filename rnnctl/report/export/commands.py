"""A workspace as a shell script that does it again: study files, `rnnctl init`, `rnnctl train`, and, in comments, who
trained what, when and on what.

In an empty folder the script registers the very same run ids. A study's text as last registered need not name all of
its runs: an earlier text may have named others, and a later version of rnnctl may read it otherwise. Where the text
falls short, runs are written out in full, in a study of their own. A corpus has the path that the runs have, in the
text as well, and its sha256 in a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rnnctl import __version__
from rnnctl.corpora.corpus import STDLIB
from rnnctl.report.export.places import with_places
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.words import one_line

if TYPE_CHECKING:
    from store.queries import AttemptRow, RunRow, StudyRow

RUNS_A_FILE = 500  # written out in full; study files are limited in size
VERSIONS = ("rnnctl", "torch", "numpy", "kernels", "cpu", "cpu_capability", "gpu", "cuda")  # of a bit environment


def script(
    studies: Sequence[tuple[StudyRow, Sequence[RunRow]]], attempts: Mapping[str, Sequence[AttemptRow]]
) -> Iterator[str]:
    """The script's lines, without line ends.

    studies: each with its runs, in the order of registration. attempts: those at every run, by run id.
    """
    yield "#!/bin/sh"
    yield f"# To be run in an empty folder. Written by rnnctl {__version__}; each attempt below says which one it had."
    yield "set -eu"
    yield "unset RNNCTL_WORKSPACE  # the workspace is this folder"
    taken = {study.name for study, _ in studies}
    for study, rows in studies:
        yield ""
        updated = "" if study.updated == study.created else f", again {_time(study.updated)}"
        yield f"# study {study.name}: {len(rows)} runs, registered {_time(study.created)}{updated}"
        for corpus, sha256 in sorted(_texts(rows)):
            yield one_line(f"# its text: {corpus}, sha256 {sha256}")
        files = _files(study, rows, taken)
        for name, text in files.items():
            yield from _here_document(f"{name}.yaml", text)
        yield f"rnnctl init {' '.join(f'{name}.yaml' for name in files)}"
        for row in rows:
            yield from _told(row, attempts[row.run_id])
    runs = {row.run_id: row for _, rows in studies for row in rows}
    yield ""
    cancelled = [row.run_id for row in runs.values() if row.status == "cancelled"]
    if cancelled:
        yield f"rnnctl cancel --yes {' '.join(cancelled)}"
    if len(cancelled) < len(runs):
        yield f"rnnctl train --workers {_most_at_once(attempts)}{_device(attempts)}"


def _files(study: StudyRow, rows: Sequence[RunRow], taken: set[str]) -> dict[str, str]:
    """Name and text of the study files that register these runs and no others; names are added to those taken."""
    known = {row.run_id for row in rows}
    source = with_places(study.source, {corpus for corpus, _ in _texts(rows)} - {STDLIB})
    try:
        named = {run.spec.run_id for run in read_study(source or "", study.name).runs}
    except SpecError:
        named = set()
    usable = bool(named) and named <= known
    files = {study.name: source} if usable else {}
    rest = [row for row in rows if not usable or row.run_id not in named]
    for start in range(0, len(rest), RUNS_A_FILE):
        part = rest[start : start + RUNS_A_FILE]
        name = study.name if not files else _free_name(study.name, taken)
        files[name] = _written_out(name, study.name, part)
    return files


def _texts(rows: Sequence[RunRow]) -> set[tuple[str, str]]:
    """Where the corpora of these runs lie, and their sha256."""
    tasks = (row.spec["task"] for row in rows)
    return {(task["corpus"], task["sha256"]) for task in tasks if task["name"] == "text"}


def _free_name(study: str, taken: set[str]) -> str:
    number = 1
    while (name := f"{study[:50]}-more-{number}") in taken:
        number += 1
    taken.add(name)
    return name


def _written_out(name: str, study: str, rows: Sequence[RunRow]) -> str:
    lines = [f"study: {name}", f"about: Runs of {study} in full.", "cases:"]
    return "\n".join([*lines, *(f"  {row.run_id}: {json.dumps(row.spec)}" for row in rows)])


def _here_document(file: str, text: str) -> Iterator[str]:
    end, lines = "END", text.removesuffix("\n").split("\n")
    while end in lines:
        end += "_"
    yield f"cat > {file} <<'{end}'"
    yield from lines
    yield end


def _told(row: RunRow, attempts: Sequence[AttemptRow]) -> Iterator[str]:
    """Comments on one run."""
    ended = f"{row.status}: {row.outcome}" if row.outcome else row.status
    yield one_line(
        f"# {row.label}: run {row.run_id}, seed {row.spec['seed']}, {ended}, {row.step} of {row.total} updates"
    )
    for one in attempts:
        ended = f"to {_time(one.ended)}, {one.ended_as}" if one.ended else "not ended"
        steps = f"updates {one.start_step} to {'?' if one.end_step is None else one.end_step}"
        where = f"host {one.host}, {one.device}; {_versions(one.environment)}"
        yield one_line(f"#   attempt {one.attempt}: {_time(one.started)} {ended}, {steps}, {where}")


def _versions(environment: Mapping[str, Any]) -> str:
    bits = environment.get("bits") or {}
    found = {**{name: bits.get(name) for name in VERSIONS}, **{k: environment.get(k) for k in ("python", "platform")}}
    found["git"] = environment.get("git")
    return ", ".join(f"{name} {value}" for name, value in found.items() if value is not None)


def _most_at_once(attempts: Mapping[str, Sequence[AttemptRow]]) -> int:
    """How many workers trained these runs at one time; at least one."""
    lives: dict[str, tuple[float, float]] = {}
    for one in (one for of_run in attempts.values() for one in of_run):
        ended = one.started if one.ended is None else one.ended
        start, end = lives.get(one.worker, (one.started, ended))
        lives[one.worker] = min(start, one.started), max(end, ended)
    # The most are alive at the start of one of them.
    return max((sum(start <= at < end for start, end in lives.values()) for at, _ in lives.values()), default=1) or 1


def _device(attempts: Mapping[str, Sequence[AttemptRow]]) -> str:
    """The option that asks for the one device that all attempts had; nothing where there was none, or more than one."""
    devices = {one.device for of_run in attempts.values() for one in of_run}
    return f" --device {devices.pop()}" if len(devices) == 1 else ""


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

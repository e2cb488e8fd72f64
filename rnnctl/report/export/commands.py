"""A workspace as a shell script that repeats it: study files, `rnnctl init`, `rnnctl train`.

Comments say by whom, when and on what each run was trained. In an empty folder, the script registers the same run ids.
The text of a study as last registered may name only some of its runs: an earlier text may have named others, and a
later version of rnnctl may read it differently. Other runs are written out in full, in a study of their own. Data that
runs read from disk has its absolute path, and its sha256 in a comment.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rnnctl import __version__
from rnnctl.devices import parse
from rnnctl.report.export.places import quoted, with_places
from rnnctl.report.specs import read_spec
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.words import escaped, one_line

if TYPE_CHECKING:
    from store.queries import AttemptRow, RunRow, StudyRow

RUNS_A_FILE = 500  # of runs written out in full; study files are limited in size
# Those in the bits of an environment.
VERSIONS = ("rnnctl", "torch", "numpy", "kernels", "cpu", "cpu_capability", "gpu", "cuda", "gpu_kernels", "driver")


def script(
    studies: Sequence[tuple[StudyRow, Sequence[RunRow]]], attempts: Mapping[str, Sequence[AttemptRow]]
) -> Iterator[str]:
    """Yield the lines of the script, without line ends.

    studies: each with its runs, in the order of registration. attempts: those at each run, by run id.
    """
    yield "#!/bin/sh"
    yield f"# Run this in an empty folder. Written by rnnctl {__version__}; each attempt below names its own version."
    yield "set -eu"
    yield "unset RNNCTL_WORKSPACE  # the workspace is this folder"
    taken = {study.name for study, _ in studies}
    for study, rows in studies:
        yield ""
        updated = "" if study.updated == study.created else f", again {_time(study.updated)}"
        yield one_line(f"# study {study.name}: {len(rows)} runs, registered {_time(study.created)}{updated}")
        for place, sha256 in sorted(_data(rows)):
            yield one_line(f"# its data: {place}, sha256 {sha256}")
        files = _files(study, rows, taken)
        for name, text in files.items():
            yield from _here_document(f"{name}.yaml", text)
        yield f"rnnctl init {shlex.join(f'{name}.yaml' for name in files)}"
        for row in rows:
            yield from _comments(row, attempts[row.run_id])
    runs = {row.run_id: row for _, rows in studies for row in rows}
    yield ""
    cancelled = [row.run_id for row in runs.values() if row.status == "cancelled"]
    if cancelled:
        yield f"rnnctl cancel --yes {shlex.join(cancelled)}"
    if len(cancelled) < len(runs):
        yield f"rnnctl train --workers {_most_at_once(attempts)}{_device(attempts)}"


def _files(study: StudyRow, rows: Sequence[RunRow], taken: set[str]) -> dict[str, str]:
    """Return the study files that register exactly these runs, text by name. taken: names in use; it is extended."""
    known = {row.run_id for row in rows}
    source = with_places(study.source, {place for place, _ in _data(rows)})
    if source is not None and escaped(source, keep="\n\t") != source:
        source = None  # a terminal could obey it, or show another text than it is
    try:
        named = {run.spec.run_id for run in read_study(source or "", study.name).runs}
    except SpecError:
        named = set()
    files: dict[str, str] = {}
    if source is not None and named and named <= known:
        files[study.name] = source
    rest = [row for row in rows if not files or row.run_id not in named]
    for start in range(0, len(rest), RUNS_A_FILE):
        name = study.name if not files else _free_name(study.name, taken)
        files[name] = _written_out(name, study.name, rest[start : start + RUNS_A_FILE])
    return files


def _data(rows: Sequence[RunRow]) -> set[tuple[str, str]]:
    """Return where the data of these runs lies, and its sha256."""
    return {data for row in rows for data in read_spec(row.spec).data}


def _free_name(study: str, taken: set[str]) -> str:
    number = 1
    while (name := f"{study[:50]}-more-{number}") in taken:
        number += 1
    taken.add(name)
    return name


def _written_out(name: str, study: str, rows: Sequence[RunRow]) -> str:
    lines = [f"study: {name}", f"about: Runs of {study} in full.", "cases:"]
    # A spec may have been registered by an earlier version, whose names of keys a study file may not use.
    specs = [quoted(read_spec(row.spec).canonical()) for row in rows]
    return "\n".join([*lines, *(f"  {row.run_id}: {spec}" for row, spec in zip(rows, specs, strict=True))])


def _here_document(file: str, text: str) -> Iterator[str]:
    end, lines = "END", text.removesuffix("\n").split("\n")
    while end in lines:
        end += "_"
    yield f"cat > {shlex.quote(file)} <<'{end}'"
    yield from lines
    yield end


def _comments(row: RunRow, attempts: Sequence[AttemptRow]) -> Iterator[str]:
    """Yield the comments on one run."""
    ended = f"{row.status}: {row.outcome}" if row.outcome else row.status
    yield one_line(
        f"# {row.label}: run {row.run_id}, seed {row.spec['seed']}, {ended}, {row.step} of {row.total} updates"
    )
    for attempt in attempts:
        ended = f"to {_time(attempt.ended)}, {attempt.ended_as}" if attempt.ended else "not ended"
        steps = f"updates {attempt.start_step} to {'?' if attempt.end_step is None else attempt.end_step}"
        where = f"host {attempt.host}, {attempt.device}; {_versions(attempt.environment)}"
        yield one_line(f"#   attempt {attempt.attempt}: {_time(attempt.started)} {ended}, {steps}, {where}")


def _versions(environment: Mapping[str, Any]) -> str:
    bits = environment.get("bits") or {}
    known = {name: bits.get(name) for name in VERSIONS} | {k: environment.get(k) for k in ("python", "platform", "git")}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def _most_at_once(attempts: Mapping[str, Sequence[AttemptRow]]) -> int:
    """Return the highest number of workers that trained these runs at one time; at least one."""
    lives: dict[str, tuple[float, float]] = {}
    for attempt in itertools.chain.from_iterable(attempts.values()):
        ended = attempt.started if attempt.ended is None else attempt.ended
        start, end = lives.get(attempt.worker, (attempt.started, ended))
        lives[attempt.worker] = min(start, attempt.started), max(end, ended)
    # The number is highest at the start of one of them.
    return max((sum(start <= at < end for start, end in lives.values()) for at, _ in lives.values()), default=1) or 1


def _device(attempts: Mapping[str, Sequence[AttemptRow]]) -> str:
    """Return the option with the devices of all attempts; nothing if there was none, or if one option cannot name them:
    the CPU beside a card.
    """
    text = ",".join(sorted({attempt.device for attempt in itertools.chain.from_iterable(attempts.values())}))
    try:
        parse(text)
    except ValueError:
        return ""
    return f" --device {text}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The log of a run, for people: its attempts, its checks, its checkpoints and how it ended, a line each.

It is made from what the database has, so it says the same whenever and wherever it is asked for. Times are those at
which something was stored, in the time zone of this machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rnnctl.words import counted, lines_of, number, one_line, short_worker

if TYPE_CHECKING:
    from store.history import StoredCheck
    from store.queries import AttemptRow, CheckpointRow, RunRow

BLANK = " " * 19  # as wide as a time


def log_lines(
    run: RunRow, attempts: Sequence[AttemptRow], checks: Sequence[StoredCheck], checkpoints: Sequence[CheckpointRow]
) -> Iterator[str]:
    """Yield the lines of the log of a run. All rows are in the order in which they were written."""
    yield one_line(f"{run.study}/{run.label}")
    yield f"run {run.run_id}, configuration {run.config_id}, {run.total:,} updates at most"
    if run.origin is not None:
        yield one_line(f"goes on from {run.origin.name} ({run.origin.run}) at update {run.origin.step:,}")
    if run.note:
        yield one_line(f"note: {run.note}")
    broke = run.summary.get("broke_floor_at")
    lines = [*_of_checks(checks, broke), *(_of_checkpoint(saved) for saved in checkpoints if saved.status != "removed")]
    lines.sort(key=lambda line: line.step)  # stable: a checkpoint follows the check of its update
    for attempt in attempts:
        yield ""
        yield f"{_time(attempt.started)}  {_beginning(attempt)}"
        yield from (f"{_time(line.at)}  {line.text}" for line in lines if line.attempt == attempt.attempt)
        if attempt.ended is not None:
            yield f"{_time(attempt.ended)}  {_end(attempt)}"
        if attempt.error:
            yield from (f"{BLANK}  | {line}" for line in lines_of(attempt.error))
    yield ""
    yield f"{run.outcome or run.status} at update {run.step:,} of {run.total:,}, {counted(run.strikes, 'strike')}"
    # What an attempt ended with is above; other reasons, such as damage, belong to no attempt.
    if run.error and all(run.error != attempt.error for attempt in attempts):
        yield from lines_of(run.error)


class _Line(NamedTuple):
    """What the log says of something that an attempt did."""

    attempt: int
    step: int
    at: float
    text: str


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).isoformat(" ", "seconds")


def _beginning(attempt: AttemptRow) -> str:
    bits = "" if attempt.exact else ", in an environment whose bits may differ"
    where = one_line(
        f"worker {short_worker(attempt.worker)} on {attempt.host}, process {attempt.pid}, {attempt.device}"
    )
    return f"attempt {attempt.attempt} begins at update {attempt.start_step:,}: {where}{bits}"


def _end(attempt: AttemptRow) -> str:
    reached = "" if attempt.end_step is None else f" at update {attempt.end_step:,}"
    return f"attempt {attempt.attempt} ends{reached}: {attempt.ended_as}"


def _of_checks(checks: Sequence[StoredCheck], broke_floor_at: int | None) -> Iterator[_Line]:
    """Yield the lines of checks, each with the best loss up to it."""
    best = math.inf
    for check in checks:
        values = check.scalars
        loss, error, bits = (values.get(name) for name in ("valid_loss", "valid_error", "valid_bits_per_byte"))
        best = best if loss is None else min(best, loss)
        words = [
            f"loss {number(loss)}",
            f"best {number(best)}",
            f"floor {number(values.get('valid_floor'))}",
            *([] if bits is None else [f"bits per byte {number(bits)}"]),
            *([] if error is None else [f"error {number(100 * error)} %"]),
            *(["the floor is broken"] if check.step == broke_floor_at else []),
        ]
        yield _Line(check.attempt, check.step, check.at, f"update {check.step:,}: {', '.join(words)}")


def _of_checkpoint(saved: CheckpointRow) -> _Line:
    text = f"checkpoint of update {saved.step:,}, {saved.size:,} bytes, {saved.path}"
    if saved.status != "live":
        text += f": {saved.status}, {saved.reason}"
    return _Line(saved.attempt, saved.step, saved.at, one_line(text))

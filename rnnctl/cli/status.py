"""`status` and `show`: what is going on, and everything about one run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, duration, notes, out, out_json, table
from rnnctl.words import counted, number, one_line

if TYPE_CHECKING:
    from rnnctl.lab.show import RunDetails
    from rnnctl.lab.status import RunningRun, Status
    from store import Store
    from store.queries import AttemptRow

LAST_CHECKS = 8
LISTED = 20  # runs of one kind that status names on a terminal


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show the queue, the workers, and the state of the runs. Runs that are running, waiting or wrong are named."""
    from rnnctl.lab import status as lab

    if watch and as_json:
        raise UserError("--watch and --json exclude each other")
    with opened(workspace, readonly=True) as store:
        if watch:
            _watch(store)
        elif as_json:
            out_json(lab.status(store, time.time()))
        else:
            out(_rendered(lab.status(store, time.time())))


def _watch(store: Store) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from rnnctl.lab.status import status

    # screen=False: what was last seen stays on the terminal after Ctrl-C. Text: labels and errors are not markup.
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            live.update(Text(_rendered(status(store, time.time()))), refresh=True)
            time.sleep(2)


def _rendered(now: Status) -> str:
    states = [name for name in now.counts if any(counts[name] for counts in now.studies.values())]
    rows = [[name, sum(counts.values()), *(counts[state] for state in states)] for name, counts in now.studies.items()]
    blocks = [table(["study", "runs", *states], rows) if rows else "no study is registered; see rnnctl init --help"]
    if now.workers:
        columns = ["worker", "host", "pid", "device", "process", "last beat", "runs"]
        cells = [
            [w.worker[:8], w.host, w.pid, w.device, w.process, duration(w.beat_seconds_ago), w.running]
            for w in now.workers
        ]
        blocks.append(table(columns, cells))
    if now.running:
        columns = ["running", "run", "worker", "updates", "done", "moved ago", "best loss", "floor"]
        blocks.append(_listed(columns, [_running(run) for run in now.running]))
        blocks.append(_time_left(now))
    if now.waiting_to_be_tried_again:
        waiting = now.waiting_to_be_tried_again
        cells = [[run.label, run.run, run.strikes, duration(max(0, run.seconds))] for run in waiting]
        blocks.append(_listed(["waiting to be tried again", "run", "strikes", "in"], cells))
    if now.wrong:
        cells = [[run.label, run.run, run.status, run.error or "-"] for run in now.wrong]
        blocks.append(_listed(["wrong", "run", "status", "error"], cells))
        blocks.append("rnnctl show RUN tells why; rnnctl retry --failed puts them back")
    return "\n\n".join(blocks)


def _running(run: RunningRun) -> list[str]:
    return [
        run.label,
        run.run,
        (run.worker or "")[:8],
        f"{run.step:,} of {run.total:,}",
        f"{100 * run.step / run.total:.0f} %",
        duration(run.moved_seconds_ago),
        number(run.loss),
        number(run.floor),
    ]


def _listed(columns: Sequence[str], cells: Sequence[Sequence[Any]]) -> str:
    """Return a table, shortened on a terminal so that the overview stays in sight; a pipe gets all of it."""
    most = LISTED if sys.stdout.isatty() else len(cells)
    more = f"\n... and {len(cells) - most} more" if len(cells) > most else ""
    return table(columns, cells[:most]) + more


def _time_left(now: Status) -> str:
    text = f"{now.updates_left_at_most:,} updates left at most"
    if now.updates_per_second == 0:
        return text
    return f"{text}, {now.updates_per_second:,.0f} updates/s, {duration(now.seconds_left_at_most)} left at most"


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id or its beginning, a label, or STUDY/LABEL.")],
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show a run: spec, result, attempts, checkpoints, last checks. Also where its attempts ran, and the traceback of a
    failure.
    """
    from rnnctl.lab import show as lab

    with opened(workspace, readonly=True) as store:
        details = lab.show(store, run)
    if as_json:
        out_json(details)
    else:
        _print(details)


def _print(run: RunDetails) -> None:
    out(one_line(f"{run.study}/{run.label}"))
    out(f"run {run.run_id}, configuration {run.config_id}")
    progress = f"{run.outcome or run.status} at update {run.step:,} of {run.total:,}"
    out(f"{progress}, {counted(run.attempt, 'attempt')}, {counted(run.strikes, 'strike')}")
    if run.summary:
        out(_in_words(run.summary))
    for word, relatives in (("from", run.refined_from), ("into", run.refined_into)):
        for relative in relatives:
            name = one_line(relative.name)
            out(f"refined {word} {name} ({relative.run_id}) by {relative.variant}, in study {relative.study}")
    out("\nspec")
    out(json.dumps(run.spec, indent=2))
    if run.attempts:
        _print_attempts(run.attempts)
        if run.environments_differ:
            notes(["the attempts ran in different environments; --json shows each"])
    live = [checkpoint for checkpoint in run.checkpoints if checkpoint.status != "removed"]
    if live:
        out("\ncheckpoints")
        cells = [[c.step, c.attempt, c.status, c.size, c.path, c.reason or ""] for c in live]
        out(table(["update", "attempt", "status", "bytes", "file", ""], cells))
    if run.checks:
        _print_checks(run.checks)
    if run.error:
        out("\nlast error")
        out("\n".join(map(one_line, run.error.rstrip().splitlines())))


def _in_words(summary: dict[str, Any]) -> str:
    broke = summary["broke_floor_at"]
    floor = f"floor {number(summary['floor'])}, {'not broken' if broke is None else f'broken at {broke:,}'}"
    chance = f"chance {number(_percent(summary['chance_error']))} %"
    return (
        f"best loss {number(summary['best_loss'])} at update {summary['best_step']:,} ({floor}), "
        f"best error {number(_percent(summary['best_error']))} % ({chance}), "
        f"trained for {duration(summary['seconds'])}"
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _print_attempts(attempts: Sequence[AttemptRow]) -> None:
    cells = [
        [
            attempt.attempt,
            datetime.fromtimestamp(attempt.started).isoformat(" ", "seconds"),
            duration(attempt.ended - attempt.started) if attempt.ended else "-",
            attempt.ended_as or "running",
            attempt.start_step,
            "-" if attempt.end_step is None else attempt.end_step,
            attempt.host,
            attempt.pid,
            attempt.device,
            "yes" if attempt.exact else "no",
        ]
        for attempt in attempts
    ]
    out("\nattempts")
    out(table(["", "started", "took", "ended as", "from", "to", "host", "pid", "device", "same bits"], cells))
    out("\nenvironment of the last attempt")
    out(json.dumps(attempts[-1].environment, indent=2))


def _print_checks(checks: Sequence[dict[str, float]]) -> None:
    """Print the last checks, a column each."""
    shown = checks[-LAST_CHECKS:]
    out(f"\nlast {counted(len(shown), 'check')} of {len(checks)}")
    names = [name for name in shown[-1] if name != "step"]
    columns = ["", *(f"@{check['step']}" for check in shown)]
    out(table(columns, [[name, *(number(check[name]) for check in shown)] for name in names]))

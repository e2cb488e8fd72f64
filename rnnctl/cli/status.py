"""`status` and `show`: what is going on, and everything about one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import AllOption, JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, flush, notes, out, out_json
from rnnctl.words import counted, duration, lines_of, number, short_worker, with_se

if TYPE_CHECKING:
    from jobs.load import Load
    from rnnctl.lab.show import RunDetails
    from rnnctl.lab.status import RunningRun, Status
    from store import Store
    from store.queries import AttemptRow

LOOK_EVERY = 2.0  # seconds between looks of `status --watch` at the workspace
PRINT_EVERY = 10.0  # seconds between its reports where there is no terminal
LAST_CHECKS = 8
LISTED = 20  # runs of one kind that status names on a terminal


def status(
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help=f"Show it anew every {LOOK_EVERY:.0f} seconds, until Ctrl-C. Into a pipe or a file: every "
            f"{PRINT_EVERY:.0f} seconds, until no run is queued or running.",
        ),
    ] = False,
    hidden: AllOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show the queue, the workers, and the state of the runs. Runs that are running, waiting or wrong are named."""
    from rnnctl.lab import status as lab

    if watch and as_json:
        raise UserError("--watch and --json exclude each other")
    with opened(workspace, readonly=True) as store:
        if watch:
            (_watch if sys.stdout.isatty() else _log)(store, hidden)
        elif as_json:
            out_json(lab.status(store, time.time(), hidden))
        else:
            out(*_rendered(lab.status(store, time.time(), hidden)), whole=True)


def _watch(store: Store, hidden: bool) -> None:
    """Show the status in one place of the terminal."""
    from rnnctl.cli.screen import replaced
    from rnnctl.lab.status import status

    with replaced() as show:
        while True:
            show(_rendered(status(store, time.time(), hidden)))
            time.sleep(LOOK_EVERY)


def _log(store: Store, hidden: bool) -> None:
    """Print the status again and again, until all runs have ended or nobody reads it."""
    from rnnctl.lab.status import status

    due = 0.0
    while True:
        now = status(store, time.time(), hidden)
        ended = not (now.counts["queued"] or now.counts["running"])
        if ended or time.monotonic() >= due:
            due = time.monotonic() + PRINT_EVERY
            out(f"at {datetime.fromtimestamp(now.at).isoformat(' ', 'seconds')}", *_rendered(now), "", whole=True)
            flush()
        if ended:
            return
        time.sleep(LOOK_EVERY)


def _why_empty(now: Status) -> str:
    """Return why no study is listed."""
    from rnnctl.lab.workspaces import in_archive

    return in_archive(now.archived) if now.archived else "no study is registered; see rnnctl init --help"


def _rendered(now: Status) -> list[str]:
    """Return the lines of the overview."""
    states = [name for name in now.counts if any(counts[name] for counts in now.studies.values())]
    rows = [[name, sum(counts.values()), *(counts[state] for state in states)] for name, counts in now.studies.items()]
    lines = table(["study", "runs", *states], rows) if rows else [_why_empty(now)]
    if now.workers:
        on_nodes = any(worker.node for worker in now.workers)
        columns = ["worker", "host", *["node"] * on_nodes, "pid", "device", "process", "last beat", "runs"]
        cells = [
            [
                short_worker(w.worker), w.host, *[w.node or "-"] * on_nodes, w.pid, w.device, w.process,
                duration(w.beat_seconds_ago), w.running,
            ]
            for w in now.workers
        ]  # fmt: skip
        lines += ["", *table(columns, cells, drop=["process", "host", "pid", "device"])]
    lines += ["", *map(_busy, now.ledgers)] if now.ledgers else []
    if now.running:
        columns = ["running", "run", "worker", "attempt", "updates", "done", "moved ago", "best loss", "floor"]
        drop = ["attempt", "moved ago", "done", "worker", "floor", "run"]
        lines += ["", *_listed(columns, [_running(run) for run in now.running], drop), "", _time_left(now)]
    if now.priorities:
        cells = [[waiting.priority, waiting.study, waiting.runs] for waiting in now.priorities]
        lines += ["", *_listed(["priority", "study", "queued"], cells)]
    if now.waiting_to_be_tried_again:
        waiting = now.waiting_to_be_tried_again
        cells = [[run.label, run.run, run.strikes, duration(max(0, run.seconds)), run.error or "-"] for run in waiting]
        lines += ["", *_listed(["waiting to be tried again", "run", "strikes", "in", "error"], cells, ["strikes"])]
    if now.wrong:
        cells = [[run.label, run.run, run.status, run.error or "-"] for run in now.wrong]
        lines += ["", *_listed(["wrong", "run", "status", "error"], cells)]
        lines += ["", "rnnctl show RUN tells why; rnnctl retry --failed puts them back"]
    return lines


def _busy(load: Load) -> str:
    """Return how busy the ledger of a training on a cluster is."""
    text = (
        f"ledger {load.pid}: {load.commits_per_second:.1f} commits/s, busy {100 * load.busy:.0f} % of the time, "
        f"slowest answer {duration(load.slowest)}, {counted(load.waiting, 'call')} waiting"
    )
    if silent := load.silent_for(time.time()):
        return f"{text}; it has not answered for {duration(silent)}"
    return f"{text}; it falls behind, and workers wait for it" if load.behind else text


def _running(run: RunningRun) -> list[Any]:
    return [
        run.label,
        run.run,
        short_worker(run.worker or ""),
        run.attempt,
        f"{run.step:,} of {run.total:,}",
        f"{100 * run.step / run.total:.0f} %",
        duration(run.moved_seconds_ago),
        number(run.loss),
        with_se(run.floor, run.floor_se),
    ]


def _listed(columns: Sequence[str], cells: Sequence[Sequence[Any]], drop: Sequence[str] = ()) -> list[str]:
    """Return a table, shortened on a terminal so that the overview stays in sight; a pipe gets all of it."""
    most = LISTED if sys.stdout.isatty() else len(cells)
    more = [f"... and {len(cells) - most} more"] if len(cells) > most else []
    return table(columns, cells[:most], drop) + more


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

    with opened(workspace, readonly=True, runs=[run]) as store:
        details = lab.show(store, run)
    if as_json:
        out_json(details)
    else:
        _print(details)


def _print(run: RunDetails) -> None:
    out(f"{run.study}/{run.label}")
    size = "" if run.parameter_count is None else f", {counted(run.parameter_count, 'parameter')}"
    out(f"run {run.run_id}, configuration {run.config_id}{size}")
    if not run.named:
        out(f"the file of {run.study} no longer names this run")
    if run.tags:
        out(f"tags: {', '.join(run.tags)}")
    if run.note:
        out(f"note: {run.note}")
    priority = f", priority {run.priority}" if run.priority else ""
    progress = f"{run.outcome or run.status} at update {run.step:,} of {run.total:,}"
    out(f"{progress}, {counted(run.attempt, 'attempt')}, {counted(run.strikes, 'strike')}{priority}")
    if run.summary:
        out(_in_words(run.summary, run.loss_unit))
    if run.origin is not None:
        out(f"goes on from {run.origin.name} ({run.origin.run}) at update {run.origin.step:,}")
    for damaged in run.unfit_origins:
        where = f"{damaged.name} ({damaged.run}) at update {damaged.step:,}"
        out(f"cannot go on from {where}: that checkpoint {damaged.reason}")
    for word, relatives in (("from", run.refined_from), ("into", run.refined_into)):
        for relative in relatives:
            name = f"{relative.name} ({relative.run_id})"
            out(f"refined {word} {name} by {relative.variant}, in study {relative.study}")
    if run.remarks:
        out("", "verdicts")
        for remark in run.remarks:
            out(f"  {remark.topic}: {remark.verdict}. {remark.text}")
    out("", "spec")
    out_json(run.spec)
    if run.attempts:
        _print_attempts(run.attempts)
        if run.environments_differ:
            notes(["the attempts ran in different environments; --json shows each"])
    live = [checkpoint for checkpoint in run.checkpoints if checkpoint.status != "removed"]
    if live:
        cells = [[c.step, c.attempt, c.status, c.size, c.path, c.reason or ""] for c in live]
        out(
            "",
            "checkpoints",
            *table(["update", "attempt", "status", "bytes", "file", ""], cells, drop=["attempt", "bytes", "status"]),
            whole=True,
        )
    if run.checks:
        _print_checks(run.checks)
    if run.error:
        out("", "last error", *lines_of(run.error))


def _time(summary: dict[str, Any]) -> str:
    """Return the run's share of the wall time of its packs, and theirs if that is another one."""
    whole = duration(summary["seconds"])
    share = duration(summary.get("share_seconds", summary["seconds"]))
    return whole if share == whole else f"{share} (its share of the {whole} of its packs)"


def _in_words(summary: dict[str, Any], unit: str | None) -> str:
    broke, unit = summary["broke_floor_at"], f" {unit}" if unit else ""
    level = with_se(summary["floor"], summary.get("floor_se")) + unit
    floor = f"floor {level}, {'not broken' if broke is None else f'broken at {broke:,}'}"
    chance = f"chance {number(_percent(summary['chance_error']))} %"
    return (
        f"best loss {number(summary['best_loss'])}{unit} at update {summary['best_step']:,} ({floor}), "
        f"best error {number(_percent(summary['best_error']))} % ({chance}), "
        f"trained for {_time(summary)}"
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _print_attempts(attempts: Sequence[AttemptRow]) -> None:
    on_nodes = any(attempt.environment.get("node") for attempt in attempts)
    cells = [
        [
            attempt.attempt,
            datetime.fromtimestamp(attempt.started).isoformat(" ", "seconds"),
            duration(attempt.ended - attempt.started) if attempt.ended else "-",
            attempt.ended_as or "running",
            attempt.start_step,
            "-" if attempt.end_step is None else attempt.end_step,
            short_worker(attempt.worker),
            attempt.host,
            *[attempt.environment.get("node", "-")] * on_nodes,
            attempt.pid,
            attempt.device,
            "yes" if attempt.exact else "no",
        ]
        for attempt in attempts
    ]
    where = ["worker", "host", *["node"] * on_nodes, "pid", "device"]
    columns = ["", "started", "took", "ended as", "from", "to", *where, "same bits"]
    out(
        "",
        "attempts",
        *table(columns, cells, drop=["pid", "host", "device", "worker", "same bits", "started"]),
        whole=True,
    )
    out("", "environment of the last attempt")
    out_json(attempts[-1].environment)


def _print_checks(checks: Sequence[dict[str, float]]) -> None:
    """Print the last checks, a column each."""
    shown = checks[-LAST_CHECKS:]
    names = [name for name in shown[-1] if name != "step"]
    columns = ["", *(f"@{check['step']}" for check in shown)]
    cells = [[name, *(number(check[name]) for check in shown)] for name in names]
    out(
        "",
        f"last {counted(len(shown), 'check')} of {len(checks)}",
        *table(columns, cells, drop=columns[1:-1]),
        whole=True,
    )

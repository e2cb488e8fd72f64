"""`status` and `show`: what is going on, and everything about one run."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, counted, duration, headline, number, out, out_json, say, table

if TYPE_CHECKING:
    from store import Store
    from store.queries import RunRow

LAST_CHECKS = 8
LISTED = 20  # runs of one kind that status names on a terminal


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show the queue, the workers, and what is running, waiting or wrong."""
    if watch and as_json:
        raise UserError("--watch and --json exclude each other")
    with opened(workspace, readonly=True) as store:
        if watch:
            _watch(store)
        elif as_json:
            out_json(_status(store, time.time()))
        else:
            out(_render(_status(store, time.time())))


def _watch(store: Store) -> None:
    from rich.console import Console
    from rich.live import Live

    # screen=False: what was last seen stays on the terminal after Ctrl-C.
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            live.update(_render(_status(store, time.time())), refresh=True)
            time.sleep(2)


def _status(store: Store, now: float) -> dict[str, Any]:
    from jobs.identity import alive
    from store import queries, workers

    rows = queries.runs_of(store, statuses=("queued", "running", "failed", "quarantined"))
    by_status: dict[str, list[RunRow]] = {}
    for row in rows:
        by_status.setdefault(row.status, []).append(row)
    names = {True: "alive", False: "dead", None: "on another host"}
    left = sum(row.total - row.step for row in rows if row.status in ("queued", "running"))
    rate = sum(_rate(store, row) for row in by_status.get("running", []))
    return {
        "workspace": str(store.workspace.root),
        "at": now,
        "counts": queries.counts(store),
        "studies": queries.counts_by_study(store),
        "updates_left_at_most": left,
        "updates_per_second": rate,
        "seconds_left_at_most": left / rate if rate > 0 else None,
        "workers": [
            {
                "worker": worker.id,
                "host": worker.host,
                "pid": worker.pid,
                "device": worker.device,
                "process": names[alive(worker)],
                "beat_seconds_ago": now - worker.beat_at,
                "running": worker.running,
            }
            for worker in workers.current(store)
        ],
        "running": [
            {
                "run": row.run_id,
                "label": f"{row.study}/{row.label}",
                "worker": row.worker,
                "step": row.step,
                "total": row.total,
                "attempt": row.attempt,
                "moved_seconds_ago": None if row.progress_at is None else now - row.progress_at,
                "lease_left_seconds": None if row.lease_until is None else row.lease_until - now,
                "loss": row.summary.get("best_loss"),
                "floor": row.summary.get("floor"),
            }
            for row in by_status.get("running", [])
        ],
        "waiting_to_be_tried_again": [
            {"run": row.run_id, "label": f"{row.study}/{row.label}", "strikes": row.strikes, "in": row.not_before - now}
            for row in by_status.get("queued", [])
            if row.strikes
        ],
        "wrong": [
            {
                "run": row.run_id,
                "label": f"{row.study}/{row.label}",
                "status": row.status,
                "error": headline(row.error) if row.error else None,
            }
            for row in (*by_status.get("failed", []), *by_status.get("quarantined", []))
        ],
    }


def _render(now: dict[str, Any]) -> str:
    studies = now["studies"]
    states = [name for name in now["counts"] if any(counts[name] for counts in studies.values())]
    rows = [[name, sum(counts.values()), *(counts[state] for state in states)] for name, counts in studies.items()]
    parts = [table(["study", "runs", *states], rows) if rows else "no study is registered; see rnnctl init --help"]
    if now["workers"]:
        cells = [
            [
                w["worker"][:8],
                w["host"],
                w["pid"],
                w["device"],
                w["process"],
                duration(w["beat_seconds_ago"]),
                w["running"],
            ]
            for w in now["workers"]
        ]
        parts.append(table(["worker", "host", "pid", "device", "process", "last beat", "runs"], cells))
    if now["running"]:
        parts.append(_running(now["running"]))
        parts.append(_time_left(now))
    if now["waiting_to_be_tried_again"]:
        cells = [
            [w["label"], w["run"], w["strikes"], duration(max(0, w["in"]))] for w in now["waiting_to_be_tried_again"]
        ]
        parts.append(_listed(["waiting to be tried again", "run", "strikes", "in"], cells))
    if now["wrong"]:
        cells = [[w["label"], w["run"], w["status"], w["error"] or "-"] for w in now["wrong"]]
        parts.append(_listed(["wrong", "run", "status", "error"], cells))
        parts.append("rnnctl show RUN tells why; rnnctl retry --failed puts them back")
    return "\n\n".join(part for part in parts if part)


def _running(running: list[dict[str, Any]]) -> str:
    cells = [
        [
            r["label"],
            r["run"],
            (r["worker"] or "")[:8],
            f"{r['step']:,} of {r['total']:,}",
            f"{100 * r['step'] / r['total']:.0f} %",
            duration(r["moved_seconds_ago"]),
            number(r["loss"]),
            number(r["floor"]),
        ]
        for r in running
    ]
    columns = ["running", "run", "worker", "updates", "done", "moved ago", "best loss", "floor"]
    return _listed(columns, cells)


def _listed(columns: list[str], cells: list[list[Any]]) -> str:
    """A table that leaves a terminal its overview; a pipe gets all of it."""
    most = LISTED if sys.stdout.isatty() else len(cells)
    more = f"\n... and {len(cells) - most} more" if len(cells) > most else ""
    return table(columns, cells[:most]) + more


def _rate(store: Store, row: RunRow) -> float:
    """Updates a second of a running run since its attempt began, as of its last sign of progress; 0 before it."""
    from store import queries

    attempt = queries.attempts(store, row.run_id)[-1]
    seconds = 0 if row.progress_at is None else row.progress_at - attempt.started
    return (row.step - attempt.start_step) / seconds if seconds > 0 else 0.0


def _time_left(now: dict[str, Any]) -> str:
    text = f"{now['updates_left_at_most']:,} updates left at most"
    if now["updates_per_second"] == 0:
        return text
    return f"{text}, {now['updates_per_second']:,.0f} updates/s, {duration(now['seconds_left_at_most'])} left at most"


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id or its beginning, a label, or STUDY/LABEL.")],
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show a run: spec, result, attempts and where they ran, checkpoints, last checks, traceback."""
    from rnnctl.lab.workspaces import one_run
    from store import history, queries

    with opened(workspace, readonly=True) as store:
        (row,) = queries.runs_of(store, run_ids=[one_run(store, run)])
        attempts = [_slots(attempt) for attempt in queries.attempts(store, row.run_id)]
        checkpoints = [_slots(checkpoint) for checkpoint in queries.checkpoints_of(store, row.run_id)]
        past = history.read(store, [row.run_id]).get(row.run_id)
        checks = _checks(past) if past else []
        record = {
            **_slots(row),
            **_lineage(store, row.run_id),
            "attempts": attempts,
            "checkpoints": checkpoints,
            "checks": checks,
        }
        if as_json:
            out_json(record)
        else:
            _print(record)


def _lineage(store: Store, run_id: str) -> dict[str, list[dict[str, str]]]:
    """Which runs a run was refined from, and which from it."""
    from store import lineage, queries

    found = {
        "refined_from": [(one.parent, one) for one in lineage.parents(store, run_id)],
        "refined_into": [(one.run_id, one) for one in lineage.children(store, run_id)],
    }
    others = {other for ends in found.values() for other, _ in ends}
    names = {row.run_id: f"{row.study}/{row.label}" for row in queries.runs_of(store, run_ids=others)} if others else {}
    return {
        key: [
            {"run_id": other, "name": names[other], "variant": one.variant, "study": one.study} for other, one in ends
        ]
        for key, ends in found.items()
    }


def _slots(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _checks(past: Any) -> list[dict[str, float]]:
    return [
        {"step": int(step), **{name: float(values[i]) for name, values in past.scalars.items()}}
        for i, step in enumerate(past.steps)
    ]


def _print(record: dict[str, Any]) -> None:
    out(f"{record['study']}/{record['label']}")
    ended = record["outcome"] or record["status"]
    out(f"run {record['run_id']}, configuration {record['config_id']}, shape {record['shape']}")
    progress = f"{ended} at update {record['step']:,} of {record['total']:,}"
    out(f"{progress}, {counted(record['attempt'], 'attempt')}, {counted(record['strikes'], 'strike')}")
    if record["summary"]:
        out(_in_words(record["summary"]))
    for one in record["refined_from"]:
        out(f"refined from {one['name']} ({one['run_id']}) by {one['variant']}, in study {one['study']}")
    for one in record["refined_into"]:
        out(f"refined into {one['name']} ({one['run_id']}) by {one['variant']}, in study {one['study']}")
    out("\nspec")
    out(json.dumps(record["spec"], indent=2))
    _print_attempts(record["attempts"])
    live = [c for c in record["checkpoints"] if c["status"] != "removed"]
    if live:
        out("\ncheckpoints")
        cells = [[c["step"], c["attempt"], c["status"], c["size"], c["path"], c["reason"] or ""] for c in live]
        out(table(["update", "attempt", "status", "bytes", "file", ""], cells))
    if record["checks"]:
        shown = record["checks"][-LAST_CHECKS:]
        names = list(shown[-1])
        out(f"\nlast {counted(len(shown), 'check')} of {len(record['checks'])}")
        out(
            table(
                ["", *(f"@{check['step']}" for check in shown)],
                [[n, *(number(c[n]) for c in shown)] for n in names[1:]],
            )
        )
    if record["error"]:
        out("\nlast error")
        out(record["error"].rstrip())


def _in_words(summary: dict[str, Any]) -> str:
    broke = summary["broke_floor_at"]
    floor = f"floor {number(summary['floor'])}, {'not broken' if broke is None else f'broken at {broke:,}'}"
    chance = f"chance {number(_percent(summary['chance_error']))} %"
    return (
        f"best loss {number(summary['best_loss'])} at update {summary['best_step']:,} ({floor}), "
        f"best error {number(_percent(summary['best_error']))} % ({chance}), "
        f"trained for {duration(summary['seconds'])}"
    )


def _print_attempts(attempts: list[dict[str, Any]]) -> None:
    if not attempts:
        return
    cells = [
        [
            a["attempt"],
            datetime.fromtimestamp(a["started"]).isoformat(" ", "seconds"),
            duration(a["ended"] - a["started"]) if a["ended"] else "-",
            a["ended_as"] or "running",
            a["start_step"],
            "-" if a["end_step"] is None else a["end_step"],
            a["host"],
            a["pid"],
            a["device"],
            "yes" if a["exact"] else "no",
        ]
        for a in attempts
    ]
    out("\nattempts")
    out(table(["", "started", "took", "ended as", "from", "to", "host", "pid", "device", "same bits"], cells))
    out("\nenvironment of the last attempt")
    out(json.dumps(attempts[-1]["environment"], indent=2))
    if len({json.dumps(a["environment"].get("bits"), sort_keys=True) for a in attempts}) > 1:
        say("note: the attempts ran in different environments; --json shows each")


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value

"""What workers and pools report: the same words in the database, the log and the terminal.

An event is a flat dict of JSON values: `event`, `at` (seconds since 1970), `worker` (its id, or None before it has one)
and fields of its own:

| event | sender | fields |
|---|---|---|
| pool_started | pool | workers (how many processes it keeps going) |
| worker_started | worker | pid, host, device |
| claimed | worker | runs: list of {run, label, attempt, step, total} |
| resumed | session | run, step |
| extended | session | run, step, parent (id of the run from whose checkpoint it goes on), parent_name |
| origin_unsound | session | run, step, parent (id of the run that has the checkpoint), parent_name, reason |
| checkpoint_unsound | session | run, path, reason |
| idle | worker | ; sent at each turn that finds no run to claim while runs of others are not finished |
| progress | heartbeat | steps: {run: step} of the runs that moved |
| check | execute | run, step, and whatever else it adds |
| committed | session | run, step |
| finished | session | run, step, outcome |
| lease_lost | session | run, reason |
| released | worker, or the pool that kills it | run |
| out_of_memory | worker | unit (runs of one pack, or packs at once), size, most (from now on), error (one line) |
| notice | worker | line (for the user) |
| failed | worker | run, error (traceback, or one line), status (queued, to be tried again, or failed) |
| rescued | worker | run, from (worker id) |
| quarantined | worker | run, and from (id of the worker that died) or error (one line: its rows are damaged) |
| postponed | worker | run, error (one line: why it cannot be worked on now), seconds (until it is tried again) |
| store_busy | worker, or `train` while it opens the store | error (one line); sent once, until the store is free |
| draining | pool | |
| crashed | pool | slot, pid, exit, tail, node: how its process ended, see `jobs.launcher.Ending` |
| worker_ended | worker | reason (empty, drained or error), error (one line, or None) |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from store.encoding import finite

EVENTS = frozenset(
    {
        "pool_started",
        "worker_started",
        "claimed",
        "idle",
        "resumed",
        "extended",
        "origin_unsound",
        "checkpoint_unsound",
        "progress",
        "check",
        "committed",
        "finished",
        "lease_lost",
        "released",
        "out_of_memory",
        "notice",
        "failed",
        "rescued",
        "quarantined",
        "postponed",
        "store_busy",
        "draining",
        "crashed",
        "worker_ended",
    }
)

Event = dict[str, Any]
Emit = Callable[[Event], None]
Say = Callable[..., None]  # say(name, **fields): emit the event of that name, with `at` and `worker` filled in


def event(name: str, at: float, worker: str | None, **fields: Any) -> Event:
    """Return an event. The name is one of EVENTS."""
    assert name in EVENTS, name
    return {"event": name, "at": at, "worker": worker, **fields}


def encode(event: Event) -> bytes:
    """Return the event as one line of JSON. Non-finite numbers become null; unknown objects become their text."""
    return json.dumps(finite(event), default=str, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Event | None:
    """Return the event in a line, or None if there is none, as in the half line of a killed process."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("event") in EVENTS else None

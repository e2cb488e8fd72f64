"""What workers and pools say of themselves: the same words in the database, the log and the terminal.

An event is a flat dict of JSON values: `event`, `at` (seconds since 1970), `worker` (its id, None before it has one)
and its own fields:

| event | said by | fields |
|---|---|---|
| worker_started | worker | pid, host, device, workspace (its folder) |
| claimed | worker | shape, runs: list of {run, label, attempt, step, total} |
| resumed | session | run, step |
| checkpoint_unsound | session | run, path, reason |
| progress | heartbeat | steps: {run: step} of the runs that moved |
| check | execute | run, step, and what it likes to add |
| committed | session | run, step |
| finished | session | run, step, outcome |
| lease_lost | session | run, reason |
| released | worker, or the pool that kills it | run |
| failed | worker | run, error (traceback), status (queued, to be tried again, or failed) |
| rescued | worker | run, from (worker id) |
| quarantined | worker | run, from (worker id) |
| store_busy | worker | error (one line); said once, until the store is free again |
| draining | pool | |
| crashed | pool | slot, pid, exit (negative: by that signal), tail (its last words on stderr) |
| worker_ended | worker | reason (empty, drained or error), error (one line, else None) |
"""

import json
import math
from collections.abc import Callable

EVENTS = frozenset(
    {
        "worker_started",
        "claimed",
        "resumed",
        "checkpoint_unsound",
        "progress",
        "check",
        "committed",
        "finished",
        "lease_lost",
        "released",
        "failed",
        "rescued",
        "quarantined",
        "store_busy",
        "draining",
        "crashed",
        "worker_ended",
    }
)

Emit = Callable[[dict], None]


def event(name: str, at: float, worker: str | None, **fields) -> dict:
    """An event of that name; the name is one of EVENTS."""
    assert name in EVENTS, name
    return {"event": name, "at": at, "worker": worker, **fields}


def encode(event: dict) -> bytes:
    """One line of JSON; numbers that JSON does not have (nan, inf) become null, foreign objects their text."""
    try:
        text = json.dumps(event, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(event), default=str)
    return text.encode() + b"\n"


def decode(line: bytes) -> dict | None:
    """The event in a line, or None if the line holds none, such as the half line of a killed process."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("event") in EVENTS else None


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

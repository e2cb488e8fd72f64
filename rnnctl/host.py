"""The memory and the cores of this machine. A limit of the container counts as its size."""

from __future__ import annotations

import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")
# Files of versions 2 and 1 of control groups, as a container sees them: its limit, and what it uses.
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_bytes() -> int:
    """Return how much memory this process could use if it were alone."""
    import psutil

    limit, _ = _limit()
    total = int(psutil.virtual_memory().total)
    return total if limit is None else min(limit, total)


def available_bytes() -> int:
    """Return how much memory can be allocated now without swapping."""
    import psutil

    limit, used = _limit()
    available = int(psutil.virtual_memory().available)
    return available if limit is None else max(0, min(limit - used, available))


def _limit() -> tuple[int | None, int]:
    """Return the memory limit of the control group that this process sees, None if it has none, and what is used of
    it. Cached files, which would be given up, count as unused.
    """
    for limit_name, used_name in _LIMITS:
        limit, used = (_number(_GROUP / name) for name in (limit_name, used_name))
        if limit is not None and used is not None:
            return limit, max(0, used - _cached(_GROUP / used_name))
    return None, 0


def _number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def _cached(used_file: Path) -> int:
    """Return the bytes of cached files that the group of this file has, and does not use."""
    try:
        lines = (used_file.parent / "memory.stat").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return 0
    numbers = dict(line.split() for line in lines if len(line.split()) == 2)
    return int(numbers.get("inactive_file", 0))

"""Which process a worker is, and whether that process still lives.

A pid alone does not identify a process, because pids are used again: the start time goes with it, and both mean
something only within one boot of one machine. Start times are counted from boot where the system offers that, so that
setting the clock does not turn a living worker into a dead one.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

FIRST_PID_NAMESPACE = "pid:[4026531836]"  # fixed in the Linux kernel; every other one belongs to a container


class Located(Protocol):
    """What a worker's row must hold to look for its process."""

    @property
    def host(self) -> str: ...

    @property
    def boot_id(self) -> str: ...

    @property
    def pid(self) -> int: ...

    @property
    def pid_started(self) -> float: ...


@dataclass(frozen=True)
class Identity:
    """One process: its machine, that machine's boot, its pid and when it started (see `started`)."""

    host: str
    boot_id: str
    pid: int
    pid_started: float


def here() -> Identity:
    """Return the identity of this process."""
    pid = os.getpid()
    pid_started = started(pid)
    assert pid_started is not None, "this process runs"
    return Identity(host(), boot_id(), pid, pid_started)


def alive(worker: Located) -> bool | None:
    """Return whether the worker's process still runs; None where that cannot be seen (another host, another user)."""
    if worker.host != host():
        return None
    if worker.boot_id != boot_id():
        return False
    now_there = started(worker.pid)
    if now_there is None and _hidden(worker.pid):
        return None
    return now_there == worker.pid_started


def rebooted_since(worker: Located) -> bool:
    """Return whether the worker ran on this machine before its last boot, and so ended with everything else."""
    return worker.host == host() and worker.boot_id != boot_id()


def sibling(worker: Located) -> bool:
    """Return whether the process that started this one also started a worker that lives. True for this process."""
    if worker.host != host():
        return False
    try:
        return psutil.Process(worker.pid).ppid() == os.getppid()
    except psutil.Error:
        return False


def host() -> str:
    """Return the machine's name. In a container it includes the pid namespace, since pids there are others."""
    name = socket.gethostname()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return name
    return name if namespace == FIRST_PID_NAMESPACE else f"{name}/{namespace}"


def boot_id() -> str:
    """Return the id of this boot of the machine; empty where there is none (start times tell boots apart there)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> float | None:
    """Return when the process started, in seconds since boot on Linux and since 1970 elsewhere.

    None if it does not run. A zombie (dead, but its parent has not waited for it yet) does not run.
    """
    if Path("/proc/self/stat").exists():
        return _started_linux(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _started_linux(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before the parenthesis may hold spaces; the state is first
    state, start_ticks = fields[0], int(fields[19])
    return None if state in "ZX" else start_ticks / os.sysconf("SC_CLK_TCK")


def _hidden(pid: int) -> bool:
    """Return whether a process exists that /proc does not show (mounted with hidepid, the process another user's)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False

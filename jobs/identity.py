"""Who a worker is on its machine, and whether the worker that a row names still lives.

A pid alone is not an identity: it is used again, so its start time goes with it, and both mean something only within
one boot of one machine. Start times are counted from boot where the system offers that, so that setting the clock
does not turn a living worker into a dead one.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

FIRST_PID_NAMESPACE = "pid:[4026531836]"  # fixed in the Linux kernel; any other one belongs to a container


class Located(Protocol):
    """What is needed of a worker's row to look for its process."""

    host: str
    boot_id: str
    pid: int
    pid_started: float


@dataclass(frozen=True)
class Identity:
    """One process: its machine, that machine's boot, its pid and when it started (see `started`)."""

    host: str
    boot_id: str
    pid: int
    pid_started: float


def here() -> Identity:
    """The identity of this process."""
    pid = os.getpid()
    return Identity(host=host(), boot_id=boot_id(), pid=pid, pid_started=started(pid))


def alive(worker: Located) -> bool | None:
    """Whether the worker's process still runs; None where that cannot be seen (another host, another user)."""
    if worker.host != host():
        return None
    if worker.boot_id != boot_id():
        return False
    now_there = started(worker.pid)
    if now_there is None and _hidden(worker.pid):
        return None
    return now_there == worker.pid_started


def rebooted_since(worker: Located) -> bool:
    """Whether the worker ran on this machine before it was last started: it ended together with everything else."""
    return worker.host == host() and worker.boot_id != boot_id()


def sibling(worker: Located) -> bool:
    """Whether a worker that lives was started by the process that started this one (itself is its sibling too)."""
    if worker.host != host():
        return False
    try:
        return psutil.Process(worker.pid).ppid() == os.getppid()
    except psutil.Error:
        return False


def host() -> str:
    """The machine's name; a container's pids are its own, so that its pid namespace belongs to the name."""
    name = socket.gethostname()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return name
    return name if namespace == FIRST_PID_NAMESPACE else f"{name}/{namespace}"


def boot_id() -> str:
    """The id of this boot of the machine, empty where the system has none (start times tell boots apart there)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> float | None:
    """When the process started: seconds since boot on Linux, since 1970 elsewhere; None if it does not run.

    A zombie, dead but not yet waited for by its parent, does not run.
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
    fields = stat.rpartition(")")[2].split()  # the name before the parenthesis may hold spaces; state comes first here
    state, start_ticks = fields[0], int(fields[19])
    return None if state in "ZX" else start_ticks / os.sysconf("SC_CLK_TCK")


def _hidden(pid: int) -> bool:
    """Whether a process exists that /proc, mounted with hidepid, does not show because it is another user's."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False

"""The times and limits that workers and pools live by."""

from __future__ import annotations

from dataclasses import dataclass

# Seconds. No run has to wait for longer, whatever the settings of the worker that made it wait. A longer wait comes
# from a clock that was set back.
LONGEST_WAIT = 60.0
MEMORY_WAIT = 20.0  # seconds until a run that did not fit into the free memory is tried again
MOST_MEMORY_WAITS = 30  # so many times a worker lets a run wait for memory, ten minutes in all, before it is a strike


@dataclass(frozen=True)
class Settings:
    """Durations in seconds and limits as counts, checked when the object is made.

    Raises ValueError, in one line, for a value that would break a promise, such as a beat too slow for its lease.
    """

    lease: float = 60.0  # how long a claim holds without a beat
    beat: float = 10.0  # how often a worker extends its leases; at most a third of the lease
    rescue_every: float = 1.0  # how often dead workers are looked for, and how long an idle worker waits
    stall: float = 900.0  # the leases of a session whose steps stand still for this long are no longer extended
    stuck: float = 60.0  # an update loop that ignores the loss of all its runs for this long is abandoned
    strike_limit: int = 3  # crashes or exceptions without a new checkpoint before a job is given up
    backoff: float = 1.0  # unit of the wait before a job with a strike, or a worker that crashed, starts again: `wait`
    crash_limit: int = 5  # crashes in a row, without progress, after which a pool gives a worker up

    def __post_init__(self) -> None:
        for name in ("lease", "beat", "rescue_every", "stall", "stuck"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0 seconds, not {getattr(self, name)}")
        for name in ("strike_limit", "crash_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.backoff < 0:
            raise ValueError(f"backoff must not be below 0 seconds, not {self.backoff}")
        if self.beat > self.lease / 3:
            raise ValueError(f"beat must be at most a third of the lease ({self.lease / 3:g} s), not {self.beat:g} s")

    @property
    def alone_from(self) -> int:
        """The strikes with which a run is claimed alone: one more would end it."""
        return self.strike_limit - 1

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after that many failures in a row: 0 after the first, then 2, 4, 8 ... units."""
        doublings = min(failures - 1, 1000)  # a higher power of 2 would overflow
        return 0.0 if failures <= 1 else min(self.backoff * 2.0**doublings, LONGEST_WAIT)

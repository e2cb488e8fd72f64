"""What `execute` raised, and whom it concerns: some runs, or the worker."""

from __future__ import annotations

from dataclasses import dataclass

from store import Conflict, Damaged, StoreError
from store.queue import Claim


@dataclass(frozen=True)
class Failure:
    """What `execute` raised, and the ids of the runs that it concerns."""

    error: BaseException
    run_ids: frozenset[str]

    @property
    def ends_the_worker(self) -> bool:
        """Whether the store or the user ended `execute`, rather than an error in what it executed.

        A Conflict means that history was written twice, which is an error of what was executed. SystemExit counts as
        such an error too: whatever raises it would raise it again in the next worker. Damage is the fault of a run.
        """
        if isinstance(self.error, Damaged):
            return self.error.run_id is None
        return isinstance(self.error, StoreError | KeyboardInterrupt) and not isinstance(self.error, Conflict)

    def concerns(self, claim: Claim) -> bool:
        """Return whether the run is at fault."""
        if isinstance(self.error, Damaged) and claim.run_id != self.error.run_id:
            return False
        return claim.run_id in self.run_ids and not self.ends_the_worker

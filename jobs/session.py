"""What an `execute` sees of the queue: the runs that it was given, and how to resume, save and end them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from jobs.events import Say
from jobs.holds import TAKEN, Holds
from jobs.ledger import Ledger
from store import Busy, LeaseLost
from store.extension import Relative
from store.history import HistoryRow
from store.queue import Claim


class OutOfMemory(Exception):
    """Raised by `execute` if the runs of its session do not fit into memory together, or a single run does not.

    str() is one line that says what is needed and what there is.
    """


class FitsLater(Exception):
    """Raised by `execute` if a run does not fit into the memory that is free now, and may fit later.

    str() is one line that says what is needed and what there is.
    """


class NeverFits(Exception):
    """Raised by `execute` if a run would fail each time: it needs more memory than its device has, for example.

    str() is one line that says why.
    """


class PackFailed(Exception):
    """Raised by `execute`, from an error, if that error concerns only some runs of its session.

    error: the exception, which may be OutOfMemory, FitsLater or NeverFits. run_ids: the runs that it concerns: those of
    a pack, as they were trained together.
    """

    def __init__(self, error: Exception, run_ids: Iterable[str]) -> None:
        super().__init__(str(error))
        self.error = error
        self.run_ids = frozenset(run_ids)


class Session:
    """The claimed runs of one turn, one pack or several, for the thread that trains them. A pack is claimed of runs of
    one shape; whoever trains them may join packs of several shapes.

    The update loop looks at `draining` and `held` between updates: when draining, it commits what it has and returns;
    a run that is no longer held it drops without writing anything more. Even if it looks too late, nothing that it
    writes for a run that it does not hold reaches the database.
    """

    def __init__(
        self,
        ledger: Ledger,
        claims: Sequence[Claim],
        holds: Holds,
        clock: Callable[[], float],
        draining: Callable[[], bool],
        say: Say,
    ) -> None:
        self.claims = list(claims)
        self._ledger = ledger
        self._by_run = {claim.run_id: claim for claim in claims}
        self._holds = holds
        self._clock = clock
        self._draining = draining
        self._say = say
        self._saved: set[str] = set()
        self._relatives: dict[Path, Relative] = {}  # by checkpoint

    @property
    def draining(self) -> bool:
        """Whether the worker was told to stop: commit and return soon."""
        return self._draining()

    def held(self, run_id: str) -> bool:
        """Return whether the run is still to be worked on: not finished, and its lease neither lost nor ended."""
        return self._holds.held(run_id, self._clock())

    def progress(self, run_id: str, step: int) -> None:
        """Record how many updates the run has done. Cheap: call it after each update.

        A session of which no run advances for `Settings.stall` seconds counts as hung and loses its leases.
        """
        self._holds.advance(run_id, step, self._clock())

    def resume(self, run_id: str) -> Path | None:
        """Return the newest sound checkpoint's file, or None to start from the beginning.

        Call it once, before the first update. Where newer checkpoints were missing or damaged, the history beyond the
        one returned is taken back, so that the loop writes it anew. What earlier attempts left unfinished is removed.
        Also None if the run is not held any more, which `held` tells.
        """
        if not self.held(run_id):
            return None
        try:
            point = self._ledger.resume(self._by_run[run_id], self._clock())
        except LeaseLost:
            self._holds.lose(run_id, TAKEN)
            return None
        for passed in point.passed_over:
            self._say("checkpoint_unsound", run=run_id, path=passed.checkpoint.path, reason=passed.reason)
        self._holds.advance(run_id, point.step, self._clock())
        if point.checkpoint is not None:
            self._say("resumed", run=run_id, step=point.step)
        return point.checkpoint

    def relatives(self, run_id: str, trajectory: str) -> list[Relative]:
        """Return checkpoints of other runs with this trajectory that the run may begin at, newest first.

        Ask if `resume` returned None, before the first update. Empty if the run is not held any more.
        """
        if not self.held(run_id):
            return []
        relatives = self._ledger.relatives(self._by_run[run_id], trajectory)
        newest = max((relative.source.step for relative in relatives), default=0)
        for damaged in self._ledger.unfit(self._by_run[run_id]):
            if damaged.step > newest:
                self._say(
                    "origin_unsound",
                    run=run_id,
                    step=damaged.step,
                    parent=damaged.run,
                    parent_name=damaged.name,
                    reason=damaged.reason,
                )
        self._relatives |= {relative.checkpoint: relative for relative in relatives}
        return relatives

    def extend(
        self,
        run_id: str,
        source: Path,
        step: int,
        checked: int,
        write: Callable[[BinaryIO], None],
        summary: dict[str, Any],
    ) -> bool:
        """Let a run begin where a relative is, all or nothing: at `step` updates, with its history up to `checked`.

        source: the checkpoint of one of `relatives`. write: writes the run's own checkpoint to a file; called again if
        the store was busy. Return False if the relative has changed meanwhile, or if the run is not held any more.
        """
        if not self.held(run_id):
            return False
        claim, relative = self._by_run[run_id], self._relatives[source]
        with self._holds.committing(run_id):
            kept = self._while_busy(
                claim, lambda: self._ledger.extend(claim, relative, step, checked, write, summary, self._clock())
            )
        if kept is None:
            self._holds.lose(run_id, TAKEN)
        if not kept:
            return False
        self._say("extended", run=run_id, step=step, parent=relative.run_id, parent_name=relative.name)
        self._holds.advance(run_id, step, self._clock())
        return True

    def commit(
        self,
        run_id: str,
        step: int,
        write: Callable[[BinaryIO], None],
        history: Sequence[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None = None,
    ) -> bool:
        """Save the run as of `step` updates, all or nothing: checkpoint, history rows since the last commit, summary.

        write: writes the checkpoint's content to a file; called again if the store was busy. outcome: solved, budget,
        early_stop or diverged ends the run. Return False if the run is not held any more: nothing was saved, and the
        loop should drop it. Raise StoreError if the store cannot be written (a full disk, say); let it pass.
        """
        if not self.held(run_id):
            return False
        with self._holds.committing(run_id):
            if not self._commit(self._by_run[run_id], step, write, history, summary, outcome):
                self._holds.lose(run_id, TAKEN)
                return False
            self._saved.add(run_id)
            self._holds.advance(run_id, step, self._clock())
            if outcome is not None:
                self._holds.finish(run_id)
        self._say("committed", run=run_id, step=step)
        if outcome is not None:
            self._say("finished", run=run_id, step=step, outcome=outcome)
        return True

    def emit(self, event: str, **fields: Any) -> None:
        """Send an event, such as a check, to whoever watches: a name of `jobs.events.EVENTS`, with JSON values."""
        self._say(event, **fields)

    def saved(self, run_id: str) -> bool:
        """Return whether the run has been committed in this session."""
        return run_id in self._saved

    def _commit(
        self,
        claim: Claim,
        step: int,
        write: Callable[[BinaryIO], None],
        history: Sequence[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None,
    ) -> bool:
        """Commit, trying again while the store is busy and the lease lasts. Return False if the run is lost."""

        def commit() -> bool:
            self._ledger.commit(claim, step, write, history, summary, self._clock(), outcome)
            return True

        return self._while_busy(claim, commit) is not None

    def _while_busy(self, claim: Claim, save: Callable[[], bool]) -> bool | None:
        """Save, trying again while the store is busy and the lease lasts. Return None if the run is lost."""
        while True:
            try:
                return save()
            except LeaseLost:
                return None
            except Busy:
                if not self.held(claim.run_id):
                    return None

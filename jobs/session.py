"""What an `execute` sees of the queue: the runs that it was given, and how to go on with, save and end them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from jobs.holds import TAKEN, Holds
from store import Busy, LeaseLost, Store, StoreError, checkpoints, commits, queue
from store.checkpoints import Checkpoint
from store.history import HistoryRow
from store.queue import Claim


class Session:
    """One pack of claimed runs, for the thread that trains them.

    The update loop looks at `draining` and `held` between updates: when draining it commits what it has and returns;
    a run that is no longer held it drops without another word. Whatever it misses, nothing that it writes for a run
    that it does not hold reaches the database.
    """

    def __init__(
        self,
        store: Store,
        claims: Sequence[Claim],
        holds: Holds,
        clock: Callable[[], float],
        draining: Callable[[], bool],
        say: Callable[..., None],
        lease: float,
    ):
        self.claims = list(claims)
        self._store = store
        self._by_run = {claim.run_id: claim for claim in claims}
        self._holds = holds
        self._clock = clock
        self._draining = draining
        self._say = say
        self._lease = lease
        self._saved: set[str] = set()

    @property
    def draining(self) -> bool:
        """Whether the worker was told to stop: commit and return, soon."""
        return self._draining()

    def held(self, run_id: str) -> bool:
        """Whether the run is still to be worked on: not finished, and its lease neither lost nor ended."""
        return self._holds.held(run_id, self._clock())

    def progress(self, run_id: str, step: int) -> None:
        """Tells the heartbeat how many updates the run has done. Cheap: call it after each update.

        A pack of which no run advances for `Settings.stall` seconds counts as hung and loses its leases.
        """
        self._holds.advance(run_id, step, self._clock())

    def resume(self, run_id: str) -> Path | None:
        """The newest sound checkpoint's file, or None to begin at the beginning. Call it once, before the first update.

        Where newer checkpoints were passed over, as missing or changed, the history beyond the one returned is taken
        back, so that the loop writes it anew. Strays of earlier attempts are removed.
        """
        claim = self._by_run[run_id]
        found = checkpoints.newest_sound(self._store, run_id)
        for passed in found.passed_over:
            self._say("checkpoint_unsound", run=run_id, path=passed.checkpoint.path, reason=passed.reason)
        try:
            if found.passed_over:
                commits.rewind(self._store, claim, found)
        except LeaseLost:
            self._holds.lose(run_id, TAKEN)
        if not self._still_ours(claim):
            self._holds.lose(run_id, TAKEN)
            return None
        checkpoints.sweep(self._store, run_id, claim.attempt)
        if found.checkpoint is None:
            return None
        self._holds.advance(run_id, found.checkpoint.step, self._clock())
        self._say("resumed", run=run_id, step=found.checkpoint.step)
        return self._store.workspace.root / found.checkpoint.path

    def commit(
        self,
        run_id: str,
        step: int,
        write: Callable[[BinaryIO], None],
        history: Sequence[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None = None,
    ) -> bool:
        """Saves the run as of `step` updates, all or nothing: checkpoint, history rows since the last commit, summary.

        `write(file)` writes the checkpoint's content. With an outcome (solved, budget, early_stop or diverged) the run
        is finished. Returns False if the run is not held any more: nothing was saved, and the loop should drop it.
        Raises StoreError if the store cannot be written (a full disk, say); let it pass.
        """
        claim = self._by_run[run_id]
        if not self.held(run_id):
            return False
        with self._holds.committing(run_id):
            try:
                checkpoint = checkpoints.write(self._store.workspace, run_id, claim.attempt, step, write)
            except StoreError:
                # Another worker that has the run now sweeps its folder, and may have taken the file from under us.
                if self._still_ours(claim):
                    raise
                saved = False
            else:
                saved = self._commit(claim, checkpoint, history, summary, outcome)
            if not saved:
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

    def emit(self, event: str, **fields) -> None:
        """Says something to whoever watches, such as a check: one of `jobs.events`, with JSON values."""
        self._say(event, **fields)

    def saved(self, run_id: str) -> bool:
        """Whether the run has been committed in this session."""
        return run_id in self._saved

    def _commit(
        self,
        claim: Claim,
        checkpoint: Checkpoint,
        history: Sequence[HistoryRow],
        summary: dict[str, Any],
        outcome: str | None,
    ) -> bool:
        """The fenced transaction, tried again while the store is busy and the lease stands; False if it is lost."""
        while True:
            try:
                commits.commit(self._store, claim, checkpoint, history, summary, self._clock(), outcome)
                return True
            except LeaseLost:
                return False
            except Busy:
                if not self.held(claim.run_id):
                    checkpoints.discard(self._store.workspace, checkpoint)
                    return False

    def _still_ours(self, claim: Claim) -> bool:
        """Asks the database whether the run is held, without extending its lease."""
        beating = [(held, step) for held, step in self._holds.open() if held is claim]
        return bool(queue.beat(self._store, claim.worker, beating, self._clock(), self._lease, False))

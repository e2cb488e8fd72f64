"""What `train` shows while it works: bars on a terminal, plain lines elsewhere. Everything goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from rnnctl.cli.output import say
from rnnctl.cli.screen import Bars, Going, Packs
from rnnctl.host import cores
from rnnctl.words import counted, duration, headline, number

if TYPE_CHECKING:
    from jobs.events import Event
    from store.queries import Queued

PLAIN_EVERY = 10.0  # seconds between progress lines where there is no terminal
LOOK_EVERY = 5.0  # seconds between looks at the queue
RATE_WINDOW = 30.0  # seconds over which the rate of updates is taken
RATE_LEAST = 5.0  # seconds after which it is known: the first updates come in a burst


class View(Protocol):
    """How progress is shown on one kind of output."""

    def start(self, text: str) -> None:
        """Begin with this line."""
        ...

    def stop(self) -> None:
        """End, whether or not it began."""
        ...

    def line(self, text: str) -> None:
        """Show a line that stays."""
        ...

    def draw(self, text: str, done: int, total: int, packs: Packs) -> None:
        """Show how far everything is: a text, and updates done of a total."""
        ...


def view_on_stderr() -> View:
    """Return bars if stderr is a terminal, else plain lines."""
    return Bars() if sys.stderr.isatty() else _Lines()


class Progress:
    """Takes a pool's events and shows them. Use it in `with`.

    queued: returns how much waits in the queue besides some runs, given by their ids, or None if that cannot be read
    just now. view: how it is shown; on stderr without. here: whether the workers are on this machine.
    """

    def __init__(
        self,
        queued: Callable[[Collection[str]], Queued | None],
        view: View | None = None,
        *,
        here: bool = True,
    ) -> None:
        self._queued = queued
        self._here = here
        self.labels: dict[str, str] = {}
        self.total: dict[str, int] = {}  # updates of the runs that this pool is training, at most
        self.step: dict[str, int] = {}
        self.start: dict[str, int] = {}
        self.last_check: dict[str, Event] = {}
        self.best_loss: dict[str, float] = {}  # of runs that have a finite one, since they were claimed
        self.done = 0  # updates, of runs that this pool has let go of
        self.ended = 0
        self.packs: dict[str, list[str]] = {}
        self.marks: list[tuple[float, int]] = []
        self.notices: set[str] = set()
        self.postponed: set[str] = set()  # runs
        self.looked_at = 0.0
        self.waiting_runs = self.waiting_updates = 0  # in the queue
        self.running_runs = 0  # in the workspace, those of other pools included
        self.waiting_told = False  # that the store is busy, since the last claim
        self.view = view_on_stderr() if view is None else view

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.view.stop()

    @property
    def updates_left(self) -> int:
        """At most, of this pool's runs and of those that wait. Other pools report their own runs."""
        return sum(self.total.values()) - sum(self.step.values()) + self.waiting_updates

    @property
    def updates_done(self) -> int:
        """Done by this pool."""
        return self.done + sum(self.step.values()) - sum(self.start.values())

    @property
    def rate(self) -> float:
        """Recent updates a second over all runs; 0 before that is known."""
        if len(self.marks) < 2:
            return 0.0
        (first, updates), (last, more) = self.marks[0], self.marks[-1]
        return (more - updates) / (last - first) if last - first >= RATE_LEAST else 0.0

    def take(self, event: Event) -> None:
        """Show one event of the pool; see jobs.events."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler:
            handler(event)

    def _name(self, event: Event) -> str:
        run: str = event["run"]
        return self.labels.get(run, run)

    def _on_pool_started(self, event: Event) -> None:
        self._look()
        self.view.start(f"{counted(self.waiting_runs, 'run')} queued, {self.waiting_updates:,} updates at most")
        if self._here and event["workers"] > cores():
            self.view.line(
                f"{event['workers']} workers share {counted(cores(), 'core')}: on a CPU, more workers than cores do "
                "not train faster"
            )

    def _on_claimed(self, event: Event) -> None:
        self.waiting_told = False
        runs = [run["run"] for run in event["runs"]]
        for run in event["runs"]:
            self.labels[run["run"]] = run["label"]
            self.total[run["run"]] = run["total"]
            self.step[run["run"]] = self.start[run["run"]] = run["step"]
        self.packs[event["worker"]] = runs
        self._look()
        names = ", ".join(self.labels[run] for run in runs[:4])
        more = f" and {len(runs) - 4} more" if len(runs) > 4 else ""
        self.view.line(f"claimed {counted(len(runs), 'run')}: {names}{more}")
        self._draw()

    def _look(self) -> None:
        """Read how much waits in the queue: other pools take from it, and studies are added."""
        self.looked_at = time.monotonic()
        # Events come later than what they tell: runs that still count as this pool's may be back in the queue already.
        queued = self._queued(self.total)
        if queued is not None:
            self.waiting_runs, self.waiting_updates, self.running_runs = queued

    def _let_go(self, run: str) -> None:
        """Stop counting a run as this pool's. The updates that it did still count; those that it had left do not."""
        if run in self.total:
            self.done += self.step.pop(run) - self.start.pop(run)
            del self.total[run]

    def _on_progress(self, event: Event) -> None:
        # A run that has ended meanwhile must not come back.
        self.step.update({run: step for run, step in event["steps"].items() if run in self.total})
        now = time.monotonic()
        self.marks = [mark for mark in self.marks if mark[0] > now - RATE_WINDOW]
        self.marks.append((now, self.updates_done))
        if now - self.looked_at > LOOK_EVERY:
            self._look()
        self._draw()

    def _on_check(self, event: Event) -> None:
        run, loss = event["run"], event.get("valid_loss")
        self.last_check[run] = event
        if loss is not None:
            self.best_loss[run] = min(loss, self.best_loss.get(run, loss))
        self._draw()

    def _on_idle(self, event: Event) -> None:
        if time.monotonic() - self.looked_at > LOOK_EVERY:
            self._look()
        self._draw()

    def _on_resumed(self, event: Event) -> None:
        self.view.line(f"resumed {self._name(event)} at update {event['step']:,}")

    def _on_extended(self, event: Event) -> None:
        run, step = event["run"], event["step"]
        if run in self.total:
            self.step[run] = self.start[run] = step
        self.view.line(f"{self._name(event)} goes on from {event['parent_name']} at update {step:,}")

    def _on_origin_unsound(self, event: Event) -> None:
        self.view.line(
            f"{self._name(event)} cannot go on from {event['parent_name']} at update {event['step']:,}: "
            f"that checkpoint {event['reason']}"
        )

    def _on_checkpoint_unsound(self, event: Event) -> None:
        self.view.line(
            f"unsound checkpoint of {self._name(event)}: {event['path']}: {event['reason']}; the one before is used"
        )

    def _on_finished(self, event: Event) -> None:
        run, last = event["run"], self.last_check.get(event["run"], {})
        figures = ""
        if last:
            error = last.get("valid_error")
            figures = (
                f": loss {number(last.get('valid_loss'))}, error {number(100 * error if error is not None else None)} %"
            )
        self.view.line(f"{event['outcome']} {self._name(event)} at update {event['step']:,}{figures}")
        self.ended += 1
        self.step[run] = event["step"]
        self._let_go(run)
        self._draw()

    def _on_released(self, event: Event) -> None:
        self._let_go(event["run"])
        self._look()

    def _on_out_of_memory(self, event: Event) -> None:
        if event["unit"] == "runs":
            many, fewer = f"a pack of {counted(event['size'], 'run')}", counted(event["most"], "run")
        else:
            many, fewer = f"{event['size']} packs at once", counted(event["most"], "pack")
        self.view.line(f"out of memory with {many}: {event['error']}; at most {fewer} from now on")

    def _on_notice(self, event: Event) -> None:
        if event["line"] not in self.notices:  # all workers may notice the same
            self.notices.add(event["line"])
            self.view.line(event["line"])

    def _on_failed(self, event: Event) -> None:
        why = headline(event["error"])
        after = "will be tried again" if event["status"] == "queued" else "given up"
        self.view.line(f"failed {self._name(event)}: {why} ({after})")
        self._let_go(event["run"])

    def _on_rescued(self, event: Event) -> None:
        self.view.line(f"rescued {self._name(event)} from a dead worker")

    def _on_quarantined(self, event: Event) -> None:
        why = event.get("error") or "its workers keep dying"
        self.view.line(f"quarantined {self._name(event)}: {why}; see rnnctl show {event['run']}")

    def _on_postponed(self, event: Event) -> None:
        if event["run"] not in self.postponed:  # it may not fit for a long time
            self.postponed.add(event["run"])
            self.view.line(
                f"waiting {self._name(event)}: {event['error']} (tried again every {event['seconds']:.0f} s)"
            )
        self._let_go(event["run"])

    def _on_lease_lost(self, event: Event) -> None:
        self.view.line(f"lost {self._name(event)}: {event['reason']}")
        self._let_go(event["run"])

    def _on_store_busy(self, event: Event) -> None:
        if not self.waiting_told:  # every worker that waits says so
            self.view.line(f"waiting: {event['error']}")
        self.waiting_told = True

    def _on_draining(self, event: Event) -> None:
        self.view.line("saving and leaving; Ctrl-C now leaves at once")

    def _on_crashed(self, event: Event) -> None:
        from jobs.launcher import Ending

        ending = Ending(event["exit"], event["tail"], event["node"])
        last = ending.tail.strip().splitlines()[-1:]
        how = "is gone" if ending.node is not None else f"crashed ({ending.how})"
        self.view.line(f"worker {event['pid']} {how}{': ' + last[0] if last else ''}")
        for run in self.packs.pop(event["worker"], []):
            self._let_go(run)

    def _on_worker_ended(self, event: Event) -> None:
        self.packs.pop(event["worker"], None)
        self._look()  # what is drawn last stays
        self._draw()

    def _draw(self) -> None:
        left, rate = self.updates_left, self.rate
        text = f"{self.ended} ended, {len(self.total)} running, {self.waiting_runs} queued"
        if not self.total and not self.waiting_runs and self.running_runs:
            text = f"nothing to claim, waiting for {counted(self.running_runs, 'run')} that other workers hold"
        elif rate > 0:
            text += f", {rate:,.0f} updates/s, at most {duration(left / rate)} left"
        packs: Packs = {}
        for worker, runs in self.packs.items():
            going = [run for run in runs if run in self.total]
            if going:
                name = self.labels[going[0]] + (f" +{len(going) - 1}" if len(going) > 1 else "")
                done, total = sum(self.step[run] for run in going), sum(self.total[run] for run in going)
                packs[worker] = Going(name, done, total, self._losses(going))
        self.view.draw(text, self.updates_done, self.updates_done + left, packs)

    def _losses(self, runs: Sequence[str]) -> str:
        """Return the losses of the run that is lowest relative to its floor; empty before there is a check."""
        checked = [run for run in runs if run in self.best_loss]
        if not checked:
            return ""
        best = min(checked, key=lambda run: self.best_loss[run] - (self.last_check[run].get("valid_floor") or 0.0))
        last = self.last_check[best]
        figures = f"loss {number(last.get('valid_loss'))}, best {number(self.best_loss[best])}"
        if last.get("valid_floor") is not None:
            figures += f", floor {number(last['valid_floor'])}"
        return figures if len(runs) == 1 else f"{self.labels[best]}: {figures}"


class _Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self) -> None:
        self.said, self.said_at = "", 0.0

    def start(self, text: str) -> None:
        say(text)

    def stop(self) -> None:
        pass

    def line(self, text: str) -> None:
        say(text)

    def draw(self, text: str, done: int, total: int, packs: Packs) -> None:
        now = time.monotonic()
        if now - self.said_at < PLAIN_EVERY:
            return
        if packs:
            losses = "".join(f"; {pack.losses}" for pack in packs.values() if pack.losses)
            say(f"{done:,} of {total:,} updates, {text}{losses}")
        elif text != self.said:
            say(text)
        else:
            return
        self.said, self.said_at = text, now

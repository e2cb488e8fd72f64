"""The training loop of a pack: update, check, stop and save each run until it ends; resume runs from their
checkpoints; save and leave when the recorder drains.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch

from rnnctl.study.run import RunSpec
from rnnctl.training.member import Member, begin, network_of, restore
from rnnctl.training.pack import Pack
from rnnctl.training.recorder import Recorder

PackFactory = Callable[[Sequence[Member], Sequence[torch.Tensor], str], Pack]


@dataclass(frozen=True)
class Cadence:
    """When checkpoints are written: at this interval of seconds, and also at this interval of updates unless None."""

    seconds: float = 20.0
    updates: int | None = None


def train_pack(
    specs: Mapping[str, RunSpec],
    recorder: Recorder,
    *,
    device: str,
    cadence: Cadence,
    clock: Callable[[], float] = time.monotonic,
    pack_factory: PackFactory = Pack,
) -> None:
    """Train runs of one pack key until each has ended, is no longer held, or the recorder drains.

    specs: run id -> spec. cadence: of checkpoints. clock: returns seconds, for the cadence and the duration of runs.
    pack_factory: makes the pack from its members, their weights and the device.
    """
    started = [_start(run_id, spec, recorder) for run_id, spec in specs.items()]
    members, weights = [member for member, _ in started], [flat for _, flat in started]
    with torch.no_grad():
        _Loop(pack_factory(members, weights, device), recorder, cadence, clock).run()


def _start(run_id: str, spec: RunSpec, recorder: Recorder) -> tuple[Member, torch.Tensor]:
    task = spec.task.make()
    path = recorder.resume(run_id)
    if path is None:
        return begin(run_id, spec, task, network_of(spec.model, task))
    state = torch.load(path, map_location="cpu", weights_only=True)
    return restore(state, run_id, spec, task)


class _Loop:
    def __init__(self, pack: Pack, recorder: Recorder, cadence: Cadence, clock: Callable[[], float]) -> None:
        self.pack, self.recorder, self.cadence, self.clock = pack, recorder, cadence, clock
        self.saved_at = self.counted_at = clock()

    def run(self) -> None:
        while self.pack.members and not self.recorder.draining:
            self._drop([m for m in self.pack.members if not self.recorder.held(m.run_id)])
            if self.pack.members:
                self._advance()
        for member in list(self.pack.members):
            self._commit(member)

    def _advance(self) -> None:
        pack = self.pack
        diverged = pack.update()
        due = [r for r, m in enumerate(pack.members) if m.due or m in diverged]
        verdicts = pack.check(due, diverged) if due else {}
        for member in pack.members:
            self.recorder.progress(member.run_id, member.step)
        for member, outcome in [(pack.members[r], outcome) for r, outcome in verdicts.items()]:
            self._tell(member)
            if outcome:
                self._commit(member, outcome)
                self._drop([member])
        self._save_if_due()

    def _tell(self, member: Member) -> None:
        figures = {key: member.last[key] for key in ("valid_loss", "valid_error", "train_loss")}
        self.recorder.emit("check", run=member.run_id, step=member.step, **figures)

    def _save_if_due(self) -> None:
        every, now = self.cadence.updates, self.clock()
        in_time = now - self.saved_at >= self.cadence.seconds
        if in_time:
            self.saved_at = now
        for member in list(self.pack.members):
            if in_time or (every and member.step % every == 0):
                self._commit(member)

    def _commit(self, member: Member, outcome: str | None = None) -> None:
        """Save a member; one that is no longer held leaves the pack."""
        self._count_time()
        state = member.state(self.pack.flat_RN[self.pack.members.index(member)])
        kept = self.recorder.commit(
            member.run_id, member.step, _writer(state), member.unsaved, member.summary(), outcome
        )
        if kept:
            member.unsaved = []
        elif outcome is None:
            self._drop([member])

    def _count_time(self) -> None:
        now = self.clock()
        for member in self.pack.members:
            member.seconds += now - self.counted_at
        self.counted_at = now

    def _drop(self, leaving: Sequence[Member]) -> None:
        if leaving:
            self._count_time()
            self.pack.keep([r for r, m in enumerate(self.pack.members) if m not in leaving])


def _writer(state: dict[str, Any]) -> Callable[[BinaryIO], None]:
    return lambda file: torch.save(state, file)

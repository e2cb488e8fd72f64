"""The training loop of packs: update, check, stop and save each run until it ends; resume runs from their checkpoints,
or from those of other runs; save and leave when the recorder drains.

Several packs may be trained at once. One thread makes their updates in turn, one of each. On a card each pack has a
CUDA stream of its own, where all its work is put and all its memory is allocated, so that kernels of different packs
run side by side: a pack of few runs fills only a small part of a card.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

import torch

from rnnctl.devices import gpu_kernel_compiler, is_card
from rnnctl.study.run import RunSpec
from rnnctl.training.drawing import spare_cores
from rnnctl.training.extension import extend
from rnnctl.training.launches import has_kernels
from rnnctl.training.member import Member, begin, network_of, restore
from rnnctl.training.pack import Pack
from rnnctl.training.recorder import Recorder
from rnnctl.training.saved import load, writer

PackFactory = Callable[[Sequence[Member], Sequence[torch.Tensor], str], Pack]


def make_pack(members: Sequence[Member], weights: Sequence[torch.Tensor], device: str, peers: int = 1) -> Pack:
    """Return a pack that trains with GPU kernels where the device and the runs have them (see has_kernels).

    peers: how many processes train on this machine, this one included. They share its cores.
    Raise ValueError for a device with kernels and runs of which only some have them.
    """
    if torch.device(device).type == "cpu" or not gpu_kernel_compiler():
        return Pack(members, weights, device)
    having = sum(has_kernels(member.spec) for member in members)
    if not having:
        return Pack(members, weights, device)
    if having < len(members):
        raise ValueError("runs with GPU kernels and runs without cannot be trained together")
    from rnnctl.training.device_pack import DevicePack

    return DevicePack(members, weights, device, spare_cores(peers))


@dataclass(frozen=True)
class Cadence:
    """When checkpoints are written: at this interval of seconds, and also at this interval of updates unless None."""

    seconds: float = 20.0
    updates: int | None = None


class PackError(Exception):
    """An error that ended one of several packs. run_ids: the runs of that pack."""

    def __init__(self, error: Exception, run_ids: Iterable[str]) -> None:
        super().__init__(str(error))
        self.error, self.run_ids = error, list(run_ids)


def train_pack(
    specs: Mapping[str, RunSpec],
    recorder: Recorder,
    *,
    device: str,
    cadence: Cadence,
    clock: Callable[[], float] = time.monotonic,
    pack_factory: PackFactory = make_pack,
) -> None:
    """Train runs of one pack key until each has ended, is no longer held, or the recorder drains.

    specs: run id -> spec. cadence: of checkpoints. clock: returns seconds, for the cadence and the duration of runs.
    pack_factory: makes the pack from its members, their weights and the device.
    """
    failure = _train([specs], recorder, device, cadence, clock, pack_factory)
    if failure is not None:
        raise failure.error


def train_packs(
    groups: Sequence[Mapping[str, RunSpec]],
    recorder: Recorder,
    *,
    device: str,
    cadence: Cadence,
    clock: Callable[[], float] = time.monotonic,
    pack_factory: PackFactory = make_pack,
) -> None:
    """Train several packs at once. A run ends with the same bits as if its pack were trained alone.

    groups: the runs of each pack, as `train_pack` takes them. Raise PackError, from the first error, if a pack cannot
    be made or trained. The runs of the others are saved before, as far as that is still possible.
    """
    failure = _train(groups, recorder, device, cadence, clock, pack_factory)
    if failure is not None:
        raise failure from failure.error


def _train(
    groups: Sequence[Mapping[str, RunSpec]],
    recorder: Recorder,
    device: str,
    cadence: Cadence,
    clock: Callable[[], float],
    pack_factory: PackFactory,
) -> PackError | None:
    """Do `train_packs`, and return the error instead of raising it."""
    loops: deque[_Loop] = deque()  # those that are not worked on now, the next one first
    current: _Loop | None = None
    run_ids: list[str] = []  # of the pack that is worked on
    with torch.no_grad():
        try:
            for specs in groups:
                run_ids = list(specs)
                loops.append(_Loop(specs, recorder, device, cadence, clock, pack_factory))
            while loops and not recorder.draining:
                current = loops.popleft()
                run_ids = current.run_ids
                if current.take_turn():
                    loops.append(current)
                else:
                    current.close()
            while loops:
                current = loops.popleft()
                run_ids = current.run_ids
                current.save()
                current.close()
        except Exception as error:
            if current is not None:
                current.close()
                current = None
            if is_card(device):
                # The error's frames refer to the tensors of the pack, and others may need their memory.
                traceback.clear_frames(error.__traceback__)
            _save_if_possible(loops)
            return PackError(error, run_ids)
        finally:
            if current is not None:
                current.close()
            while loops:
                loops.popleft().close()
    return None


def _save_if_possible(loops: Iterable[_Loop]) -> None:
    for loop in loops:
        with suppress(Exception):
            loop.save()


def _start(run_id: str, spec: RunSpec, recorder: Recorder) -> tuple[Member, torch.Tensor]:
    task = spec.task.make()
    path = recorder.resume(run_id)
    if path is not None:
        return restore(load(path), run_id, spec, task)
    return extend(run_id, spec, task, recorder) or begin(run_id, spec, task, network_of(spec.model, task))


class _Loop:
    """The training of one pack. See `train_pack` for the arguments."""

    def __init__(
        self,
        specs: Mapping[str, RunSpec],
        recorder: Recorder,
        device: str,
        cadence: Cadence,
        clock: Callable[[], float],
        pack_factory: PackFactory,
    ) -> None:
        self.run_ids = list(specs)
        self.recorder, self.cadence, self.clock = recorder, cadence, clock
        self.stream = torch.cuda.Stream(device) if is_card(device) else None  # type: ignore[no-untyped-call]
        with self._on_stream():
            started = [_start(run_id, spec, recorder) for run_id, spec in specs.items()]
            members, weights = [member for member, _ in started], [flat for _, flat in started]
            self.pack = pack_factory(members, weights, device)
        self.saved_at = self.counted_at = clock()
        self.unchecked: tuple[list[Member], list[Member]] | None = None  # due, diverged: checks that have begun

    def _on_stream(self) -> AbstractContextManager[object]:
        """Return a context in which work is put on the stream of the pack, and memory is allocated for it."""
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def take_turn(self) -> bool:
        """Make one update of every run that is still held, or begin or finish checks, and save what is due.

        A check takes two turns, so that those of several packs run side by side on a device. Return whether there is
        more to do.
        """
        with self._on_stream():
            if self.unchecked is not None:
                self._finish_checks()
                self._save_if_due()
            else:
                self._drop([m for m in self.pack.members if not self.recorder.held(m.run_id)])
                if self.pack.members:
                    self._advance()
            return bool(self.pack.members)

    def save(self) -> None:
        """Save all runs that have not ended."""
        with self._on_stream():
            self._finish_checks()
            if self.pack.members:
                self._settle()
            for member in list(self.pack.members):
                self._commit(member)

    def close(self) -> None:
        """End what the pack has started. Nothing more is done with it."""
        self.pack.close()

    def _advance(self) -> None:
        fresh = [m for m in self.pack.members if m.fresh]
        if fresh:
            self._begin_checks(fresh, [])
            return
        unchecked = [m for m in self.pack.members if m.unchecked]
        if unchecked:
            self._begin_checks(unchecked, [m for m in unchecked if m.diverged])
            return
        diverged = self.pack.update()
        for member in self.pack.members:
            self.recorder.progress(member.run_id, member.step)
        self.pack.keep_snapshots()
        due = [m for m in self.pack.members if m.due or m in diverged]
        if due:
            self._begin_checks(due, diverged)
        else:
            self._save_if_due()

    def _begin_checks(self, due: list[Member], diverged: list[Member]) -> None:
        self.pack.begin_check(self._rows(due))
        self.unchecked = due, diverged

    def _finish_checks(self) -> None:
        if self.unchecked is not None:
            (due, diverged), self.unchecked = self.unchecked, None
            if due[0].fresh:
                self._check_initial(due)
            else:
                self._check(due, diverged)

    def _rows(self, members: Sequence[Member]) -> list[int]:
        return [r for r, m in enumerate(self.pack.members) if m in members]

    def _settle(self) -> None:
        """Bring members up to date before they are saved, and end the runs that have diverged."""
        diverged = self.pack.settle()
        self._check(diverged, diverged)

    def _check(self, due: Sequence[Member], diverged: Sequence[Member]) -> None:
        """Check these members. Those whose run has ended leave."""
        pack, rows = self.pack, self._rows(due)
        verdicts = pack.check(rows, diverged) if rows else {}
        for member, outcome in [(pack.members[r], outcome) for r, outcome in verdicts.items()]:
            self._tell(member)
            if outcome:
                self._commit(member, outcome)
                self._drop([member])

    def _check_initial(self, fresh: Sequence[Member]) -> None:
        rows = self._rows(fresh)
        if rows:
            self.pack.check_initial(rows)

    def _tell(self, member: Member) -> None:
        figures = {key: member.last[key] for key in ("valid_loss", "valid_error", "valid_floor", "train_loss")}
        self.recorder.emit("check", run=member.run_id, step=member.step, **figures)

    def _save_if_due(self) -> None:
        every, now = self.cadence.updates, self.clock()
        in_time = now - self.saved_at >= self.cadence.seconds
        if in_time:
            self.saved_at = now
        leaving = [m for m in self.pack.members if in_time or (every and m.step % every == 0)]
        if leaving:
            self._settle()
        for member in leaving:
            if member in self.pack.members:
                self._commit(member)

    def _commit(self, member: Member, outcome: str | None = None) -> None:
        """Save a member; one that is no longer held leaves the pack."""
        self._count_time()
        state = member.state(self.pack.own(self.pack.members.index(member)), ended=outcome is not None)
        kept = self.recorder.commit(
            member.run_id, member.step, writer(state), member.unsaved, member.summary(), outcome
        )
        if kept:
            member.unsaved = []
        elif outcome is None:
            self._drop([member])

    def _count_time(self) -> None:
        now = self.clock()
        for member in self.pack.members:
            member.seconds += now - self.counted_at
            member.share_seconds += (now - self.counted_at) / len(self.pack.members)
        self.counted_at = now

    def _drop(self, leaving: Sequence[Member]) -> None:
        if leaving:
            self._count_time()
            self.pack.keep([r for r, m in enumerate(self.pack.members) if m not in leaving])

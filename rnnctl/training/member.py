"""A member of a pack: one run's batches, counters and history. Its weights are a row of the pack's matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rnnctl import seeds
from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.section import CellSection
from rnnctl.diagnostics.precision import as_drawn
from rnnctl.schedules.section import Checked, Seen
from rnnctl.study.loss_scale import Scaling
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Baseline, Task
from rnnctl.training.best import Best
from rnnctl.training.feed import Feed, feed_of
from rnnctl.training.recorder import HistoryRow

STATE_FORMAT = 4

Traces = Mapping[str, np.ndarray]  # small arrays of a check, by name


@dataclass
class Window:
    """Sums over the updates since the last check, and the largest gradient norm."""

    updates: int = 0
    loss: float = 0.0
    grad_norm: float = 0.0
    grad_norm_clipped: float = 0.0
    clipped: int = 0
    guarded: int = 0
    omega: float = 0.0
    grad_norm_max: float = 0.0  # infinite if a norm was not a number
    errors: float = 0.0  # shares of wrong answers
    skipped: int = 0  # updates whose gradient overflowed; they are in no sum of norms
    missing: float = 0.0  # shares of a batch by which batches were smaller, as the last one of an epoch can be

    def means(self, regularised: bool, scaled: bool) -> dict[str, float]:
        """Return means over the window's updates, of counts the share of updates, and the largest norm.

        Norms are those of the updates that were made. Losses and errors are means over sequences: a smaller batch
        counts as its share of a batch. regularised, scaled: whether the loss is.
        """
        n = max(self.updates, 1)
        made = max(self.updates - self.skipped, 1)
        batches = n - self.missing
        means = {
            "train_loss": self.loss / batches,
            "train_error": self.errors / batches,
            "grad_norm": self.grad_norm / made,
            "grad_norm_max": self.grad_norm_max,
            "grad_norm_clipped": self.grad_norm_clipped / made,
            "clip_share": self.clipped / n,
            "guard_share": self.guarded / n,
        }
        means |= {"train_omega": self.omega / n} if regularised else {}
        return means | ({"skip_share": self.skipped / n} if scaled else {})


@dataclass(frozen=True, eq=False)
class BeforeCheck:
    """What a check changes in a run, as it was before the check.

    A run's last check can differ from what a run that goes on would do: it may be due only because the run ends, it
    looks at all samples, and it always diagnoses. A run that goes on from the end of another one begins before it.
    """

    window: Window
    best: Best
    last: dict[str, float]
    seen: Seen
    best_weights: torch.Tensor  # (N,) on the CPU
    diverged: bool  # whether the last update was known to diverge

    def state(self) -> dict[str, Any]:
        """Return it in types that torch.load(weights_only=True) admits."""
        return {
            "window": asdict(self.window),
            "best": asdict(self.best),
            "last": self.last,
            "seen": dict(self.seen),
            "best_weights": self.best_weights,
            "diverged": self.diverged,
        }


@dataclass(eq=False)
class Member:
    """The state of a run in training, all but its weights."""

    run_id: str
    spec: RunSpec
    task: Task
    feed: Feed
    best_weights: torch.Tensor  # (N,) on the CPU
    carried: torch.Tensor | None = None  # (B, C) on the device: the initial state of the next batch
    # (B, H) on the device: what the head read at the last step before; of a run that samples and carries its state.
    last_read: torch.Tensor | None = None
    kept: torch.Tensor | None = None  # (S, N) on the device: the optimizer's state, if it has any
    scaling: Scaling = Scaling()  # of its loss
    step: int = 0
    seconds: float = 0.0  # wall time spent training, of its packs and over all attempts
    share_seconds: float = 0.0  # of it, its share: a pack's time is divided among its runs
    window: Window = field(default_factory=Window)
    best: Best = field(default_factory=Best)
    snapshots: dict[int, torch.Tensor] = field(default_factory=dict)  # (N,) on the CPU, by update
    last: dict[str, float] = field(default_factory=dict)  # scalars of the last check
    seen: Seen = field(default_factory=dict)  # what the schedule of the learning rate keeps of the checks
    unsaved: list[HistoryRow] = field(default_factory=list)
    before_check: BeforeCheck | None = None  # of the newest check in this process
    fresh: bool = False  # whether its initial weights still have to be checked
    unchecked: bool = False  # whether it goes on from another run, and still has to make the check at its update
    diverged: bool = False  # only of an unchecked run: whether its last update was known to diverge

    @property
    def due(self) -> bool:
        return self.step % self.spec.check.every == 0 or self.step == self.spec.train.updates

    @property
    def until_due(self) -> int:
        """The number of updates until a check or a snapshot is due again."""
        every, train = self.spec.check.every, self.spec.train
        snapshots = (update - self.step for update in self.spec.check.snapshot_updates if update > self.step)
        return min(every - self.step % every, train.updates - self.step, *snapshots)

    @cached_property
    def snapshots_wanted(self) -> frozenset[int]:
        """The updates whose weights are kept."""
        return frozenset(self.spec.check.snapshot_updates)

    def keep_snapshot(self, weights_N: torch.Tensor) -> None:
        """Keep its weights of now, (N,), as a snapshot."""
        self.snapshots[self.step] = weights_N.cpu().clone()

    @property
    def rate(self) -> float:
        """The learning rate of the newest update."""
        return self.spec.train.learning_rate(self.step, self.seen)

    @property
    def diagnosis_is_due(self) -> bool:
        return self.step % (self.spec.check.diagnose_every or self.spec.check.every) == 0

    @property
    def is_last_check(self) -> bool:
        return self.step >= self.spec.train.updates

    @property
    def hopeless_beyond(self) -> int | None:
        """The number of wrong answers beyond which a check cannot end the run as solved; None at the last update, which
        is validated on all samples.
        """
        if self.step == self.spec.train.updates:
            return None
        goals = {"zero_errors": 0, "under_1_percent": math.ceil(0.01 * self.spec.check.samples) - 1, "never": -1}
        return goals[self.spec.stop.solved]

    def keep_before_check(self, diverged: bool) -> None:
        """Keep what the check that follows will change. diverged: whether the last update was known to diverge."""
        self.before_check = BeforeCheck(
            self.window, replace(self.best), self.last, self.seen, self.best_weights, diverged
        )

    def observe(self, validation: dict[str, float], baseline: Baseline) -> bool:
        """Take in a validation: the last scalars, the best check, the broken floor, patience.

        Return whether it is the best so far; then the weights have to be copied into best_weights.
        """
        loss, best = validation["valid_loss"], self.best
        train = self.spec.train
        means = self.window.means(regularised=train.omega.alpha > 0, scaled=train.scales_loss)
        if train.scales_loss:
            means["loss_scale"] = self.scaling.scale
        self.last = {**means, "rate": self.rate, **validation}
        if math.isfinite(loss):
            best.error = min(best.error, validation["valid_error"])
        excess = loss - baseline.loss
        is_best = excess < best.excess
        if is_best:
            best.loss, best.step = loss, self.step
            best.judge_by(baseline)
            best.bits_per_byte = validation.get("valid_bits_per_byte")
        if best.broke_floor_at is None and baseline.broken_by(loss):
            best.broke_floor_at = self.step
        self._wait(self.last)
        self.seen = self.spec.train.rate.observe(self.seen, Checked(self.step, excess, baseline.broken_by(loss)))
        return is_best

    def record_initial(self, validation: dict[str, float], diagnosis: dict[str, float], traces: Traces) -> None:
        """Append the history row of update 0. It is a record alone: the best check, the broken floor, patience and the
        scalars of the last check are those of checks after updates.
        """
        drawn = {name: as_drawn(trace) for name, trace in traces.items()}
        self.unsaved.append(HistoryRow(self.step, {**validation, **diagnosis}, drawn))
        self.fresh = False

    def _wait(self, measured: Mapping[str, float]) -> None:
        """Count a check for patience, if this part of it has measured the figure that patience watches."""
        stop = self.spec.stop
        if stop.on in measured and (value := stop.watched(measured)) is not None:
            self.best.wait(value, stop.min_delta)

    def record(self, diagnosis: dict[str, float], traces: Traces) -> None:
        """Close a check: append its history row, with a diagnosis or without, and begin a new window."""
        self._wait(diagnosis)
        self.last |= diagnosis
        drawn = {name: as_drawn(trace) for name, trace in traces.items()}
        self.unsaved.append(HistoryRow(self.step, self.last, drawn))
        self.window = Window()
        self.unchecked = self.diverged = False

    def verdict(self) -> str | None:
        """Return the outcome of the run after the check just observed; None if it goes on."""
        stop = self.spec.stop
        if not math.isfinite(self.last["valid_loss"]):
            return "diverged"
        if stop.is_solved(self.last["valid_error"]):
            return "solved"
        if self.is_last_check:
            return "budget"
        if stop.is_out_of_patience(self.best.stale_checks):
            return "early_stop"
        return None

    def summary(self) -> dict[str, Any]:
        """Return what overviews show of the run, which then need not read its history."""
        return {
            "step": self.step,
            "parameter_count": self.best_weights.numel(),
            "floor": _finite(self.best.floor),
            "floor_se": _finite(self.best.floor_se),
            "chance_error": _finite(self.best.chance_error),
            "best_loss": _finite(self.best.loss),
            "best_bits_per_byte": self.best.bits_per_byte,
            "best_error": _finite(self.best.error),
            "best_step": self.best.step,
            "broke_floor_at": self.best.broke_floor_at,
            "seconds": self.seconds,
            "share_seconds": self.share_seconds,
            "last": {key: _finite(value) for key, value in self.last.items()},
        }

    def state(self, weights: torch.Tensor, *, ended: bool = False) -> dict[str, Any]:
        """Return all that is needed to go on bit for bit, in types that torch.load(weights_only=True) admits.

        ended: whether the run has ended. Then its last check has been made, and another run may go on from before it.
        """
        before = self.before_check if ended else None
        # The file has equal tensors once, if they are the same object.
        weights = self.snapshots[self.step] if self.step in self.snapshots else weights.cpu().clone()
        return {
            "format": STATE_FORMAT,
            "run_id": self.run_id,
            "step": self.step,
            "seconds": self.seconds,
            "share_seconds": self.share_seconds,
            "weights": weights,
            "best_weights": weights if self.best.step == self.step else self.best_weights,
            "snapshots": dict(self.snapshots),
            "window": asdict(self.window),
            "best": asdict(self.best),
            "last": dict(self.last),
            "seen": dict(self.seen),
            "feed": self.feed.state(),
            "carried": None if self.carried is None else self.carried.cpu().clone(),
            "last_read": None if self.last_read is None else self.last_read.cpu().clone(),
            "kept": None if self.kept is None else self.kept.cpu().clone(),
            "scaling": asdict(self.scaling),
            "fresh": self.fresh,
            "unchecked": self.unchecked,
            "diverged": self.diverged,
            "before_check": None if before is None else before.state(),
        }


def network_of(model: CellSection, task: Task) -> Cell:
    """Return the network that a cell's section describes for a task."""
    return model.network(task.n_inputs, task.n_outputs)


def begin(run_id: str, spec: RunSpec, task: Task, network: Cell) -> tuple[Member, torch.Tensor]:
    """Return a run at update 0 and its initial weights, (N,) on the CPU.

    Raise ValueError if they come from a file that is missing or has changed.
    """
    layout = network.layout
    flat = torch.zeros(1, layout.size, dtype=getattr(torch, spec.train.dtype))
    views = layout.views(flat)
    rng = seeds.generator(spec.seed, seeds.INITIAL_WEIGHTS)
    drawn = spec.model.initial_weights(rng, layout.shapes, network.recurrent)
    for name, weight in drawn.items():
        views[name][0].copy_(torch.from_numpy(weight))
    for name, value in spec.model.biases.items():
        if name not in drawn:
            views[name].fill_(value)
    slots = spec.train.optimizer.slots
    kept = torch.zeros(slots, layout.size, dtype=flat.dtype) if slots else None
    member = Member(run_id, spec, task, feed_of(spec, task), best_weights=flat[0].clone(), kept=kept, fresh=True)
    member.scaling = spec.train.loss_scale.begin
    if 0 in member.snapshots_wanted:
        member.keep_snapshot(flat[0])
    return member, flat[0]


def refuse_other_state(state: Mapping[str, Any], run_id: str) -> None:
    """Raise ValueError if a checkpoint's state is of another run or in another format."""
    if state.get("run_id") != run_id:
        raise ValueError(f"checkpoint of {state.get('run_id')} is not one of {run_id}")
    if state.get("format") != STATE_FORMAT:
        raise ValueError(
            f"checkpoint of {run_id} has format {state.get('format')}, and this version reads {STATE_FORMAT}"
        )


def restore(state: dict[str, Any], run_id: str, spec: RunSpec, task: Task) -> tuple[Member, torch.Tensor]:
    """Return the run and the weights that `Member.state` described. Raise ValueError if the state is another run's."""
    refuse_other_state(state, run_id)
    member = Member(
        run_id,
        spec,
        task,
        feed_of(spec, task),
        best_weights=state["best_weights"],
        step=state["step"],
        seconds=state["seconds"],
        share_seconds=state.get("share_seconds", state["seconds"]),  # earlier versions recorded the time of packs alone
        window=Window(**state["window"]),
        best=Best(**state["best"]),
        last=state["last"],
        snapshots=state.get("snapshots", {}),  # states of earlier versions have no such keys, nor some of those below
        seen=state.get("seen", {}),
        carried=state["carried"],
        kept=state["kept"],
        scaling=Scaling(**state.get("scaling", {})),
        last_read=state.get("last_read"),
        fresh=state.get("fresh", False),
        unchecked=state.get("unchecked", False),
        diverged=state.get("diverged", False),
    )
    member.feed.resume(state["feed"])
    return member, state["weights"]


def _finite(value: float) -> float | None:
    """Return None for what JSON cannot hold: infinities and NaN."""
    return value if math.isfinite(value) else None

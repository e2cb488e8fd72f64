"""A pack: runs of one pack key that make their updates in lockstep, as one batched program.

Every weight and gradient has a leading run axis. What the runs have in common is read from the pack key, all else
(rate, cut-off, alpha, stopping rules) from each run's own spec. A run's bits do not depend on which other runs are in
the pack (see rnnctl.cells.base.tape), so runs may leave at any update.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from rnnctl.cells.base.passes import backpropagate, make_tape
from rnnctl.cells.base.tape import Regularisers
from rnnctl.study.pack_key import PackKey
from rnnctl.study.train import Rescale
from rnnctl.tasks.base import Task
from rnnctl.training.checks import Checker
from rnnctl.training.member import Member, network_of
from rnnctl.training.validation import as_tensor

# The guard in the program of Pascanu, Mikolov and Bengio: a gradient that is not finite, or whose norm exceeds the
# first value, is replaced by W_hh times the second; in a gated cell, by every recurrent matrix times it.
GUARD_NORM, GUARD_SHRINK = 1e10, 0.02


class Pack:
    """Members and their weights. flat_RN: (R, N) on the device; row r belongs to member r.

    Raise ValueError for runs of several pack keys.
    """

    def __init__(self, members: Sequence[Member], weights: Sequence[torch.Tensor], device: str) -> None:
        keys = {PackKey.of(member.spec) for member in members}
        if len(keys) > 1:
            raise ValueError(f"runs of {len(keys)} pack keys cannot be trained together")
        (key,) = keys
        # Tasks of one key draw the same sequences; only the places that they read from can differ.
        task = members[0].task
        self.members, self.device, self.batch, self.question = list(members), device, key.train.batch, task.question
        self.model = network_of(key.model, task)
        self.layout = self.model.layout
        self._hold(torch.stack(list(weights)).to(device))
        self.dtype = getattr(torch, key.train.dtype)
        self.carries = task.carries or key.piece is not None
        self._allocate(key, task, min(key.piece or task.max_steps, task.max_steps))
        for member in self.members:
            member.best.rejudge(self.checker.baselines.values())

    def _allocate(self, key: PackKey, task: Task, steps: int) -> None:
        """Make what updates of up to `steps` time steps, and checks, need."""
        members, device = self.members, self.device
        for member in members:
            member.carried, member.kept = (None if x is None else x.to(device) for x in (member.carried, member.kept))
        self.step = key.train.optimizer.step(device)
        self.tape = make_tape(self.model, len(members), steps, self.batch, dtype=self.dtype, device=device)
        self.checker = Checker(key, task, self.model, len(members), device)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows and drop the others."""
        self.members = [self.members[r] for r in rows]
        self._hold(self.flat_RN[list(rows)])

    def close(self) -> None:
        """End what the pack has started outside this process. Here that is nothing."""

    def _hold(self, flat_RN: torch.Tensor) -> None:
        """Replace the weights. The views are made here: made at every update, they took a tenth of its time."""
        self.flat_RN, self.grads_RN = flat_RN, torch.zeros_like(flat_RN)
        self.weights, self.grads = self.layout.views(flat_RN), self.layout.views(self.grads_RN)

    def settle(self) -> list[Member]:
        """Bring the members up to date with the device, and return those that have diverged meanwhile.

        Call it before members are saved. Here the host decides every update itself, so there is nothing to bring.
        """
        return []

    def update(self) -> list[Member]:
        """Make one update of every member. Return those that are known to diverge: their gradient is not finite and
        nothing guards it, so their weights stay as they are.
        """
        batches, goes_on = zip(*(m.feed.next() for m in self.members), strict=True)
        order = sorted(range(len(batches)), key=lambda r: -batches[r].length)
        in_order = order == list(range(len(order)))
        weights = self.weights if in_order else self.layout.views(self.flat_RN[order])
        inputs = [as_tensor(batches[r].inputs, self.dtype, self.device) for r in order]
        self.tape.forward(weights, inputs, self._states(order, goes_on))
        targets = [as_tensor(batches[r].targets, self.dtype, self.device) for r in order]
        losses, direct = backpropagate(self.question, weights, self.tape, targets, self.grads)
        omegas = self.tape.backward(weights, direct, self.grads, self._regularisers([self.members[r] for r in order]))
        if self.carries:
            for i, r in enumerate(order):
                self.members[r].carried = self.tape.state(i)
        norms = [torch.linalg.vector_norm(row) for row in self.grads_RN]
        # One transfer from the device for all numbers that the host decides on.
        norms_and_losses = torch.stack(norms + losses).view(2, -1).t().tolist()
        diverged = []
        for i, r in enumerate(order):
            norm, loss = norms_and_losses[i]
            if not self._step(i, r, norm, loss, omegas[i]):
                diverged.append(self.members[r])
        return diverged

    def _states(self, order: Sequence[int], goes_on: Sequence[bool]) -> list[torch.Tensor] | None:
        """Return the initial state of each row, in their order: what its member carries, or zeros; None if all are
        zeros.
        """
        carried = [self.members[r].carried if goes_on[r] else None for r in order]
        example = next((state for state in carried if state is not None), None)
        if example is None:
            return None
        blank = torch.zeros_like(example)
        return [blank if state is None else state for state in carried]

    def _regularisers(self, members: Sequence[Member]) -> Regularisers:
        specs = [(m.spec.train.omega, m.step + 1) for m in members]
        pairs = [(omega.weight(step), omega.bound) for omega, step in specs]
        return pairs if any(alpha > 0 for alpha, _ in pairs) else None

    def _step(self, i: int, r: int, norm: float, loss: float, omega_value: float) -> bool:
        """Clip gradient row i and apply it to weight row r. Return False if the member diverges instead."""
        member, train = self.members[r], self.members[r].spec.train
        window = member.window
        window.updates += 1
        window.loss += loss
        window.grad_norm += norm
        window.omega += omega_value
        member.step += 1
        sound = math.isfinite(norm) and norm <= GUARD_NORM
        if isinstance(train.clip, Rescale) and not sound:
            window.guarded += 1
            window.grad_norm_clipped += self._shrink(r, train.learning_rate(member.step))
            return True
        scale = 1.0
        if isinstance(train.clip, Rescale) and norm > train.clip.cutoff:
            scale = train.clip.cutoff / norm
            window.clipped += 1
        window.grad_norm_clipped += norm * scale
        if not math.isfinite(norm):
            return False
        rate = train.learning_rate(member.step)
        self.step(train.optimizer, rate, member.step, scale, self.grads_RN[i], self.flat_RN[r], member.kept)
        return True

    def _shrink(self, r: int, lr: float) -> float:
        """Apply the guard's gradient, a share of the recurrent weights, to weight row r, and return its norm."""
        weights = self.layout.views(self.flat_RN[r : r + 1])
        shrunk = [weights[name] for name in self.model.recurrent]
        norm = GUARD_SHRINK * math.hypot(*(float(torch.linalg.vector_norm(weight)) for weight in shrunk))
        for weight in shrunk:
            weight.mul_(1 - lr * GUARD_SHRINK)
        return norm

    def begin_check(self, rows: Sequence[int]) -> None:
        """Start the check of these rows without waiting for its figures. check() of the same rows has to follow."""
        # Runs that end are diagnosed as well. Which ones do is not known yet, except for those whose budget is used up.
        diagnosed = [i for i, r in enumerate(rows) if self.members[r].diagnosis_is_due or self.members[r].is_last_check]
        bounds = [self.members[rows[i]].spec.train.omega.bound for i in diagnosed]
        self.checker.begin(self.flat_RN[list(rows)], diagnosed, bounds)

    def check(self, rows: Sequence[int], diverged: Sequence[Member] = ()) -> dict[int, str | None]:
        """Validate these rows, diagnose those whose diagnosis is due, and record both with their members.

        Return the outcome of each row's run; None if it goes on.
        """
        for r in rows:
            self.members[r].keep_before_check(self.members[r] in diverged)
        beyond = [self.members[r].hopeless_beyond for r in rows]
        best = []
        for r, validation in zip(rows, self.checker.validate(self.flat_RN[list(rows)], beyond), strict=True):
            if self.members[r].observe(validation, self.checker.baselines[int(validation["valid_samples"])]):
                best.append(r)
        if best:
            for r, weights_N in zip(best, self.flat_RN[best].cpu(), strict=True):
                self.members[r].best_weights = weights_N.clone()
        verdicts = {r: "diverged" if self.members[r] in diverged else self.members[r].verdict() for r in rows}
        # A run's last check always diagnoses, whatever check.diagnose_every says.
        due = [r for r in rows if verdicts[r] or self.members[r].diagnosis_is_due]
        diagnoses = {}
        if due:
            bounds = [self.members[r].spec.train.omega.bound for r in due]
            diagnoses = dict(zip(due, self.checker.diagnose(self.flat_RN[due], bounds), strict=True))
        for r in rows:
            self.members[r].record(*diagnoses.get(r, ({}, {})))
        return verdicts

"""A pack: runs of one pack key that make their updates in lockstep, as one batched program.

Every weight and gradient carries a leading run axis. What the runs have in common is read from the pack key, all else
(rate, cut-off, alpha, moments of the optimizer, step, outcome) from each run's own spec. A run's bits do not depend on
who else is in the pack (see rnnctl.cells.base.tape), so runs may join and leave at will.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from rnnctl.cells.base.passes import backpropagate, make_tape
from rnnctl.cells.base.tape import Regularisers
from rnnctl.study.pack_key import PackKey
from rnnctl.study.train import Rescale
from rnnctl.training.checks import Checker
from rnnctl.training.member import Member, network_of
from rnnctl.training.validation import as_tensor

# The guard of the authors' program: a gradient that is no number, or longer than this, is replaced by this share of
# W_hh; in a gated cell, of every recurrent matrix.
GUARD_NORM, GUARD_SHRINK = 1e10, 0.02


class Pack:
    """Members and their weights, flat_RN: (R, N) on the device, row r being member r's.

    Raise ValueError for runs that do not have one pack key.
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
        self.step = key.train.optimizer.step(device)
        self._hold(torch.stack(list(weights)).to(device))
        self.dtype = getattr(torch, key.train.dtype)
        for member in members:
            member.carried, member.kept = (None if x is None else x.to(device) for x in (member.carried, member.kept))
        self.carries = task.carries or key.piece is not None
        steps = min(key.piece or task.max_steps, task.max_steps)
        self.tape = make_tape(self.model, len(members), steps, self.batch, dtype=self.dtype, device=device)
        self.checker = Checker(key, task, self.model, len(members), device)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        self.members = [self.members[r] for r in rows]
        self._hold(self.flat_RN[list(rows)])

    def _hold(self, flat_RN: torch.Tensor) -> None:
        """Let these be the weights. Views are made here, not at every update, where they took a tenth of its time."""
        self.flat_RN, self.grads_RN = flat_RN, torch.zeros_like(flat_RN)
        self.weights, self.grads = self.layout.views(flat_RN), self.layout.views(self.grads_RN)

    def update(self) -> list[Member]:
        """One update of every member. Returns those whose gradient is no number and unguarded: they diverge here, not
        updated.
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
        # One transfer for all figures that the host decides on.
        figures = torch.stack(norms + losses).view(2, -1).t().tolist()
        return [m for i, r in enumerate(order) if (m := self._step(i, r, *figures[i], omegas[i]))]

    def _states(self, order: Sequence[int], goes_on: Sequence[bool]) -> list[torch.Tensor] | None:
        """What the rows start from, in their order: what their members carry; None if none carries anything."""
        if not any(goes_on):
            return None
        members = [self.members[r] for r in order]
        blank = torch.zeros_like(next(m.carried for m, carries in zip(self.members, goes_on, strict=True) if carries))
        return [m.carried if goes_on[r] else blank for r, m in zip(order, members, strict=True)]

    def _regularisers(self, members: Sequence[Member]) -> Regularisers:
        specs = [(m.spec.train.omega, m.step + 1) for m in members]
        pairs = [(omega.weight(step), omega.bound) for omega, step in specs]
        return pairs if any(alpha > 0 for alpha, _ in pairs) else None

    def _step(self, i: int, r: int, norm: float, loss: float, omega_value: float) -> Member | None:
        """Clip and apply gradient row i to weight row r; the member itself if it diverges."""
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
            return None
        scale = 1.0
        if isinstance(train.clip, Rescale) and norm > train.clip.cutoff:
            scale = train.clip.cutoff / norm
            window.clipped += 1
        window.grad_norm_clipped += norm * scale
        if not math.isfinite(norm):
            return member
        rate = train.learning_rate(member.step)
        self.step(train.optimizer, rate, member.step, scale, self.grads_RN[i], self.flat_RN[r], member.kept)
        return None

    def _shrink(self, r: int, lr: float) -> float:
        """Replace row r's gradient by a share of its recurrent weights, apply it, and return its norm."""
        weights = self.layout.views(self.flat_RN[r : r + 1])
        shrunk = [weights[name] for name in self.model.recurrent]
        norm = GUARD_SHRINK * math.hypot(*(float(torch.linalg.vector_norm(weight)) for weight in shrunk))
        for weight in shrunk:
            weight.mul_(1 - lr * GUARD_SHRINK)
        return norm

    def check(self, rows: Sequence[int], diverged: Sequence[Member] = ()) -> dict[int, str | None]:
        """Validate these rows, diagnose those that it is time for, and let their members take it in.

        Returns how each row's run ends, None if it goes on.
        """
        beyond = [self.members[r].hopeless_beyond for r in rows]
        for r, validation in zip(rows, self.checker.validate(self.flat_RN[list(rows)], beyond), strict=True):
            baseline = self.checker.baselines[validation["valid_samples"]]
            self.members[r].observe(validation, baseline, self.flat_RN[r])
        verdicts = {r: "diverged" if self.members[r] in diverged else self.members[r].verdict() for r in rows}
        # The end of a run is worth a diagnosis, whenever it comes.
        due = [r for r in rows if verdicts[r] or self.members[r].diagnosis_is_due]
        diagnoses = {}
        if due:
            bounds = [self.members[r].spec.train.omega.bound for r in due]
            diagnoses = dict(zip(due, self.checker.diagnose(self.flat_RN[due], bounds), strict=True))
        for r in rows:
            self.members[r].record(*diagnoses.get(r, ({}, {})))
        return verdicts

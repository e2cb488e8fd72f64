"""A pack: runs of one pack key that make their updates in lockstep, as one batched program.

Every weight and gradient has a leading run axis. What the runs have in common is read from the pack key, all else
(rate, cut-off, alpha, stopping rules) from each run's own spec. A run's bits do not depend on which other runs are in
the pack (see rnnctl.cells.base.tape), so runs may leave at any update.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from rnnctl.cells.base.passes import backpropagate, make_tape
from rnnctl.cells.base.reduced import rounded
from rnnctl.cells.base.tape import Regularisers
from rnnctl.optimizers.section import Update
from rnnctl.study.check import LOSS
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.train import Rescale
from rnnctl.tasks.base import Batch, Task
from rnnctl.training.checks import Checker
from rnnctl.training.member import Member, network_of
from rnnctl.training.networks import Networks
from rnnctl.training.own_samples import Before, draws_of, mixed_inputs
from rnnctl.training.validation import as_tensor

# The guard in the program of Pascanu, Mikolov and Bengio: a gradient that is not finite, or whose norm exceeds the
# first value, is replaced by W_hh times the second; in a gated cell, by every recurrent matrix times it.
GUARD_NORM, GUARD_SHRINK = 1e10, 0.02


@dataclass(frozen=True)
class Gradients:
    """What an update is made from: gradients of one batch, or their means over several. Row i is of member order[i].

    omegas: values of the regulariser. shares: the sequences that are asked anything, as a share of a batch: below 1 at
    the end of an epoch of finite data. Rows of all are in the same order.
    """

    order: Sequence[int]
    grads_RN: torch.Tensor
    losses_R: torch.Tensor
    omegas: Sequence[float]
    shares: Sequence[float]


class Pack:
    """Members and their weights. flat_RN: (R, N) on the device; row r belongs to member r, whose weights `own` returns.

    Raise ValueError for runs of several pack keys.
    """

    def __init__(self, members: Sequence[Member], weights: Sequence[torch.Tensor], device: str) -> None:
        keys = {self._key_of(member.spec) for member in members}
        if len(keys) > 1:
            raise ValueError(f"runs of {len(keys)} pack keys cannot be trained together")
        (key,) = keys
        # Tasks of one key draw the same sequences; only the places that they read from can differ.
        task = members[0].task
        self.members, self.device, self.batch, self.question = list(members), device, key.train.batch, task.question
        self.model = network_of(key.model, task)
        self.layout = self.model.layout
        self.parts = key.train.accumulate  # batches of an update
        self._hold(self._rows_of(weights).to(device))
        self.dtype = getattr(torch, key.train.dtype)
        # Runs that sample have a key of their own (rnnctl.study.teacher).
        self.samples = not members[0].spec.train.teacher.alone
        self.carries = task.carries or key.piece is not None
        self._allocate(key, task, min(key.piece or task.max_steps, task.max_steps))
        for member in self.members:
            member.best.rejudge(self.checker.baselines.values(), watches_loss=member.spec.stop.on == LOSS)

    def _key_of(self, spec: RunSpec) -> PackKey:
        """Return what a run must have in common with the others."""
        return PackKey.of(spec)

    def _rows_of(self, weights: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the rows of these weights, (R, N)."""
        return torch.stack(list(weights))

    def _allocate(self, key: PackKey, task: Task, steps: int) -> None:
        """Make what updates of up to `steps` time steps, and checks, need."""
        members, device = self.members, self.device
        for member in members:
            for name in ("carried", "last_read", "kept"):
                if (tensor := getattr(member, name)) is not None:
                    setattr(member, name, tensor.to(device))
        self.step = key.train.optimizer.step(device)
        self.precision, to = key.train.precision, {"dtype": self.dtype, "device": device}
        self.tape = make_tape(self.model, len(members), steps, self.batch, **to, precision=self.precision)
        self.checker = Checker(key, task, self.model, len(members), device)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows and drop the others."""
        self.members = [self.members[r] for r in rows]
        self._hold(self.flat_RN[list(rows)])

    def own(self, r: int) -> torch.Tensor:
        """Return the weights of member r, a view (N,) on the device."""
        return self.flat_RN[r]

    def networks(self, rows: Sequence[int]) -> Networks:
        """Return the networks of these rows as they are now."""
        return Networks(self.flat_RN[list(rows)], [self.model] * len(rows))

    def close(self) -> None:
        """End what the pack has started outside this process. Here that is nothing."""

    def _hold(self, flat_RN: torch.Tensor) -> None:
        """Replace the weights. The views are made here: made at every update, they took a tenth of its time."""
        self.flat_RN, self.grads_RN = flat_RN, torch.zeros_like(flat_RN)
        # What the host decides an update on: the gradient norm, the loss and the wrong answers of each row.
        self.numbers_3R = flat_RN.new_empty(3, len(flat_RN))
        self.norms_R, self.losses_R, self.errors_R = self.numbers_3R
        self.weights, self.grads = self.layout.views(flat_RN), self.layout.views(self.grads_RN)
        self.scaled = [member.spec.train.scales_loss for member in self.members]
        if self.parts > 1:
            self.sums_RN = torch.zeros_like(flat_RN)  # of the gradients of an update's batches
        self.frozen = [member.spec.train.frozen for member in self.members]
        self.trained = [self.layout.slices_without(names) for names in self.frozen]

    def settle(self) -> list[Member]:
        """Bring the members up to date with the device, and return those that have diverged meanwhile.

        Call it before members are saved. Here the host decides every update itself, so there is nothing to bring.
        """
        return []

    def update(self) -> list[Member]:
        """Make one update of every member. Return those that are known to diverge: their gradient is not finite and
        nothing guards it, so their weights stay as they are.
        """
        with rounded(self.precision):
            rows = self._gradients(0) if self.parts == 1 else self._mean_gradients()
        if any(self.scaled):
            for i, r in enumerate(rows.order):
                rows.grads_RN[i].div_(self.members[r].scaling.scale)
        if any(self.frozen):
            views = self.layout.views(rows.grads_RN)
            for i, r in enumerate(rows.order):
                for name in self.frozen[r]:
                    views[name][i].zero_()
        norms = [torch.linalg.vector_norm(row) for row in rows.grads_RN]
        torch.stack(norms, out=self.norms_R)
        self.losses_R.copy_(rows.losses_R)
        numbers = self.numbers_3R.t().tolist()  # one transfer from the device
        diverged = []
        for i, r in enumerate(rows.order):
            norm, loss, errors = numbers[i]
            share = rows.shares[i]
            self.members[r].window.errors += errors / self.batch
            self.members[r].window.missing += 1 - share
            if not self._step(r, rows.grads_RN[i], norm, loss * share, rows.omegas[i]):
                diverged.append(self.members[r])
        return diverged

    def _mean_gradients(self) -> Gradients:
        """Return the means over the batches of an update. The state goes on from batch to batch where it is carried.

        A batch with fewer sequences that are asked anything counts as its share of a batch.
        """
        runs = len(self.members)
        losses_R, errors_R = (self.flat_RN.new_zeros(runs) for _ in range(2))
        omegas, shares = [0.0] * runs, [0.0] * runs
        self.sums_RN.zero_()
        for part in range(self.parts):
            rows = self._gradients(part)
            for i, r in enumerate(rows.order):
                self.sums_RN[r].add_(rows.grads_RN[i], alpha=rows.shares[i])
                losses_R[r].add_(rows.losses_R[i], alpha=rows.shares[i])
                errors_R[r].add_(self.errors_R[i])
                omegas[r] += rows.omegas[i]
                shares[r] += rows.shares[i]
        torch.div(errors_R, self.parts, out=self.errors_R)
        means_RN, losses_R = self.sums_RN.div_(self.parts), losses_R.div_(self.parts)
        shares = [share / self.parts for share in shares]
        for r, share in enumerate(shares):
            if share != 1:
                means_RN[r].div_(share)
                losses_R[r].div_(share)
        return Gradients(range(runs), means_RN, losses_R, [omega / self.parts for omega in omegas], shares)

    def _gradients(self, part: int) -> Gradients:
        """Go forward and back over the next batch of every member. part: the number of the batch in the update, from 0.

        The gradients are valid until the next call. Wrong answers of the rows are counted in errors_R.
        """
        batches, goes_on = zip(*(m.feed.next() for m in self.members), strict=True)
        if self.samples:
            batches = tuple(self._with_own_symbols(r, batches[r], goes_on[r], part) for r in range(len(batches)))
        order = sorted(range(len(batches)), key=lambda r: -batches[r].length)
        in_order = order == list(range(len(order)))
        weights = self.weights if in_order else self.layout.views(self.flat_RN[order])
        inputs = [as_tensor(batches[r].inputs, self.dtype, self.device) for r in order]
        self.tape.forward(weights, inputs, self._states(order, goes_on))
        targets = [as_tensor(batches[r].targets, self.dtype, self.device) for r in order]
        scales_R = None
        if any(self.scaled):
            scales_R = self.flat_RN.new_tensor([self.members[r].scaling.scale for r in order])
        losses_R, direct = backpropagate(
            self.question, weights, self.tape, targets, self.grads, self.errors_R, scales_R
        )
        omegas = self.tape.backward(weights, direct, self.grads, self._regularisers([self.members[r] for r in order]))
        if self.carries:
            for i, r in enumerate(order):
                self.members[r].carried = self.tape.state(i)
                if self.samples:
                    self.members[r].last_read = self.tape.out(i)[-1].clone()
        shares = [batches[r].asked(self.question) / self.batch for r in order]
        return Gradients(order, self.grads_RN, losses_R, omegas, shares)

    def _with_own_symbols(self, r: int, batch: Batch, goes_on: bool, part: int) -> Batch:
        """Return the next batch of row r with symbols of the run's own among its inputs (scheduled sampling)."""
        member = self.members[r]
        steps, sequences = batch.inputs.shape
        draws = draws_of(member.spec, member.step + 1, steps, sequences, part)
        if draws is None:
            return batch
        before = None
        if goes_on:
            assert member.carried is not None
            assert member.last_read is not None
            before = Before(member.carried, member.last_read)
        weights = self.layout.views(self.flat_RN[r : r + 1])
        return replace(batch, inputs=mixed_inputs(self.tape, weights, batch.inputs, draws, before))

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
        specs = [(m.spec.train.omega, m.step + 1, m.scaling.scale) for m in members]
        # Where the loss is scaled, so are the gradients that Omega compares, and its own has to be too.
        pairs = [(omega.weight(step) * scale, omega.bound * scale**2) for omega, step, scale in specs]
        return pairs if any(alpha > 0 for alpha, _ in pairs) else None

    def _step(self, r: int, gradient_N: torch.Tensor, norm: float, loss: float, omega_value: float) -> bool:
        """Clip a gradient and apply it to weight row r. Return False if the member diverges instead."""
        member, train = self.members[r], self.members[r].spec.train
        window = member.window
        window.updates += 1
        window.loss += loss
        overflow = self.scaled[r] and math.isfinite(loss) and not math.isfinite(norm)
        member.scaling = train.loss_scale.after(member.scaling, overflow)
        if overflow:
            window.skipped += 1
            window.omega += omega_value if math.isfinite(omega_value) else 0.0
            member.step += 1
            return True
        window.grad_norm += norm
        window.grad_norm_max = max(window.grad_norm_max, math.inf if math.isnan(norm) else norm)
        window.omega += omega_value
        member.step += 1
        sound = math.isfinite(norm) and norm <= GUARD_NORM
        if isinstance(train.clip, Rescale) and not sound:
            window.guarded += 1
            window.grad_norm_clipped += self._shrink(r, member.rate)
            return True
        scale = 1.0
        if isinstance(train.clip, Rescale) and norm > train.clip.cutoff:
            scale = train.clip.cutoff / norm
            window.clipped += 1
        window.grad_norm_clipped += norm * scale
        if not math.isfinite(norm):
            return False
        made = member.step - member.scaling.skipped
        whole = Update(member.rate, made, scale, gradient_N, self.flat_RN[r], member.kept)
        for update in map(whole.at, self.trained[r]) if self.frozen[r] else (whole,):
            self.step(train.optimizer, update)
        return True

    def _shrink(self, r: int, lr: float) -> float:
        """Apply the guard's gradient, a share of the recurrent weights that are trained, to weight row r, and return
        its norm.
        """
        weights = self.layout.views(self.flat_RN[r : r + 1])
        shrunk = [weights[name] for name in self.model.recurrent if name not in self.frozen[r]]
        norm = GUARD_SHRINK * math.hypot(*(float(torch.linalg.vector_norm(weight)) for weight in shrunk))
        for weight in shrunk:
            weight.mul_(1 - lr * GUARD_SHRINK)
        return norm

    def keep_snapshots(self) -> None:
        """Keep the weights of the members that have just made an update whose weights are wanted."""
        for r, member in enumerate(self.members):
            if member.step in member.snapshots_wanted:
                member.keep_snapshot(self.own(r))

    def begin_check(self, rows: Sequence[int]) -> None:
        """Start the check of these rows without waiting for its figures. check() of the same rows has to follow, or
        check_initial().
        """
        # Runs that end are diagnosed as well. Which ones do is not known yet, except for those whose budget is used up.
        diagnosed = [i for i, r in enumerate(rows) if self.members[r].diagnosis_is_due or self.members[r].is_last_check]
        bounds = [self.members[rows[i]].spec.train.omega.bound for i in diagnosed]
        self.checker.begin(self.networks(rows), diagnosed, bounds)

    def check_initial(self, rows: Sequence[int]) -> None:
        """Validate and diagnose the initial weights of these rows, and record both with their members."""
        networks, members = self.networks(rows), [self.members[r] for r in rows]
        validations = self.checker.validate(networks, [member.hopeless_beyond for member in members])
        diagnoses = self.checker.diagnose(networks, [member.spec.train.omega.bound for member in members])
        for member, validation, (scalars, traces) in zip(members, validations, diagnoses, strict=True):
            member.record_initial(validation, scalars, traces)

    def check(self, rows: Sequence[int], diverged: Sequence[Member] = ()) -> dict[int, str | None]:
        """Validate these rows, diagnose those whose diagnosis is due, and record both with their members.

        Return the outcome of each row's run; None if it goes on.
        """
        for r in rows:
            self.members[r].keep_before_check(self.members[r] in diverged)
        beyond = [self.members[r].hopeless_beyond for r in rows]
        best = []
        for r, validation in zip(rows, self.checker.validate(self.networks(rows), beyond), strict=True):
            if self.members[r].observe(validation, self.checker.baselines[int(validation["valid_samples"])]):
                best.append(r)
        if best:
            for r, row_N in zip(best, self.flat_RN[best].cpu(), strict=True):
                member = self.members[r]
                own_N = row_N[-member.best_weights.numel() :].clone()
                # A checkpoint has equal tensors once, if they are the same object.
                member.best_weights = member.snapshots.get(member.step, own_N)
        verdicts = {r: "diverged" if self.members[r] in diverged else self.members[r].verdict() for r in rows}
        # A run's last check always diagnoses, whatever check.diagnose_every says.
        due = [r for r in rows if verdicts[r] or self.members[r].diagnosis_is_due]
        diagnoses = {}
        if due:
            bounds = [self.members[r].spec.train.omega.bound for r in due]
            diagnoses = dict(zip(due, self.checker.diagnose(self.networks(due), bounds), strict=True))
        for r in rows:
            self.members[r].record(*diagnoses.get(r, ({}, {})))
            # Patience may watch what only a diagnosis measures.
            verdicts[r] = verdicts[r] or self.members[r].verdict()
        return verdicts

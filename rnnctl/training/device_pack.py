"""A pack on a GPU: an update is a fixed row of launches over all runs, with one copy in and none back.

What the host decides on a CPU (clipping, the guard, divergence, sums since the last check) the device decides here, run
by run, and the host reads it at checks, at snapshots, before checkpoints, and otherwise every READ_EVERY updates. A run
that diverges keeps its weights from that update on, so it ends with the same weights whenever the host notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields

import numpy as np
import torch

from rnnctl.cells.base.kernel_tape import GATHERED, Inputs, KernelTape
from rnnctl.kernels.gpu import updates
from rnnctl.kernels.gpu.launch import blocks, launch
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.device_checks import DeviceChecker
from rnnctl.training.drawing import Drawing
from rnnctl.training.member import Member, Window, network_of
from rnnctl.training.networks import Networks
from rnnctl.training.pack import GUARD_NORM, GUARD_SHRINK, Pack
from rnnctl.training.slots import Field, numbers, slot_size
from rnnctl.training.staging import Staging

READ_EVERY = 256  # updates after which the host looks for runs that have diverged
# Updates that are launched kernel by kernel before a graph is recorded, which takes about as long as these: a pack that
# loses a run needs another graph.
BEFORE_GRAPH = 30


class DevicePack(Pack):
    """A pack whose updates are kernels. See Pack.

    Its runs have one wide key, and their networks may differ (see PackKey.wide): `model` is the widest of them, as long
    as its weights are the rows, and a run's own weights lie at the end of its row.

    spare: how many processes may draw batches for this one (see rnnctl.training.drawing).
    """

    def __init__(self, members: Sequence[Member], weights: Sequence[torch.Tensor], device: str, spare: int = 0) -> None:
        self.spare = spare
        # Neighbours with the same gates are diagnosed together.
        order = sorted(range(len(members)), key=lambda r: members[r].spec.model.gates)
        super().__init__([members[r] for r in order], [weights[r] for r in order], device)

    def _key_of(self, spec: RunSpec) -> PackKey:
        return PackKey.of(spec).wide

    def _rows_of(self, weights: Sequence[torch.Tensor]) -> torch.Tensor:
        rows_RN = torch.zeros(len(weights), self.model.layout.size, dtype=weights[0].dtype)
        for row_N, own_N in zip(rows_RN, weights, strict=True):
            row_N[-len(own_N) :] = own_N
        return rows_RN

    def _hold(self, flat_RN: torch.Tensor) -> None:
        self.flat_RN, self.grads_RN = flat_RN, torch.zeros_like(flat_RN)
        self.frozen = [member.spec.train.frozen for member in self.members]
        self.cells = [network_of(member.spec.model, member.task) for member in self.members]

    def own(self, r: int) -> torch.Tensor:
        return self.flat_RN[r, self._place(r)]

    def _place(self, r: int) -> slice:
        """Return where the own weights of row r lie."""
        return slice(self.flat_RN.shape[1] - self.cells[r].layout.size, None)

    def networks(self, rows: Sequence[int]) -> Networks:
        return Networks(self.flat_RN[list(rows)], [self.cells[r] for r in rows])

    def _allocate(self, key: PackKey, task: Task, steps: int) -> None:
        make_tape = self.model.kernel_tape
        assert make_tape is not None
        self.passes: KernelTape = make_tape(
            self.model, len(self.members), steps, self.batch, dtype=self.dtype, device=self.device,
            every=self.question.every_step, precision=key.train.precision,
        )  # fmt: skip
        self.checker = DeviceChecker(key, task, self.model, len(self.members), self.device)
        self.update_kernel = key.train.optimizer.kernel()
        self.slots = key.train.optimizer.slots
        self.scalars = updates.SETTINGS + len(self.members[0].spec.train.optimizer.numbers(1.0, 1))
        self.task_steps = steps
        size = slot_size(self._fields(len(self.members)))
        self.drawing = Drawing(self.members, size, self.spare)
        self.staging = Staging(size, self.device, self.drawing.memory)
        windows = [[*_sums(m.window), 0.0] for m in self.members]
        self.figures_RF = torch.tensor(windows, dtype=torch.float64).to(self.device)
        self.settled = [(m.step, m.window.updates) for m in self.members]
        self._bring([m.carried for m in self.members], [m.kept for m in self.members])

    def keep(self, rows: Sequence[int]) -> None:
        carried, kept = ([getattr(self.members[r], name) for r in rows] for name in ("carried", "kept"))
        super().keep(rows)
        if rows:
            # The host may not have read these sums yet, nor which runs have diverged.
            self.figures_RF = self.figures_RF[list(rows)]
            self.settled = [self.settled[r] for r in rows]
            self._bring(carried, kept)
        else:
            self.close()

    def close(self) -> None:
        self.drawing.close()
        with suppress(RuntimeError):  # of a card that does not answer any more
            self.staging.finish()

    def _bring(self, carried: Sequence[torch.Tensor | None], kept: Sequence[torch.Tensor | None]) -> None:
        """Bring what belongs to each row to the device, and make views of it the members' own."""
        runs, members = len(self.members), self.members
        # Rows move up, so none is overwritten before it is read.
        for r, (member, state) in enumerate(zip(members, carried, strict=True)):
            if state is not None:
                self.passes.carry_RBC[r] = state
                member.carried = self.passes.carry_RBC[r]
        self.kept_RSN = self.flat_RN.new_zeros(runs, max(1, self.slots), self.flat_RN.shape[1] if self.slots else 1)
        for r, (member, slots) in enumerate(zip(members, kept, strict=True)):
            if slots is not None:
                own_SN = self.kept_RSN[r, :, self._place(r)]
                own_SN.copy_(slots)
                member.kept = own_SN
        self.passes.kinds.arrange(self.cells)
        self.flags_RN = self.passes.flags(self.frozen)
        self.scales_R = self.flat_RN.new_zeros(runs)
        self.choices_R = torch.zeros(runs, dtype=torch.int32, device=self.device)
        self._read_later()
        # Rows whose learning rate is known only when the update is made.
        self.by_checks = [r for r, member in enumerate(members) if member.spec.train.rate.reads_checks]
        fields = self._fields(runs)
        self.staging.arrange(fields)
        self.drawing.begin(members, fields, self.staging.wait)
        arrays = self.staging.arrays
        self.inputs = Inputs(arrays["inputs"], arrays["steps"], arrays["goes_on"])
        self.graph: torch.cuda.CUDAGraph | None = None
        self.launched = 0

    def _fields(self, runs: int) -> dict[str, Field]:
        kind = np.float32 if self.dtype == torch.float32 else np.float64
        task, steps, batch = self.members[0].task, self.task_steps, self.batch
        symbols = np.uint8 if task.n_inputs <= 256 else np.int32
        inputs = (
            Field((runs, steps, batch, task.n_inputs), kind)
            if self.members[0].spec.task.reads_reals
            else Field((runs, steps, batch), symbols)
        )
        return {
            "steps": Field((runs,), np.int32),
            "goes_on": Field((runs,), np.int32),
            "scalars": Field((runs, self.scalars), kind),
            "targets": Field((runs, self.passes.answers), np.int32 if self.question.loss == "cross_entropy" else kind),
            "inputs": inputs,
        }

    def update(self) -> list[Member]:
        slot = self.staging.slot()
        for member in self.members:
            member.step += 1
        self.drawing.fill(slot)
        for r in self.by_checks:
            member = self.members[r]
            slot["scalars"][r] = numbers(member.spec, member.step, member.seen)
        self.staging.send()
        self._start()
        if self.carries:
            for r, member in enumerate(self.members):
                if member.carried is None:
                    member.carried = self.passes.carry_RBC[r]
        self.until_read -= 1
        return [] if self.until_read > 0 else self.settle()

    def _start(self) -> None:
        """Start the launches of an update: one by one at first, and then as a graph, which is recorded once."""
        if not self.staging.on_gpu or self.launched < BEFORE_GRAPH:
            self._launch()
            self.launched += 1
            return
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            # Another thread may end the use of memory meanwhile, such as one that collects garbage.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self._launch()
        self.graph.replay()

    def _launch(self) -> None:
        passes, flat, arrays = self.passes, self.flat_RN, self.staging.arrays
        runs, size = flat.shape
        scalars = arrays["scalars"]
        passes.forward(flat, self.inputs, carry=self.carries)
        passes.head(self.question, flat, self.inputs, arrays["targets"])
        passes.backward(flat, self.inputs)
        passes.regularise(scalars)
        squares = passes.gradients(flat, self.inputs, self.grads_RN, self.flags_RN)
        launch(
            updates.decide,
            (runs,),
            squares, passes.buffers["losses"], passes.wrong_RA, passes.buffers["omegas"], self.inputs.lengths_R,
            scalars, self.scalars, self.figures_RF, self.scales_R, self.choices_R, squares.shape[1], passes.answers,
            self.batch, GUARD_NORM, GUARD_SHRINK,
            EVERY=passes.every, OMEGA=passes.takes_regularisers, JUDGED=self.question.judged, TILE=GATHERED,
        )  # fmt: skip
        launch(
            updates.step,
            (blocks(size, GATHERED), runs),
            flat, self.grads_RN, self.kept_RSN, self.flags_RN, scalars, self.scalars, self.scales_R, self.choices_R,
            size, GUARD_SHRINK,
            STEP=self.update_kernel, SLOTS=self.slots, BLOCK=GATHERED,
        )  # fmt: skip

    def settle(self) -> list[Member]:
        self.drawing.settle()
        figures = self.figures_RF.tolist()
        diverged = []
        for r, (member, row) in enumerate(zip(self.members, figures, strict=True)):
            step, before = self.settled[r]
            updates_made = int(row[0])
            member.window = _window(row)
            if row[-1]:
                # It made no update after the one that it diverged at.
                member.step = step + updates_made - before
                diverged.append(member)
            self.settled[r] = member.step, updates_made
        self._read_later()
        return diverged

    def _read_later(self) -> None:
        """Count the updates until the host reads what the device has decided: at checks, and otherwise now and then."""
        self.until_read = min([READ_EVERY, *(member.until_due for member in self.members)])

    def check(self, rows: Sequence[int], diverged: Sequence[Member] = ()) -> dict[int, str | None]:
        verdicts = super().check(rows, diverged)
        # Checked members begin a new window.
        self.figures_RF[list(rows), : len(updates.FIGURES) - 1] = 0
        for r in rows:
            self.settled[r] = self.members[r].step, 0
        return verdicts


def _sums(window: Window) -> list[float]:
    return [getattr(window, name) for name in updates.FIGURES[:-1]]


def _window(figures: Sequence[float]) -> Window:
    counts = {field.name for field in fields(Window) if field.type == "int"}
    sums = dict(zip(updates.FIGURES[:-1], figures, strict=False))
    return Window(**{name: int(value) if name in counts else value for name, value in sums.items()})  # type: ignore[arg-type]

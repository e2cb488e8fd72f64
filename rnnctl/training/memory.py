"""How much memory a run takes while it trains, on a GPU or on a CPU, estimated from its spec. Loads no torch.

What a pack takes is what its runs have in common (the validation set, a text), what each run holds, and what is needed
for one run at a time: to draw initial weights, to validate, to diagnose, to save.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnctl.cells.base.section import FUSED_STEP_WORK, SLICE
from rnnctl.devices import card, free_bytes, is_card
from rnnctl.host import available_bytes
from rnnctl.kernels.gpu.launch import parts_of
from rnnctl.question import Question
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.words import size

if TYPE_CHECKING:
    from rnnctl.cells.base.section import CellSection

VALUE_BYTES = {"float32": 4, "float64": 8}
SYMBOL_BYTES = 8  # symbols and classes are int64 on a device
CLASS_BYTES = 8  # also those of a target that is a real number, at most
DOUBLE_BYTES = 8
DRAWN_SYMBOL_BYTES, DRAWN_REAL_BYTES = 1, 4  # as tasks draw them

# Share of a card's free memory that the runs of its workers may take by `bytes_of_run`. The rest is for what that does
# not count: temporary results, the validation set, each worker's CUDA context, and fragments.
SHARE = 0.75

# What runs of each cell and task took on a CPU was estimated at these multiples of it, which a slow test holds. So a
# run may fit whose estimate is too large by the second.
ESTIMATED_LEAST, ESTIMATED_MOST = 0.8, 1.9

# Bytes that a process takes for training besides, such as numbers in the making and what allocators keep.
AROUND = 20 * 2**20

VALIDATED = 2**24  # numbers that the buffers of a validation hold for one run, at most


@dataclass(frozen=True)
class Cut:
    """How a chunk of a validation is cut on a card: into sequences that go through time together, and into steps.

    Few sequences would leave most of a card without work, so steps are cut first: a piece goes on from the states of
    the one before it. Where a sequence is judged as a whole, its steps stay together.
    """

    sequences: int
    steps: int


def numbers_of_answer(hidden: int, outputs: int) -> int:
    """Return how many numbers an answer of a validation takes, at most: states, outputs, loss and error."""
    return outputs + 6 * hidden


def cut_of(question: Question, steps: int, chunk: int, hidden: int, outputs: int) -> Cut:
    """Return how chunks of up to `chunk` sequences of up to `steps` steps are cut."""
    answer = numbers_of_answer(hidden, outputs)
    if not question.every_step:
        return Cut(min(chunk, max(1, VALIDATED // answer)), steps)
    if question.judged == "each":
        return Cut(chunk, min(steps, max(1, VALIDATED // (chunk * answer))))
    return Cut(min(chunk, max(1, VALIDATED // (steps * answer))), steps)


@dataclass(frozen=True)
class _Sizes:
    """The numbers that estimates are made of, in the letters of `bytes_of_run`; the same for all runs of a pack key."""

    model: CellSection
    weights: int  # N
    inputs: int  # V
    outputs: int  # O
    longest: int  # steps of the longest sequence
    mean: float  # steps of the mean sequence
    reals: bool
    every_step: bool
    value: int  # bytes of a number

    @classmethod
    def of(cls, spec: RunSpec | PackKey) -> _Sizes:
        task, sizes = spec.task, spec.task.sizes
        return cls(
            spec.model,
            spec.model.weights(sizes.inputs, sizes.outputs),
            sizes.inputs,
            sizes.outputs,
            sizes.steps,
            task.mean_steps(None),
            task.reads_reals,
            task.question.every_step,
            VALUE_BYTES[spec.train.dtype],
        )

    def answers(self, steps: int) -> int:
        """A(T): the steps that the head reads, of this many."""
        return steps if self.every_step else 1

    @property
    def read(self) -> int:
        """The numbers that the head has for each step that it reads."""
        return 2 * self.model.hidden + 3 * self.outputs

    def passes(self, batch: int, steps: int, kept: int, read: int) -> int:
        """Return the numbers that passes through time keep, forward and back.

        kept: vectors of hidden units of each step. read: numbers of each step that the head reads.
        """
        return batch * ((steps + 1) * kept * self.model.hidden + self.answers(steps) * read)

    @property
    def input_bytes(self) -> int:
        """Bytes of one sequence's input of one step on the device."""
        return self.inputs * self.value if self.reals else SYMBOL_BYTES


def _steps_of_update(spec: RunSpec | PackKey, sizes: _Sizes) -> int:
    return min(spec.piece or sizes.longest, sizes.longest)


def _summed(spec: RunSpec | PackKey) -> int:
    """Return how many vectors of weights hold the sums of gradients over an update's batches."""
    return int(spec.train.accumulate > 1)


def bytes_of_run(key: PackKey | RunSpec) -> int:
    """Return about how many bytes a run of a pack key takes on a card while it trains. With GPU kernels it takes what a
    run of its wide key takes.

    With N weights, H hidden units, V inputs, O outputs; K the cell's `kept_per_step`; B sequences of T steps in an
    update, and P parts of each of their gradients; D sequences of U steps in a diagnosis; C sequences of W steps in
    a piece of a validation; and A(T) the steps that the head reads, T or 1; counted in numbers of the run's dtype:

        weights      N (slots + 3 + P)                        themselves, gradients, those of a diagnosis, the optimizer
                                                              (one N more where gradients are accumulated, two where
                                                              updates and diagnoses read transposed copies)
        update       B ((T + 1) K H + A(T) (2 H + 3 O))       the tape, what the head sends back, outputs and their
                                                              gradients
        diagnosis    D ((U + 1) K H + A(U) (2 H + 3 O))       likewise
        validation   C (K H + A(W) (H + 3 O))                 one step, what the head reads, outputs

    and B T V for inputs; symbols take SYMBOL_BYTES each instead. A byte for each weight says whether it is frozen.
    """
    model, check, batch, sizes = key.model, key.check, key.train.batch, _Sizes.of(key)
    steps, hidden, outputs = _steps_of_update(key, sizes), model.hidden, sizes.outputs
    weights = sizes.weights * (key.train.optimizer.slots + 3 + _summed(key) + parts_of(steps * batch))
    weights += 0 if model.in_registers(hidden, key.train.precision) else 2 * sizes.weights
    cut = cut_of(key.task.question, sizes.longest, check.chunk, hidden, outputs)
    validation = cut.sequences * (model.kept_per_step * hidden + sizes.answers(cut.steps) * (hidden + 3 * outputs))
    passes = sizes.passes(batch, steps, model.kept_per_step, sizes.read)
    passes += sizes.passes(check.diagnostic_batch, sizes.longest, model.kept_per_step, sizes.read)
    return (weights + passes + validation) * sizes.value + sizes.weights + batch * steps * sizes.input_bytes


def bytes_of_validation_set(spec: RunSpec | PackKey) -> int:
    """Return about how many bytes the validation set takes on the device, which the runs of a pack share: inputs of
    sequences of the mean length, and targets.
    """
    sizes = _Sizes.of(spec)
    targets = CLASS_BYTES * spec.task.question.values * (sizes.mean if sizes.every_step else 1)
    return int(spec.task.validated(spec.check.samples) * (sizes.mean * sizes.input_bytes + targets))


def bytes_on_cpu(spec: RunSpec, runs: int = 1) -> int:
    """Return about how many bytes a pack of runs like this one takes while it trains on a CPU, at its peak.

    In the letters of `bytes_of_run`, with S sequences of a slice of a validation, and K the cell's `kept_on_cpu` where
    compiled loops go through time, else its `kept_per_step`:

        in common    AROUND; the validation set, as it is drawn and as tensors, which share float32 inputs; a text
                     .8 S (W + 1) K H                         a slice that goes forward (K: `kept_in_checks`)
        each run     N (slots + 6 + snapshots)                weights, gradients, the best now and before a check, the
                                                              optimizer; gradients of a diagnosis, what is being saved;
                                                              one N more where gradients are accumulated
                     B ((T + 1) K H + A(T) (2 H + 3 O))       as on a card; H alone where a compiled head reads every
                     D ((U + 1) K H + A(U) (2 H + 3 O))       step; inputs
                     C (H + 3 O)                              a chunk whose last step is read
        one by one   the most of:
                     8 (N + 5 H^2)                            initial weights in float64, a matrix and its eigenvalues
                     N (slots + 1)                            a checkpoint
                     N + 6 H^2 + 2 D U H                      a diagnosis: gradients, spectrum, norms in float64
                     S W (H + 3 O)                            a slice of a chunk whose every step is read
                     the floor of a text

    The number of bytes is that of the dtype, but for initial weights and norms, which are float64.
    """
    model, check, train, sizes = spec.model, spec.check, spec.train, _Sizes.of(spec)
    steps, value, hidden = _steps_of_update(spec, sizes), sizes.value, model.hidden
    slots, weights, square = train.optimizer.slots, sizes.weights, model.hidden**2
    held = slots + 6 + _summed(spec) + len(check.snapshot_updates)
    answer, sequences = hidden + 3 * sizes.outputs, min(SLICE, check.chunk)
    drawn = DRAWN_REAL_BYTES * sizes.inputs if sizes.reals else DRAWN_SYMBOL_BYTES
    if sizes.reals and value == DRAWN_REAL_BYTES:
        drawn = 0  # the tensors are what was drawn
    common = (
        bytes_of_validation_set(spec)
        + int(spec.task.validated(check.samples) * sizes.mean * drawn)
        + spec.task.data_bytes
    )
    common += AROUND
    if sequences * square <= FUSED_STEP_WORK:
        common += value * 4 * sequences * (sizes.longest + 1) * model.kept_in_checks * hidden // 5

    def passes(batch: int, steps: int, compiled: bool = True) -> int:
        compiled = compiled and batch * square <= FUSED_STEP_WORK
        kept = model.kept_on_cpu if compiled else model.kept_per_step
        return sizes.passes(
            batch, steps, kept, hidden if compiled and spec.task.question.has_compiled_head else sizes.read
        )

    # Updates whose products are rounded go through torch, checks never.
    kept_by_passes = passes(train.batch, steps, not train.is_reduced) + passes(check.diagnostic_batch, sizes.longest)
    read = 0 if sizes.every_step else check.chunk * answer
    each = value * (weights * held + kept_by_passes + read) + train.batch * steps * sizes.input_bytes
    norms = 2 * DOUBLE_BYTES * check.diagnostic_batch * sizes.longest * hidden
    one_by_one = max(
        DOUBLE_BYTES * (weights + 5 * square),
        value * weights * (slots + 1),
        value * (weights + 6 * square) + norms,
        value * sequences * sizes.longest * answer if sizes.every_step else 0,
        int(spec.task.floor_bytes * check.samples * sizes.mean),
    )
    return common + runs * each + one_by_one


def runs_that_fit(key: PackKey, card: str, workers: int, taken: int = 0) -> int:
    """Return how many runs fit into the part of a card's free memory that one of its workers may use; 0 if none does.

    workers: how many train on the card, this one included. taken: bytes of that part that are wanted for other runs,
    which have not been allocated yet.
    """
    return runs_that_fit_into(free_bytes(card), key, workers, taken)


def runs_that_fit_into(free: int, key: PackKey, workers: int = 1, taken: int = 0) -> int:
    """Return what `runs_that_fit` returns for a card with this number of free bytes."""
    return max(0, int((SHARE * free / workers - taken) // bytes_of_run(key)))


def shortage(spec: RunSpec, runs: int, device: str) -> str | None:
    """Return why a pack of runs like this one does not fit into the memory that is free now, in one line; None if it
    fits. On a card, whose packs are cut to its free memory, it is asked whether a single run fits.
    """
    if is_card(device):
        return None if bytes_of_run(PackKey.of(spec).wide) <= free_bytes(device) else f"a run {needs(spec, device)}"
    need, available = bytes_on_cpu(spec, runs), available_bytes()
    # A single run is tried if it may fit: there is no smaller pack.
    if need <= (available if runs > 1 else available * ESTIMATED_MOST):
        return None
    who = "a run needs" if runs == 1 else f"{runs} runs need"
    return f"{who} about {size(need)} of memory, and {size(available)} is available; use fewer workers, or try later"


def needs(spec: RunSpec, device: str) -> str:
    """Return what a run needs and what is free on a device, in words that follow a subject."""
    if is_card(device):
        need = bytes_of_run(PackKey.of(spec).wide)
        free = f"{size(free_bytes(device))} is free on {device} ({card(device).name})"
    else:
        need, free = bytes_on_cpu(spec), f"{size(available_bytes())} is available"
    return f"needs about {size(need)}, and {free}"

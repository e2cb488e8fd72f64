"""How much memory of a device a run takes while it trains."""

from __future__ import annotations

from dataclasses import dataclass

from rnnctl.devices import card, free_bytes, is_card
from rnnctl.kernels.gpu.launch import parts_of
from rnnctl.question import Question
from rnnctl.study.pack_key import PackKey

VALUE_BYTES = {"float32": 4, "float64": 8}
SYMBOL_BYTES = 8  # symbols are int64 on a device

# Share of a card's free memory that the runs of its workers may take by `bytes_of_run`. The rest is for what that does
# not count: temporary results, the validation set, each worker's CUDA context, and fragments.
SHARE = 0.75

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


def bytes_of_run(key: PackKey) -> int:
    """Return about how many bytes a run of a pack key takes on a device while it trains.

    With N weights, H hidden units, V inputs, O outputs; K the cell's `kept_per_step`; B sequences of T steps in an
    update, and P parts of each of their gradients; D sequences of U steps in a diagnosis; C sequences of W steps in
    a piece of a validation; and A(T) the steps that the head reads, T or 1; counted in numbers of the run's dtype:

        weights      N (slots + 3 + P)                        themselves, gradients, those of a diagnosis, the optimizer
        update       B ((T + 1) K H + A(T) (2 H + 3 O))       the tape, what the head sends back, outputs and their
                                                              gradients
        diagnosis    D ((U + 1) K H + A(U) (2 H + 3 O))       likewise
        validation   C (K H + A(W) (H + 3 O))                 one step, what the head reads, outputs

    and B T V for inputs; symbols take SYMBOL_BYTES each instead.
    """
    model, check, question, batch = key.model, key.check, key.task.question, key.train.batch
    sizes = key.task.sizes
    longest, hidden, outputs = sizes.steps, model.hidden, sizes.outputs
    steps = min(key.piece or longest, longest)
    size = model.network(sizes.inputs, outputs).layout.size
    weights = size * (key.train.optimizer.slots + 3 + parts_of(steps * batch))

    def passes(batch: int, steps: int) -> int:
        answers = steps if question.every_step else 1
        return batch * ((steps + 1) * model.kept_per_step * hidden + answers * (2 * hidden + 3 * outputs))

    cut = cut_of(question, longest, check.chunk, hidden, outputs)
    answers = cut.steps if question.every_step else 1
    validation = cut.sequences * (model.kept_per_step * hidden + answers * (hidden + 3 * outputs))
    numbers = weights + passes(batch, steps) + passes(check.diagnostic_batch, longest) + validation
    value = VALUE_BYTES[key.train.dtype]
    inputs = batch * steps * (sizes.inputs * value if key.task.real_inputs else SYMBOL_BYTES)
    return numbers * value + inputs


def runs_that_fit(key: PackKey, card: str, workers: int, taken: int = 0) -> int:
    """Return how many runs fit into the part of a card's free memory that one of its workers may use; 0 if none does.

    workers: how many train on the card, this one included. taken: bytes of that part that are wanted for other runs,
    which have not been allocated yet.
    """
    return runs_that_fit_into(free_bytes(card), key, workers, taken)


def runs_that_fit_into(free: int, key: PackKey, workers: int = 1, taken: int = 0) -> int:
    """Return what `runs_that_fit` returns for a card with this number of free bytes."""
    return max(0, int((SHARE * free / workers - taken) // bytes_of_run(key)))


def shortage(key: PackKey, device: str) -> str | None:
    """Return why not even one run fits into the memory of a device that is free now, in one line; None if one fits.

    Only cards are looked at.
    """
    if not is_card(device) or bytes_of_run(key) <= free_bytes(device):
        return None
    return f"a run {needs(key, device)}"


def needs(key: PackKey, device: str) -> str:
    """Return what a run of a pack key needs and what is free on a card, in words that follow a subject."""
    need, free = (f"{size / 2**30:.2f} GiB" for size in (bytes_of_run(key), free_bytes(device)))
    return f"needs about {need}, and {free} is free on {device} ({card(device).name})"

"""A rough estimate of how long runs take on a GPU, before they are trained.

It is a roofline. An update of a pack takes the longest of

    arithmetic    floating-point operations / (SHARE_OF_PEAK x the card's float32 rate x the share of it that has work)
    memory        bytes read and written / (SHARE_OF_PEAK x the card's bandwidth)
    latency       time steps x STEP_SECONDS, forward and backward: a step waits for the one before it

plus its launches x LAUNCH_SECONDS. All runs of a pack share the latency and the launches; arithmetic and memory are
each run's own. Meanwhile the host draws the batches: where that takes longer, it decides. Packs that are trained at
once are done SIDE_BY_SIDE times as fast as one after the other, at most; arithmetic, memory traffic and the work of the
host add up. Tensor cores are taken to be no faster than the rest of the card. The estimate tells minutes from hours, no
more.

Constants without another source were measured on an H200, of vanilla RNNs with 50 hidden units, 20 sequences and 125
to 200 steps. One run: 0.36 us a step forward and as much backward. 64 runs, lengths up to 200: 87 us forward, 129 us
backward, 60 us for products of gradients, 150 us for the regulariser, 35 us for all else. A small kernel in a CUDA
graph took 2 to 5 us, the batch of a run 25 to 55 us on the host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl.devices import absence, card, is_card, parse_one, resolve_one
from rnnctl.kernels.gpu.launch import blocks
from rnnctl.question import Question
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.drawing import MOST_PROCESSES, processes_for, spare_cores
from rnnctl.training.memory import (
    SHARE,
    VALUE_BYTES,
    bytes_of_run,
    cut_of,
    runs_that_fit_into,
)
from rnnctl.training.packing import MOST_ON_CARD, MOST_PACKS, PROGRAMS_AT_ONCE

STEP_SECONDS = 0.36e-6  # of a time step, in one direction
LAUNCH_SECONDS = 3e-6
SHARE_OF_PEAK = 0.3  # fits the times of 64 runs above
DRAWING_SECONDS, SYMBOL_SECONDS = 5e-6, 14e-9  # of a run's batch, and of each of its symbols: 40 us for 20 x 125
# Guesses: what the worker's thread does for an update of a pack, for a check of a pack, and for a diagnosis of a run.
HOST_SECONDS, CHECK_SECONDS, DIAGNOSIS_SECONDS = 40e-6, 1e-3, 5e-4
# Measured on an H200: two workers with 64 packs each of one run of gated layers made 1,300 updates a second, where one
# after the other would have made about 770.
SIDE_BY_SIDE = 2
PASSES = 3  # forward, backward, products of gradients
TOUCHED = 3  # times that each number of the tape is written or read: written, and read by two of the passes
ASSUMED_LAUNCHES = 12  # of an update, where they cannot be counted: cells have 8 to 15


@dataclass(frozen=True)
class CardSpeed:
    """What an estimate takes of a card. figures: where they come from. device: None for a card that is only assumed."""

    name: str
    device: str | None
    teraflops: float  # in float32
    double_share: float  # the rate in float64, as a share of that
    gigabytes_per_second: float
    multiprocessors: int
    free_bytes: int
    total_bytes: int
    figures: str


@dataclass(frozen=True)
class Published:
    """A vendor's figures of a card. word: what its name, as torch tells it, contains."""

    word: str
    teraflops: float  # in float32, without tensor cores
    double_share: float
    gigabytes_per_second: float
    multiprocessors: int

    @property
    def speeds(self) -> tuple[float, float, float, int]:
        """The figures of a CardSpeed, in its order."""
        return self.teraflops, self.double_share, self.gigabytes_per_second, self.multiprocessors


RTX_3090 = Published("RTX 3090", 35.6, 1 / 64, 936, 82)
# Data sheets of NVIDIA: GeForce RTX 3090; A100 40 GB; H100 SXM; H200 SXM.
PUBLISHED = (
    RTX_3090,
    Published("A100", 19.5, 1 / 2, 1555, 108),
    Published("H100 80GB HBM3", 67, 1 / 2, 3350, 132),
    Published("H200", 67, 1 / 2, 4800, 132),
)
ASSUMED_BYTES = 24 * 2**30


def card_for(device: str) -> CardSpeed | None:
    """Return the card that a device stands for, None for the CPU.

    Where torch sees no GPU, a card that was asked for is taken to be an RTX 3090, and `auto` stands for the CPU.
    Raise ValueError for a text that names no device, or a card that is absent where others are present.
    """
    name = parse_one(device)
    if name == "cpu" or (name == "auto" and absence() is not None):
        return None
    if (why := absence()) is not None:
        return CardSpeed(RTX_3090.word, None, *RTX_3090.speeds, ASSUMED_BYTES, ASSUMED_BYTES, f"assumed, as {why}")
    place = resolve_one(name)
    return _present(place) if is_card(place) else None


def _present(device: str) -> CardSpeed:
    import torch

    here, facts = card(device), torch.cuda.get_device_properties(device)
    memory = here.free_bytes, here.memory_bytes
    for known in PUBLISHED:
        if known.word in here.name:
            return CardSpeed(here.name, device, *known.speeds, *memory, "published")
    clocks = [getattr(facts, name, 0) for name in ("clock_rate", "memory_clock_rate", "memory_bus_width")]
    if not all(clocks):
        return CardSpeed(here.name, device, *RTX_3090.speeds, *memory, f"those of an {RTX_3090.word}")
    kilohertz, memory_kilohertz, bits = clocks
    # Units of float32 in a multiprocessor, and the share of them in float64 (CUDA Programming Guide).
    units = 128 if here.capability > (8, 0) else 64
    double_share = 1 / 2 if here.capability in ((8, 0), (9, 0)) else 1 / 64
    operations = 2 * facts.multi_processor_count * units * 1e3 * kilohertz
    bandwidth = 2 * 1e3 * memory_kilohertz * bits / 8  # twice per cycle
    return CardSpeed(
        here.name,
        device,
        round(operations / 1e12, 1),
        double_share,
        round(bandwidth / 1e9),
        facts.multi_processor_count,
        *memory,
        "from its multiprocessors and clocks",
    )


@dataclass(frozen=True)
class Cost:
    """Seconds that training takes. alone: from beginning to end, with nothing beside it. card: for which the whole card
    is busy, or its memory is. host: for which the worker's one thread is busy.
    """

    alone: float = 0.0
    card: float = 0.0
    host: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.alone + other.alone, self.card + other.card, self.host + other.host)

    def times(self, count: float) -> Cost:
        """Return the cost of doing it `count` times."""
        return Cost(count * self.alone, count * self.card, count * self.host)


def update_cost(specs: Sequence[RunSpec], launches: int, card: CardSpeed) -> Cost:
    """Return the cost of an update of a pack of these runs, or of one of its batches if it takes several.

    They have one wide key.
    """
    spec, runs = specs[0], len(specs)
    key, task, batch = PackKey.of(spec), spec.task, spec.train.batch
    mean, value = task.mean_steps(spec.piece), VALUE_BYTES[spec.train.dtype]
    # The longest sequences of a pack decide how long its passes wait.
    longest = mean if runs == 1 else max(mean, min(spec.piece or task.sizes.steps, task.sizes.steps))
    arithmetic = PASSES * batch * mean * _flops_of_step(specs) / _rate(card, key)
    kept = batch * mean * sum(each.model.kept_per_step for each in specs) * spec.model.hidden * value
    memory = TOUCHED * kept / (SHARE_OF_PEAK * 1e9 * card.gigabytes_per_second)
    with_work = min(1.0, runs * key.model.programs(key.train.batch, key.train.precision) / card.multiprocessors)
    device = max(arithmetic / with_work, memory, 2 * longest * STEP_SECONDS) + launches * LAUNCH_SECONDS
    numbers = batch * mean * (task.sizes.inputs if task.reads_reals else 1)
    drawing = runs * (DRAWING_SECONDS + numbers * SYMBOL_SECONDS)
    # Those of this machine, or of one with enough cores if the card is assumed.
    processes = processes_for(spec, runs, MOST_PROCESSES if card.device is None else spare_cores(1))
    host = HOST_SECONDS + (drawing if processes == 0 else 0.0)
    return Cost(max(device, host, drawing / max(1, processes)), max(arithmetic, memory), host)


def check_cost(specs: Sequence[RunSpec], card: CardSpeed) -> Cost:
    """Return the cost of a check of a pack of these runs, with the share of a diagnosis that falls to it."""
    spec, runs = specs[0], len(specs)
    key, check, sizes = PackKey.of(spec), spec.check, spec.task.sizes
    question: Question = spec.task.question
    samples = check.screen or key.task.validated(check.samples)
    together = cut_of(question, sizes.steps, check.chunk, spec.model.hidden, sizes.outputs).sequences
    mean = spec.task.mean_steps(None)
    arithmetic = samples * mean * _flops_of_step(specs) / _rate(card, key)
    passes = max(arithmetic, blocks(samples, together) * mean * STEP_SECONDS)
    host = CHECK_SECONDS + runs * DIAGNOSIS_SECONDS * check.every / (check.diagnose_every or check.every)
    return Cost(passes + host, arithmetic, host)


def pack_cost(specs: Sequence[RunSpec], launches: int, card: CardSpeed) -> Cost:
    """Return the cost of training a pack of these runs, if none ends early: for as many updates as the longest."""
    updates = max(spec.train.updates for spec in specs)
    checks = 1 + updates / specs[0].check.every
    batches = updates * specs[0].train.accumulate
    return update_cost(specs, launches, card).times(batches) + check_cost(specs, card).times(checks)


def packs_at_once(packs: Sequence[tuple[PackKey, int]], card: CardSpeed) -> int:
    """Return about how many of these packs a worker trains at once, by the rule of rnnctl.training.packing.

    packs: the key and the number of runs of each.
    """
    programs = sum(runs * key.model.programs(key.train.batch, key.train.precision) for key, runs in packs) / len(packs)
    held = sum(runs * bytes_of_run(key) for key, runs in packs) / len(packs)
    most = min(math.ceil(PROGRAMS_AT_ONCE * card.multiprocessors / programs), int(SHARE * card.free_bytes / held))
    return max(1, min(MOST_PACKS, len(packs), most))


def seconds_of_all(costs: Sequence[Cost], at_once: int) -> float:
    """Return the seconds of training packs, so many at once. They share the card and the host."""
    total = sum(costs, Cost())
    return max(total.alone / min(at_once, SIDE_BY_SIDE), total.card, total.host, *(cost.alone for cost in costs))


def most_in_a_pack_on(card: CardSpeed, key: PackKey) -> tuple[int, int]:
    """Return how many runs of a key fit into the memory of a card, and how many one pack has at most."""
    fit = runs_that_fit_into(card.free_bytes, key)
    return fit, min(MOST_ON_CARD, fit)


def _rate(card: CardSpeed, key: PackKey) -> float:
    """Return the floating-point operations per second that runs of a key get of a card with enough work."""
    share = card.double_share if key.train.dtype == "float64" else 1.0
    return SHARE_OF_PEAK * 1e12 * card.teraflops * share


def _flops_of_step(specs: Sequence[RunSpec]) -> float:
    """Return the floating-point operations of one sequence and step of each of these runs, in one pass."""
    model, task = specs[0].model, specs[0].task
    wide = sum(spec.model.products for spec in specs) * model.hidden**2
    wide += len(specs) * model.hidden * task.sizes.outputs if task.question.every_step else 0
    wide += len(specs) * model.hidden * task.sizes.inputs if task.reads_reals else 0
    return 2.0 * wide

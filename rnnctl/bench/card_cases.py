"""The comparisons of `rnnctl bench` on a GPU.

Work of rnnctl that is said to be replayed has been recorded as a CUDA graph, as in training. A baseline runs as torch
starts it from Python, and, where torch can record it and its batches do not change in length, as a graph too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from rnnctl.bench import baselines
from rnnctl.bench.cases import (
    EC7_CHECKS,
    EXPLORATION,
    ec1,
    ec7,
    ec7_baseline,
    exploration,
    gated,
    new_runs,
    passes_spec,
    updates_and_check,
    with_grad,
)
from rnnctl.bench.timing import Comparison, Timer, compare
from rnnctl.cells.base.kernel_tape import Inputs, KernelTape
from rnnctl.devices import release_memory
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.device_pack import BEFORE_GRAPH, DevicePack
from rnnctl.training.drawing import BLOCK, BLOCKS
from rnnctl.training.launches import has_kernels, launches_of_update
from rnnctl.training.loop import make_pack
from rnnctl.training.member import network_of
from rnnctl.training.memory import bytes_of_run
from rnnctl.training.pack import Pack
from rnnctl.training.packing import shared_on_card
from rnnctl.words import one_line

PASSES = (("rnn", 50), ("rnn", 100), ("rnn", 256), ("gru", 50), ("lstm", 50))  # cell, hidden units
STEPS, BATCH = 125, 20
PACK = 64  # runs
PACKS = (1, 8, PACK, 256)
GATED = ((32, 32), (32, 256), (256, 32), (256, 256))  # hidden units, batch size
MOST_TIMES = 2  # that PACK runs together should take, of the time of one

WARM_UPS, LEAST_SECONDS = 3, 0.02
UNTIL_REPLAYED = BEFORE_GRAPH + 2  # updates of a new pack
DRAWN_AHEAD = BLOCKS * BLOCK  # updates whose batches may be there already when a timing begins


@dataclass(frozen=True)
class Fact:
    """A number that is not a comparison."""

    name: str
    value: float | str
    unit: str


@dataclass(frozen=True)
class LeftOut:
    """Comparisons that were not made, and why. failed: whether they were tried."""

    name: str
    reason: str
    failed: bool = False


Result = Comparison | Fact | LeftOut


@dataclass(frozen=True)
class Case:
    """Comparisons that are made or left out together. specs: runs whose GPU kernels they need."""

    name: str
    spec: RunSpec
    measure: Callable[[], Iterator[Result]]


class Replayed(DevicePack):
    """A pack that can make its last update again, with the batches that are on the device."""

    def replay(self) -> None:
        """Start the work of the device, and nothing else."""
        self._start()


class Captured:
    """Work of a device, recorded as a CUDA graph where the device is a GPU. It must not depend on the host."""

    def __init__(self, work: Callable[[], Any], device: str) -> None:
        self.work = work  # which owns the memory that the graph reads
        self.graph: torch.cuda.CUDAGraph | None = None
        if torch.device(device).type != "cuda":
            return
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                work()
        torch.cuda.current_stream(device).wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            work()

    def replay(self) -> None:
        """Do the work again."""
        if self.graph is None:
            self.work()
        else:
            self.graph.replay()


class CardBench:
    """The comparisons on one card. repeats: pairs of timings of each."""

    def __init__(self, device: str, repeats: int) -> None:
        self.device, self.repeats = device, repeats
        self.timer = Timer(LEAST_SECONDS, WARM_UPS, partial(torch.cuda.synchronize, device))

    def results(self) -> Iterator[Result]:
        """Yield all results, each as soon as it is there. Call it in a worker's environment."""
        # Baselines run at their best. The kernels of rnnctl are deterministic without it.
        torch.use_deterministic_algorithms(False)
        for case in self.cases():
            if not has_kernels(case.spec):
                yield LeftOut(case.name, "there are no GPU kernels for it yet")
                continue
            try:
                with torch.no_grad():
                    yield from case.measure()
            except Exception as error:  # whatever library it comes from: the other comparisons need not be lost
                yield LeftOut(case.name, one_line(f"{type(error).__name__}: {error}"), failed=True)
            release_memory()

    def cases(self) -> Iterator[Case]:
        """Yield what there is to measure. Baselines that are recorded as graphs come last: if torch cannot record one,
        the comparisons after it may fail too.
        """
        for cell, hidden in PASSES:
            spec = passes_spec(cell, hidden)
            yield Case(f"{cell}: passes, H {hidden}", spec, partial(self._passes, spec))
        yield Case("EC1: updates", ec1(), self._updates)
        yield Case("EC1: packed runs beside one", ec1(), self._together)
        yield Case("EC7: updates with checks", ec7(), self._checks)
        for hidden, batch in GATED:
            spec = gated(hidden, batch)
            yield Case(f"gated: updates, batch {batch}, H {hidden}", spec, partial(self._gated, hidden, batch))
        spec = gated(256, 256)
        yield Case(f"{EXPLORATION}: updates", spec, self._exploration)
        counted = {
            "EC1": ec1(),
            "EC7": ec7(),
            "GRU, H 50": passes_spec("gru", 50),
            "LSTM, H 50": passes_spec("lstm", 50),
            "gated, 2 layers, one byte": gated(32, 32),
        }
        for name, spec in counted.items():
            yield Case(f"launches: {name}", spec, partial(self._launches, name, spec))
        yield Case("EC1: memory", ec1(), self._memory)
        for cell, hidden in PASSES:
            spec = passes_spec(cell, hidden)
            measure = partial(self._passes, spec, replayed=True)
            yield Case(f"{cell}: passes, H {hidden}, the baseline replayed", spec, measure)
        yield Case("EC1: updates on the card alone", ec1(), self._updates_on_the_card)

    def _compare(
        self,
        name: str,
        rnnctl: Callable[[], Any],
        baseline_name: str,
        baseline: Callable[[], Any],
        rnnctl_units: int = 1,
        baseline_units: int = 1,
        lead: int = 0,
    ) -> Comparison:
        return compare(
            name,
            rnnctl,
            baseline_name,
            baseline,
            repeats=self.repeats,
            rnnctl_units=rnnctl_units,
            baseline_units=baseline_units,
            rnnctl_lead=lead,
            timer=self.timer,
        )

    @contextmanager
    def _pack(self, specs: Sequence[RunSpec]) -> Iterator[Pack]:
        """Open a pack that has made so many updates that a further one is replayed."""
        with closing(make_pack(*new_runs(specs), self.device)) as pack:
            for _ in range(UNTIL_REPLAYED):
                pack.update()
            yield pack

    def _replayed(self, runs: int) -> Replayed:
        """Return a pack of EC1, with sequences of one length, whose next replay() is one."""
        specs = [ec1(seed, (STEPS, STEPS)) for seed in range(runs)]
        pack = Replayed(*new_runs(specs), self.device)
        pack.update()
        for _ in range(UNTIL_REPLAYED):
            pack.replay()
        return pack

    def _passes(self, spec: RunSpec, replayed: bool = False) -> Iterator[Result]:
        cell, hidden = spec.model.name, spec.model.hidden
        module = f"torch.nn.{baselines.MODULES[cell].__name__} (cuDNN)"
        once = with_grad(baselines.through_time(cell, STEPS, BATCH, hidden, self.device))
        rivals = {f"{module}, replayed": Captured(once, self.device).replay} if replayed else {module: once}
        if cell == "rnn" and not replayed:
            eager = baselines.eager_through_time(STEPS, BATCH, hidden, self.device)
            rivals["eager loop, autograd"] = with_grad(eager)
        for runs in (1, PACK):
            work = Captured(self._through_time(spec, runs), self.device).replay
            name = f"{cell}: forward and backward of a run, T {STEPS}, batch {BATCH}, H {hidden}, {_company(runs)}"
            for rival, baseline in rivals.items():
                yield self._compare(f"{name}, replayed", work, rival, baseline, runs)

    def _through_time(self, spec: RunSpec, runs: int) -> Callable[[], None]:
        """Return a callable that goes forward and backward, and makes the gradients of all weights."""
        model, device = network_of(spec.model, spec.task.make()), self.device
        make_tape = model.kernel_tape
        assert make_tape is not None
        tape: KernelTape = make_tape(model, runs, STEPS, BATCH, dtype=torch.float32, device=device, every=False)
        flat = (0.1 * torch.randn(runs, model.layout.size)).to(device)
        grads, flags = torch.zeros_like(flat), tape.flags([()] * runs)
        tape.buffers["direct"].copy_(torch.randn(tape.buffers["direct"].shape))
        symbols = torch.randint(model.inputs, (runs, STEPS, BATCH), dtype=torch.uint8).to(device)
        lengths, goes_on = (torch.full((runs,), n, dtype=torch.int32).to(device) for n in (STEPS, 0))
        inputs = Inputs(symbols, lengths, goes_on)

        def forward_and_backward() -> None:
            tape.forward(flat, inputs)
            tape.backward(flat, inputs)
            tape.gradients(flat, inputs, grads, flags)

        return forward_and_backward

    def _updates(self) -> Iterator[Result]:
        eager, module = baselines.Eager(ec1(), self.device), baselines.Module(ec1(), self.device)
        for runs in PACKS:
            name = f"EC1: an update of a run, drawing included, {_company(runs)}"
            with self._pack([ec1(seed) for seed in range(runs)]) as pack:
                for rival, update in (
                    ("eager loop, autograd, Omega, clipping", eager.update),
                    ("torch.nn.RNN (cuDNN), SGD, clipping, no Omega", module.update),
                ):
                    yield self._compare(name, pack.update, rival, with_grad(update), runs, lead=DRAWN_AHEAD)

    def _updates_on_the_card(self) -> Iterator[Result]:
        module = baselines.Module(ec1(lengths=(STEPS, STEPS)), self.device)
        baseline = Captured(with_grad(partial(module.learn, *module.draw())), self.device).replay
        for runs in PACKS:
            pack = self._replayed(runs)
            name = f"EC1 at one length: an update of a run, on the card alone, replayed, {_company(runs)}"
            rival = "torch.nn.RNN (cuDNN), SGD, clipping, no Omega, replayed"
            yield self._compare(name, pack.replay, rival, baseline, runs)

    def _together(self) -> Iterator[Result]:
        with self._pack([ec1()]) as alone, self._pack([ec1(seed) for seed in range(PACK)]) as pack:
            yield from self._beside_one("EC1, drawing included", alone.update, pack.update, lead=DRAWN_AHEAD)
        one, many = self._replayed(1), self._replayed(PACK)
        yield from self._beside_one("EC1 at one length, on the card alone, replayed", one.replay, many.replay)

    def _beside_one(
        self, what: str, one: Callable[[], Any], many: Callable[[], Any], lead: int = 0
    ) -> Iterator[Result]:
        name, rival = f"{what}: an update of all {PACK} runs of a pack", "of one run alone"
        comparison = self._compare(name, many, rival, one, lead=lead)
        yield comparison
        unit = f"times as long as one (the aim: at most {MOST_TIMES})"
        yield Fact(f"{what}: {PACK} packed runs take", round(1 / comparison.ratio, 2), unit)

    def _checks(self) -> Iterator[Result]:
        every = ec7().check.every
        baseline = ec7_baseline(self.device)
        for how, check in EC7_CHECKS.items():
            for runs in (1, PACK):
                with self._pack([ec7(seed, **check) for seed in range(runs)]) as pack:
                    yield self._compare(
                        f"EC7: an update of a run, validated {how} every {every}, {_company(runs)}",
                        partial(updates_and_check, pack, every),
                        "torch.nn.RNN (cuDNN), SGD, clipping, validated in full",
                        baseline,
                        runs * every,
                        every,
                    )

    def _gated(self, hidden: int, batch: int) -> Iterator[Result]:
        baseline = with_grad(baselines.GatedLayers(gated(hidden, batch), self.device).update)
        for runs in (1, PACK):
            name = f"gated: an update of a run (one byte), 2 layers, batch {batch}, H {hidden}, {_company(runs)}"
            with self._pack([gated(hidden, batch, seed) for seed in range(runs)]) as pack:
                yield self._compare(name, pack.update, "torch.nn, autograd, Adam", baseline, runs)

    def _exploration(self) -> Iterator[Result]:
        """Time an update of each pack of the study: a run of each choice of flags."""
        packs: dict[tuple[PackKey, bool], list[RunSpec]] = {}
        for spec in exploration():
            packs.setdefault(shared_on_card(spec), []).append(spec)
        total = 0.0
        for (key, _), specs in packs.items():
            with self._pack(specs) as pack:
                calls = self.timer.calls(pack.update)
                seconds = self.timer.seconds(pack.update, calls) / calls
            total += seconds * max(spec.train.updates for spec in specs)
            size = f"{key.model.network(1, 1).state_size} units of state, H {key.model.hidden}"
            yield Fact(
                f"{EXPLORATION}: an update of a pack of {len(specs)} choices of flags, {size}, takes",
                round(seconds, 6),
                "s",
            )
        runs, minutes = sum(map(len, packs.values())), total / 60
        yield Fact(
            f"{EXPLORATION}: all updates of {runs} runs, pack after pack, take",
            round(minutes, 1),
            "minutes (the aim: 10)",
        )

    def _launches(self, name: str, spec: RunSpec) -> Iterator[Result]:
        yield Fact(f"{name}: an update of a pack of any size is", launches_of_update(spec), "launches and one copy")

    def _memory(self) -> Iterator[Result]:
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        specs = [ec1(seed) for seed in range(PACK)]
        with self._pack(specs) as pack:
            pack.check(range(PACK))
        taken = torch.cuda.max_memory_allocated(self.device) - before
        estimate = PACK * bytes_of_run(PackKey.of(specs[0]))
        yield Fact(f"EC1: a pack of {PACK} takes at most", taken, f"bytes of device memory (estimate: {estimate})")


def _company(runs: int) -> str:
    return "alone" if runs == 1 else f"pack of {runs}"

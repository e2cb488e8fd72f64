"""The comparisons of `rnnctl bench` on the CPU, and the runs that are compared on every device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from rnnctl.bench import baselines
from rnnctl.bench.timing import Comparison, compare
from rnnctl.cells.base.passes import make_tape
from rnnctl.study.loading import load_study
from rnnctl.study.run import RunSpec
from rnnctl.training.member import Member, begin, network_of
from rnnctl.training.pack import Pack

# Cell, time steps, batch size, hidden units.
SHAPES = (
    ("rnn", 125, 20, 50),
    ("rnn", 125, 20, 100),
    ("gru", 125, 20, 50),
    ("lstm", 125, 20, 50),
    ("rnn", 25, 1, 64),
    ("rnn", 125, 200, 500),
)
PACK = 8  # runs
GATED = ((32, 32), (32, 256), (256, 32))  # hidden units, batch size
EXPLORATION = "gated-exploration"  # a packaged study
# How EC7 is validated, with the settings of its section `check`.
EC7_CHECKS: dict[str, dict[str, int]] = {"in full": {}, "screened": {"screen": 1000, "diagnose_every": 200}}


def _spec(hidden: int, lengths: tuple[int, int], **check: Any) -> dict[str, Any]:
    return {
        "task": {"name": "temporal_order", "min_length": lengths[0], "max_length": lengths[1]},
        "model": {"hidden": hidden},
        "train": {"updates": 1_000_000, "omega": 0.5},
        "check": {"every": 20, "diagnostic_batch": 20, **check},
        "stop": {"solved": "zero_errors"},
    }


def passes_spec(cell: str, hidden: int) -> RunSpec:
    """Return a run whose passes are timed alone: no regulariser."""
    data = {**_spec(hidden, (50, 200), samples=1000), "model": {"name": cell, "hidden": hidden}}
    return RunSpec.model_validate({**data, "train": {"omega": 0}})


def ec1(seed: int = 1, lengths: tuple[int, int] = (50, 200)) -> RunSpec:
    """Return a run with H = 50, lengths 50 to 200 unless others are given, Omega and clipping."""
    return RunSpec.model_validate({**_spec(50, lengths, samples=1000), "seed": seed})


def ec7(seed: int = 1, **check: Any) -> RunSpec:
    """Return a run with H = 100, lengths 20 to 50, and 10,000 validation samples every 20 updates."""
    return RunSpec.model_validate({**_spec(100, (20, 50), **check), "seed": seed})


def gated(hidden: int, batch: int, seed: int = 1) -> RunSpec:
    """Return a run of two gated layers on text, byte by byte, without backpropagation through time."""
    return RunSpec.model_validate(
        {
            "task": {"name": "text", "window": 1000},
            "model": {"name": "gated", "hidden": hidden, "layers": 2},
            "train": {"batch": batch, "optimizer": "adam", "lr": 0.001, "clip": "none", "bptt": 1},
            "check": {"samples": 10, "chunk": 10, "diagnostic_batch": 1},
            "seed": seed,
        }
    )


def exploration() -> list[RunSpec]:
    """Return the runs of a packaged study: gated layers of all flags, in several sizes."""
    return [run.spec for run in load_study(EXPLORATION).runs]


def new_runs(specs: Sequence[RunSpec]) -> tuple[list[Member], list[torch.Tensor]]:
    """Return the members of a pack, at update 0, and their weights."""
    task = specs[0].task.make()
    started = [begin(str(i), spec, task, network_of(spec.model, task)) for i, spec in enumerate(specs)]
    return [member for member, _ in started], [flat for _, flat in started]


def pack_of(specs: Sequence[RunSpec]) -> Pack:
    """Return a pack of new runs on the CPU."""
    return Pack(*new_runs(specs), "cpu")


def comparisons(repeats: int) -> Iterator[Comparison]:
    """Yield all comparisons, each as soon as it is measured. Call it on one thread, in a worker's environment."""
    with torch.no_grad():
        for cell, steps, batch, hidden in SHAPES:
            yield _through_time(cell, steps, batch, hidden, repeats)
        yield from _updates(repeats)
        yield from _cadence(repeats)
        yield from _gated(repeats)


def _through_time(cell: str, steps: int, batch: int, hidden: int, repeats: int) -> Comparison:
    spec = passes_spec(cell, hidden)
    model = network_of(spec.model, spec.task.make())
    tape = make_tape(model, 1, steps, batch, dtype=torch.float32, device="cpu")
    flat = 0.1 * torch.randn(1, model.layout.size)
    weights, grads = model.layout.views(flat), model.layout.views(torch.zeros_like(flat))
    symbols, direct = torch.randint(6, (steps, batch)), [torch.randn(1, batch, hidden)]

    def forward_and_backward() -> None:
        tape.forward(weights, [symbols])
        tape.backward(weights, direct, grads)

    name = f"{cell}: forward and backward, T {steps}, batch {batch}, H {hidden}"
    baseline_name = f"torch.nn.{baselines.MODULES[cell].__name__}"
    baseline = with_grad(baselines.through_time(cell, steps, batch, hidden))
    return compare(name, forward_and_backward, baseline_name, baseline, repeats=repeats)


def _updates(repeats: int) -> Iterator[Comparison]:
    pack = pack_of([ec1(seed) for seed in range(PACK)])
    eager, module = baselines.Eager(ec1()), baselines.Module(ec1())
    name = f"EC1: an update of a run, pack of {PACK}"
    for baseline_name, baseline in (
        ("eager loop, autograd, Omega, clipping", eager.update),
        ("torch.nn.RNN, SGD, clipping, no Omega", module.update),
    ):
        yield compare(name, pack.update, baseline_name, with_grad(baseline), repeats=repeats, rnnctl_units=PACK)


def _cadence(repeats: int) -> Iterator[Comparison]:
    every = ec7().check.every
    baseline = ec7_baseline()
    for how, check in EC7_CHECKS.items():
        yield compare(
            f"EC7: an update of a run alone, validated {how} every {every}",
            partial(updates_and_check, pack_of([ec7(**check)]), every),
            "torch.nn.RNN, SGD, clipping, validated in full",
            baseline,
            repeats=repeats,
            rnnctl_units=every,
            baseline_units=every,
        )


def updates_and_check(pack: Pack, updates: int) -> None:
    """Make updates of all runs of a pack, then a check of all of them."""
    for _ in range(updates):
        pack.update()
    pack.check(range(len(pack.members)))


def ec7_baseline(device: str = "cpu") -> Callable[[], Any]:
    """Return the baseline of `ec7`: the updates from one check to the next, then a validation in full."""
    spec = ec7()
    module = baselines.Module(spec, device)

    def updates_and_validation() -> None:
        for _ in range(spec.check.every):
            module.update()
        module.validate()

    return with_grad(updates_and_validation)


def _gated(repeats: int) -> Iterator[Comparison]:
    for hidden, batch in GATED:
        for runs in (1, PACK):
            pack = pack_of([gated(hidden, batch, seed) for seed in range(runs)])
            baseline = with_grad(baselines.GatedLayers(gated(hidden, batch)).update)
            company = "alone" if runs == 1 else f"pack of {runs}"
            name = f"gated: an update of a run (one byte), 2 layers, batch {batch}, H {hidden}, {company}"
            yield compare(name, pack.update, "torch.nn, autograd, Adam", baseline, repeats=repeats, rnnctl_units=runs)


def with_grad(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return the work of a baseline, done under autograd."""

    def wrapped() -> Any:
        with torch.enable_grad():
            return work()

    return wrapped

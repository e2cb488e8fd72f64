"""The comparisons of `rnnctl bench`, one generator of pairs."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from rnnctl.bench import rivals
from rnnctl.bench.pairs import Pair, paired
from rnnctl.cells.base.passes import make_tape
from rnnctl.study.run import RunSpec
from rnnctl.tasks import make_task
from rnnctl.training.member import begin
from rnnctl.training.pack import Pack, model_of

SHAPES = (
    ("rnn", 125, 20, 50),
    ("rnn", 125, 20, 100),
    ("gru", 125, 20, 50),
    ("lstm", 125, 20, 50),
    ("rnn", 25, 1, 64),
    ("rnn", 125, 200, 500),
)
PACK = 8
GATED = ((32, 32), (32, 256), (256, 32))  # hidden units and sequences


def _spec(hidden: int, lengths: tuple[int, int], **check: Any) -> dict[str, Any]:
    return {
        "task": {"name": "temporal_order", "min_length": lengths[0], "max_length": lengths[1]},
        "model": {"hidden": hidden},
        "train": {"updates": 1_000_000, "omega": 0.5},
        "check": {"every": 20, "diagnostic_batch": 20, **check},
        "stop": {"solved": "zero_errors"},
    }


def ec1(seed: int = 1) -> RunSpec:
    """H = 50, lengths 50 to 200, Omega and clipping."""
    return RunSpec.model_validate({**_spec(50, (50, 200), samples=1000), "seed": seed})


def ec7(seed: int = 1, **check: Any) -> RunSpec:
    """H = 100, lengths 20 to 50, 10,000 samples every 20 updates."""
    return RunSpec.model_validate({**_spec(100, (20, 50), **check), "seed": seed})


def pack_of(specs: list[RunSpec]) -> Pack:
    """A pack at update 0."""
    task = make_task(specs[0].task)
    started = [begin(str(i), spec, task, model_of(spec, task)) for i, spec in enumerate(specs)]
    return Pack(*zip(*started, strict=True), "cpu")


def comparisons(repeats: int) -> Iterator[Pair]:
    """All pairs, each as soon as it is measured. On one thread, in a worker's environment."""
    with torch.no_grad():
        for cell, steps, batch, hidden in SHAPES:
            yield _through_time(cell, steps, batch, hidden, repeats)
        yield from _updates(repeats)
        yield from _cadence(repeats)
        yield from _gated(repeats)


def _through_time(cell: str, steps: int, batch: int, hidden: int, repeats: int) -> Pair:
    data = {**_spec(hidden, (50, 200), samples=1000), "model": {"name": cell, "hidden": hidden}}
    data["train"] = {"omega": 0}
    spec = RunSpec.model_validate(data)
    model = model_of(spec, make_task(spec.task))
    tape = make_tape(model, 1, steps, batch, dtype=torch.float32, device="cpu")
    flat = 0.1 * torch.randn(1, model.layout.size)
    weights, grads = model.layout.views(flat), model.layout.views(torch.zeros_like(flat))
    symbols, direct = torch.randint(6, (steps, batch)), [torch.randn(1, batch, hidden)]

    def ours() -> None:
        tape.forward(weights, [symbols])
        tape.backward(weights, direct, grads)

    name = f"{cell}: forward and backward, T {steps}, batch {batch}, H {hidden}"
    rival = _with_grad(rivals.through_time(cell, steps, batch, hidden))
    return paired(name, f"torch.nn.{rivals.MODULES[cell].__name__}", ours, rival, repeats=repeats)


def _updates(repeats: int) -> Iterator[Pair]:
    pack = pack_of([ec1(seed) for seed in range(PACK)])
    eager, module = rivals.Eager(ec1()), rivals.Module(ec1())
    name = f"EC1: an update of a run, pack of {PACK}"
    for rival_name, rival in (
        ("eager loop, autograd, Omega, clipping", eager.update),
        ("torch.nn.RNN, SGD, clipping, no Omega", module.update),
    ):
        yield paired(name, rival_name, pack.update, _with_grad(rival), repeats=repeats, ours_units=PACK)


def _cadence(repeats: int) -> Iterator[Pair]:
    module = rivals.Module(ec7())
    every = ec7().check.every

    def rival() -> None:
        for _ in range(every):
            module.update()
        module.validate()

    for name, check in (("in full", {}), ("screened", {"screen": 1000, "diagnose_every": 200})):
        pack = pack_of([ec7(**check)])

        def ours(pack: Pack = pack) -> None:
            for _ in range(every):
                pack.update()
            pack.check([0])

        title = f"EC7: an update of a run alone, validated {name} every {every}"
        rival_name = "torch.nn.RNN, SGD, clipping, validated in full"
        yield paired(title, rival_name, ours, _with_grad(rival), repeats=repeats, ours_units=every, rival_units=every)


def gated(hidden: int, batch: int, seed: int = 1) -> RunSpec:
    """Two gated layers on text, byte by byte without backpropagation through time."""
    return RunSpec.model_validate(
        {
            "task": {"name": "text", "window": 1000},
            "model": {"name": "gated", "hidden": hidden, "layers": 2},
            "train": {"batch": batch, "optimizer": "adam", "lr": 0.001, "clip": "none", "bptt": 1},
            "check": {"samples": 10, "chunk": 10, "diagnostic_batch": 1},
            "seed": seed,
        }
    )


def _gated(repeats: int) -> Iterator[Pair]:
    for hidden, batch in GATED:
        for runs in (1, PACK):
            pack = pack_of([gated(hidden, batch, seed) for seed in range(runs)])
            rival = _with_grad(rivals.GatedLayers(gated(hidden, batch)).update)
            name = f"gated: a byte's update of a run, 2 layers, batch {batch}, H {hidden}, {_company(runs)}"
            yield paired(name, "torch.nn, autograd, Adam", pack.update, rival, repeats=repeats, ours_units=runs)


def _company(runs: int) -> str:
    return "alone" if runs == 1 else f"pack of {runs}"


def _with_grad(work: Callable[[], Any]) -> Callable[[], Any]:
    def wrapped() -> Any:
        with torch.enable_grad():
            return work()

    return wrapped


def bookkeeping_share(updates: int = 3000) -> float:
    """Share of a run's wall time that goes to the database, checkpoints, progress and history, not to training and
    checks.

    One worker in this process trains one run in a new workspace; the time inside updates and checks is taken from the
    rest, from the claim to the commit of the result. EC7 with checks every 20 updates, screened, and a checkpoint
    every 2 seconds.
    """
    from jobs.config import Settings
    from jobs.ledger import StoreLedger
    from jobs.worker import Worker
    from rnnctl.execute import execute
    from rnnctl.training import loop
    from store import Store, registry
    from store.registry import RunRecord, StudyRecord

    spec = ec7(screen=1000, diagnose_every=200)
    spec = RunSpec.model_validate({**spec.canonical(), "train": {**spec.canonical()["train"], "updates": updates}})
    inside, around = [0.0], [0.0]

    def timed(work: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                into[0] += time.perf_counter() - start

        return wrapped

    class TimedPack(Pack):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.update = timed(self.update, inside)
            self.check = timed(self.check, inside)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        record = RunRecord(spec.run_id, spec.config_id, spec.shape, spec.canonical(), "bench", updates)
        with Store.create(root) as store:
            registry.register(store, [StudyRecord("bench", "", "", [record])], time.time())
        run = timed(lambda session: execute(session, device="cpu", cadence=loop.Cadence(2.0)), around)
        settings = {"max_pack": lambda shape: 1, "environment": {}, "device": "cpu", "events": lambda event: None}
        original, loop.Pack = loop.Pack, TimedPack
        try:
            with Worker(
                StoreLedger(root), run, Settings(), stop=threading.Event(), abandon=lambda: None, **settings
            ) as worker:
                worker.run()
        finally:
            loop.Pack = original
    return 1 - inside[0] / around[0]

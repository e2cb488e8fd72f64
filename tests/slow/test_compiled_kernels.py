"""All kernels, compiled for cards that are not there, at the sizes that training sends to them: they fit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.gated.section import LARGE_BATCH
from rnnctl.devices import LEAST_CAPABILITY
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from tests.examples import LONG, TIMES
from tests.gpu_shapes import sized, variants
from tests.pretended.device import pretended_device
from tests.pretended.kernels import CELLS_WITH_KERNELS
from tests.slow.compiling import Compiler
from tests.training.memory import train

CAPABILITIES = (80, 86, 90)
EVERY_SETTING = (86, 90) if TIMES >= LONG else (86,)
HIDDEN = (16, 50, 100, 128, 256, 512)
# What tensor cores are given to multiply, by train.precision.
FACTORS = {"bfloat16": "bf16", "float16": "f16"}
LARGE_BATCHES = {80: 128, 86: 512, 90: 32}  # hidden units of runs with large batches, by capability
SMALL, LARGE = 50, 512  # a recurrent matrix in registers, and one that is read block by block
# Bytes of local memory of a thread, at most, by kernel: what does not fit into its registers. All other kernels have
# none. Those of float64 need twice the registers.
KNOWN_LOCAL = {
    "head": 400, "regularise": 128, "squared_norms": 80, "forward_tiles": 160, "backward_tiles": 64, "backward": 128,
    "layers_forward": 288, "layers_backward": 256,
}  # fmt: skip


def specs_of(cell: str, capability: int) -> list[RunSpec]:
    """Return runs that together have every size and every setting of a cell, and every optimizer, precision and
    question.

    For capabilities other than 8.6 they have every size and precision: a thread has as many registers there, and a
    block more shared memory. `make test-long` has everything for 9.0, too.
    """
    sizes = [sized(cell, hidden, 20) for hidden in HIDDEN]
    settings = [sized(cell, SMALL, 20, **variant) for variant in variants(CELLS[cell])]
    optimizers = [sized(cell, SMALL, 20, train={"optimizer": name}) for name in OPTIMIZERS.names]
    types = [sized(cell, hidden, 20, train={"dtype": "float64"}) for hidden in (SMALL, LARGE)]
    tasks = [{"name": "memorization", "min_length": 4, "max_length": 6, "values": 3, "positions": 3}]
    if CELLS[cell].takes_reals:
        tasks.append({"name": "addition", "min_length": 10, "max_length": 14})
    questions = [sized(cell, hidden, 20, task=task) for hidden in (SMALL, LARGE) for task in tasks]
    precision = [
        sized(cell, LARGE, 20, train={"precision": "tf32"}),
        sized(cell, SMALL, 20, task=tasks[0], train={"precision": "bfloat16"}),
        sized(cell, 128, 20, task=tasks[-1], train={"precision": "float16"}),
    ]
    if capability not in EVERY_SETTING:
        return [*sizes, *precision]
    return [*sizes, *settings, *optimizers, *types, *precision, *questions]


def of_large_batches(cell: str, capability: int) -> list[RunSpec]:
    """Return runs of large batches, in updates and in checks. Gated cells take larger tiles of them; and Triton makes
    other programs of any cell for a multiple of 16. Each capability has a size of its own, and one has text, an
    update of which takes one step: tests are slow enough.
    """
    check = {"samples": LARGE_BATCH, "chunk": LARGE_BATCH, "diagnostic_batch": LARGE_BATCH}
    specs = [sized(cell, LARGE_BATCHES[capability], LARGE_BATCH, check=check)]
    if cell == "gated" and capability == 86:
        text = {"task": {"name": "text", "window": 12}, "train": {"bptt": 1}}
        specs.append(sized(cell, 256, LARGE_BATCH, check=check, **text))
    return specs


def compiled(specs: Iterable[RunSpec], capabilities: Iterable[int], runs: int = 1) -> Compiler:
    """Train packs of each run and others like it, whose kernels are compiled and not started."""
    with Compiler(capabilities) as compiler, pretended_device(compiler.launch, zeroed=True) as device:
        for spec in specs:
            others = {str(i): spec.model_copy(update={"seed": spec.seed + i}) for i in range(runs)}
            train(others, device=device.name)
    return compiler


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_every_kernel_fits(cell, capability, figure):
    kernels = compiled([*specs_of(cell, capability), *of_large_batches(cell, capability)], [capability]).kernels
    figure("kernels", len(kernels))
    figure("shared", f"at most {max(kernel.shared for kernel in kernels)} B")
    figure("registers", f"at most {max(kernel.registers for kernel in kernels)}")
    figure("local", f"at most {max(kernel.local for kernel in kernels)} B")
    wrong = [str(kernel) for kernel in kernels if not kernel.fits or kernel.local > KNOWN_LOCAL.get(kernel.name, 0)]
    assert not wrong, "\n".join(wrong)
    for precision, factors in FACTORS.items():
        multiplying = [kernel for kernel in kernels if dict(kernel.constants).get("PRECISION") == precision]
        assert len({kernel.name for kernel in multiplying}) == 4  # forward and back through time, head, gradients
        assert {kernel.factors for kernel in multiplying} == {(factors,)}, precision


@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_every_kernel_fits_on_the_oldest_cards(cell):
    """With narrow factors, updates read matrices block by block and checks keep them in registers: all kernels."""
    major, minor = LEAST_CAPABILITY
    kernels = compiled([sized(cell, SMALL, 20, train={"precision": "float16"})], [10 * major + minor]).kernels
    wrong = [str(kernel) for kernel in kernels if not kernel.fits or kernel.local > KNOWN_LOCAL.get(kernel.name, 0)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif("gated" not in CELLS_WITH_KERNELS, reason="the gated cell has no kernels")
@pytest.mark.parametrize("hidden", [50, 256])
def test_gated_runs_of_any_flags_are_trained_by_the_same_programs_alone_and_in_one_pack(hidden):
    task = {"name": "text", "window": 12}
    settings = {"task": task, "train": {"optimizer": "adam", "bptt": 1}}
    runs = {
        str(i): sized("gated", hidden, 21, seed=i, **settings, **variant)
        for i, variant in enumerate(variants(CELLS["gated"]))
    }

    def programs(runs: dict[str, RunSpec]) -> set[str]:
        with Compiler([86]) as compiler, pretended_device(compiler.launch, zeroed=True) as device:
            train(runs, device=device.name)
        return {str(kernel) for kernel in compiler.kernels}

    together = programs(runs)
    for run_id in ("0", str(len(runs) - 1)):
        assert programs({run_id: runs[run_id]}) == together


@pytest.mark.parametrize(
    ("hidden", "validated"), [(50, 1), (200, 2**28)], ids=["validated one by one", "validated together"]
)
@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_a_run_is_trained_by_the_same_programs_alone_and_in_a_pack(cell, hidden, validated, monkeypatch):
    """Triton makes other programs for other arguments (numbers that are 1, or multiples of 16): with other bits."""
    monkeypatch.setattr("rnnctl.training.device_checks.OF_ALL", validated)

    def programs(runs: int) -> set[str]:
        return {str(kernel) for kernel in compiled([sized(cell, hidden, 21)], [86], runs).kernels}

    alone = programs(1)
    for runs in (2, 16):
        assert sorted(programs(runs) ^ alone) == []

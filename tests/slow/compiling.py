"""Kernels compiled for cards that are not there.

    with Compiler((80, 86, 90)) as compiler, pretended_device(compiler.launch, zeroed=True) as device:
        train_pack(specs, recorder, device=device.name, cadence=Cadence())
    compiler.kernels

Triton compiles what is launched, with the arguments and constants that it is launched with, as it would for a card: it
only asks its driver which one. Nothing is computed. The tools that come with Triton tell what a program takes.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from unittest import mock

import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from rnnctl.kernels.gpu.launch import launch
from tests.pretended.device import kernel_name

DUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
# Bytes of shared memory that one program may have, by compute capability (CUDA C++ Programming Guide, "Technical
# Specifications per Compute Capability").
SHARED_LIMITS = {75: 64 * 1024, 80: 163 * 1024, 86: 99 * 1024, 89: 99 * 1024, 90: 227 * 1024}


@dataclass(frozen=True)
class Compiled:
    """A kernel for one capability.

    assumed: names of arguments that are multiples of 16, or 1, in every launch of the program. shared: bytes of a
    program. registers, local: of a thread; local: bytes that do not fit into registers and go through memory.
    factors: types of the numbers that its tensor cores multiply, in PTX. identity: equal for equal programs.
    """

    name: str
    capability: int
    constants: tuple[tuple[str, Any], ...]
    assumed: tuple[str, ...]
    warps: int
    shared: int
    registers: int
    local: int
    factors: tuple[str, ...]
    identity: str

    @property
    def fits(self) -> bool:
        """Whether cards of the capability have the shared memory."""
        return self.shared <= SHARED_LIMITS[self.capability]

    def __str__(self) -> str:
        constants = ", ".join(f"{key}={value}" for key, value in self.constants)
        return (
            f"{self.name} for {self.capability} ({constants}; assumed {', '.join(self.assumed)}): {self.warps} warps, "
            f"{self.shared} B shared, {self.registers} registers, {self.local} B local"
        )


class Card:
    """What Triton asks its driver before it compiles."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        # Triton keeps compiled kernels by device.
        return self.capability

    def get_current_stream(self, device: int) -> int:
        return 0


class Compiler:
    """Compiles each launch for cards of some capabilities; a launch that it has seen before costs nothing."""

    def __init__(self, capabilities: Iterable[int]) -> None:
        if triton.knobs.runtime.interpret:
            raise RuntimeError("TRITON_INTERPRET is set: kernels are interpreted in this process, not compiled")
        self.cards = [Card(capability) for capability in capabilities]
        self.launches: Counter[Compiled] = Counter()
        self._compiled: dict[str, Compiled] = {}  # by Triton's hash of program, target and options
        self._folder = TemporaryDirectory()

    @property
    def kernels(self) -> list[Compiled]:
        """All kernels so far, in the order in which they were launched first."""
        return list(self.launches)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def launch(self, kernel: Any, grid: Any, *args: Any, **constants: Any) -> None:
        """Compile what `rnnctl.kernels.gpu.launch.launch` is asked to start."""
        for card in self.cards:
            # Triton finds its driver when a kernel is first compiled, and would find none here.
            with mock.patch.object(driver, "_active", card):
                launch(_Uncalled(kernel, self, card.capability, constants), grid, *args, **constants)

    def count(self, kernel: Any, capability: int, constants: dict[str, Any], compiled: Any) -> None:
        """Count a launch of a compiled kernel."""
        if compiled.hash not in self._compiled:
            registers, local = _registers_and_local(compiled.asm["cubin"], Path(self._folder.name))
            shown = {key: kernel_name(value) if hasattr(value, "fn") else value for key, value in constants.items()}
            self._compiled[compiled.hash] = Compiled(
                name=kernel_name(kernel),
                capability=capability,
                constants=tuple((key, value) for key, value in shown.items() if key != "warps"),
                assumed=_assumed(compiled.src, constants),
                warps=compiled.metadata.num_warps,
                shared=compiled.metadata.shared,
                registers=registers,
                local=local,
                factors=_factors(compiled.asm["ptx"]),
                identity=compiled.hash,
            )
        self.launches[self._compiled[compiled.hash]] += 1


@dataclass(frozen=True)
class _Uncalled:
    """Stands for a kernel in a launch, and compiles it instead of starting it."""

    kernel: Any
    compiler: Compiler
    capability: int
    constants: dict[str, Any]

    def __getitem__(self, grid: Any) -> Any:
        def compile_only(*args: Any, **options: Any) -> None:
            compiled = self.kernel.warmup(*args, grid=grid, **options)
            self.compiler.count(self.kernel, self.capability, self.constants, compiled)

        return compile_only


def _assumed(source: Any, constants: dict[str, Any]) -> tuple[str, ...]:
    names = source.fn.arg_names
    multiples = [f"{names[i]} % 16" for (i,), facts in source.attrs.items() if facts]
    ones = [f"{names[i]} = {value}" for (i,), value in source.constants.items() if names[i] not in constants]
    return (*multiples, *ones)


def _factors(ptx: str) -> tuple[str, ...]:
    """Return the types of factors, such as `bf16`, of all products that a program leaves to tensor cores."""
    return tuple(sorted(set(re.findall(r"mma(?:_async)?\.sync\.[\w.:]*\.f32\.(\w+)\.\1", ptx))))


def _registers_and_local(cubin: bytes, folder: Path) -> tuple[int, int]:
    """Return the registers and the bytes of local memory of a thread."""
    file = folder / "kernel.cubin"
    file.write_bytes(cubin)
    shown = subprocess.run([DUMP, "--dump-resource-usage", file], capture_output=True, text=True, check=True).stdout
    usage = {name: int(number) for name, number in re.findall(r"(REG|STACK|LOCAL):(\d+)", shown)}
    return usage["REG"], usage["STACK"] + usage["LOCAL"]

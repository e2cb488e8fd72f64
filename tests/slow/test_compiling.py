"""What compiles kernels without a card tells shared memory, registers and local memory as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rnnctl.kernels.gpu import launch as launcher
from tests.pretended.device import pretended_device
from tests.slow.compiling import SHARED_LIMITS, Compiled, Compiler
from tests.toy_kernel import repeated_product, tile_product

CAPABILITIES = (80, 86, 90)


def compiled_product(size: int, warps: int, steps: int = 17) -> list[Compiled]:
    with Compiler(CAPABILITIES) as compiler, pretended_device(compiler.launch) as device:
        w, h = (torch.zeros(size + 1, size, device=device.name) for _ in range(2))
        for _ in range(2):
            launcher.launch(repeated_product, (1,), w, h, steps, warps=warps, N=size)
        assert device.take().launches["repeated_product"] == 2
        return compiler.kernels


def test_each_launch_is_compiled_once_for_each_capability():
    kernels = compiled_product(64, 4)
    assert [kernel.capability for kernel in kernels] == list(CAPABILITIES)
    for kernel in kernels:
        assert (kernel.name, kernel.warps) == ("repeated_product", 4)
        assert dict(kernel.constants)["N"] == 64
        assert 0 < kernel.shared <= 16 * 1024
        assert kernel.fits
        # 4096 numbers of the matrix lie in the registers of 128 threads.
        assert kernel.registers > 32
        assert kernel.local == 0


def test_what_does_not_fit_into_registers_is_seen():
    for kernel in compiled_product(128, 1):
        assert kernel.registers >= 32
        assert kernel.local > 128 * 128 // 32 * 4 // 2  # most of the matrix


def test_shared_memory_is_told_and_compared_with_what_cards_have():
    with Compiler(CAPABILITIES) as compiler, pretended_device(compiler.launch) as device:
        x, w, y = (torch.zeros(32, 32, device=device.name) for _ in range(3))
        launcher.launch(tile_product, (1,), x, w, y, N=32)
    for kernel in compiler.kernels:
        assert kernel.shared >= 2 * 32 * 32 * 4  # both factors
        assert kernel.fits
        limit = SHARED_LIMITS[kernel.capability]
        assert replace(kernel, shared=limit).fits
        assert not replace(kernel, shared=limit + 1).fits


def test_arguments_are_specialised_as_for_a_card():
    """A number that is divisible by 16, or 1, makes another program."""
    with Compiler((86,)) as compiler, pretended_device(compiler.launch) as device:
        w, h = (torch.zeros(40, 16, device=device.name) for _ in range(2))
        for steps in (17, 19, 16, 32, 1):
            launcher.launch(repeated_product, (1,), w, h, steps, N=16)
    assert len(compiler.kernels) == 3


def test_interpreted_kernels_are_refused(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with pytest.raises(RuntimeError, match="TRITON_INTERPRET"):
        Compiler((86,))

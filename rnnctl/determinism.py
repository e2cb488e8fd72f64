"""Threads, environment variables and flags that a run's bits depend on. No other module sets them.

The environment of a worker is made before its interpreter starts, because the maths library reads it when torch loads.
The flags of torch are the first thing that a worker sets. A worker has one thread: two workers that share two cores
with torch's default threads are a hundred times slower, and sums that are split over threads are not reproducible.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rnnctl import __version__
from rnnctl.devices import gpu_driver, gpu_kernel_compiler, is_card

BIT_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",
    # Pins the code path that MKL takes, so that a product's bits do not depend on what else is in the batch.
    "MKL_CBWR": "AVX2",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}

# Names of the cards on which the suite for the card (tests/gpu) has shown that a run ends with the same bits alone, in
# a pack, and resumed. Whoever changes a kernel for GPUs takes out the cards on which the suite has not passed since:
# the NVIDIA H200, where it passed on 2026-11-26, is not here for that reason.
PROVEN_CARDS: frozenset[str] = frozenset()
START = "start"  # the key of an environment that differs for each start of a worker


def worker_environment() -> dict[str, str]:
    """Return the environment for a worker: that of this process, with the variables that fix bits."""
    return {**os.environ, **BIT_VARIABLES}


def settle_torch() -> None:
    """Set the flags of torch. Raise RuntimeError if the process was not started in `worker_environment`."""
    wrong = [name for name, value in BIT_VARIABLES.items() if os.environ.get(name) != value]
    if wrong:
        raise RuntimeError(f"the worker was started without {', '.join(wrong)}: its bits would not be reproducible")
    _set_flags()


@contextmanager
def torch_settled() -> Iterator[None]:
    """Inside `with`, give torch the flags of a worker, and then those of before, for training in a user's own process.

    The bits are those of a worker if the process was started in `worker_environment`.
    """
    import torch

    threads, matmul, cudnn = torch.get_num_threads(), torch.backends.cuda.matmul, torch.backends.cudnn
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    tf32 = matmul.allow_tf32, cudnn.allow_tf32
    _set_flags()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        matmul.allow_tf32, cudnn.allow_tf32 = tf32


def _set_flags() -> None:
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Every buffer is written before it is read; filling them with NaN first would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def bit_environment(device: str) -> dict[str, Any]:
    """Return what a run's bits depend on besides its spec. Two attempts in equal environments end with the same bits.

    Unless a card is one of PROVEN_CARDS, it is not known whether the bits of a run there depend on its pack, and a
    resumed run hardly ever gets the same pack. There every start of a worker counts as a different environment.
    """
    import numpy
    import torch

    environment = {
        "rnnctl": __version__,
        "torch": str(torch.__version__),  # it is of a class of torch, which whoever is sent it would have to load
        "numpy": numpy.__version__,
        "kernels": kernel_compiler() or "torch",
        "cpu": _cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "mkl_cbwr": os.environ.get("MKL_CBWR"),
        "device": "cpu",
    }
    if is_card(device):
        environment |= _card_environment(device)
    return environment


def _card_environment(device: str) -> dict[str, Any]:
    """Return what bits depend on where a card computes. Which of several equal cards it is makes no difference."""
    import torch

    facts = torch.cuda.get_device_properties(device)
    environment: dict[str, Any] = {
        "device": "cuda",
        "gpu": facts.name,
        "gpu_capability": f"{facts.major}.{facts.minor}",
        "cuda": torch.version.cuda,
        "gpu_kernels": gpu_kernel_compiler() or "torch",
        "driver": gpu_driver(),
    }
    return environment if facts.name in PROVEN_CARDS else environment | {START: uuid.uuid4().hex}


def differences(environment: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys in which two results of `bit_environment` differ: what is installed, and on what.

    That two workers started at different times is no difference between the machines, so it does not count here.
    """
    keys = dict.fromkeys([*environment, *other])
    return tuple(key for key in keys if key != START and environment.get(key) != other.get(key))


def kernel_compiler() -> str | None:
    """Return the compiler of the CPU kernels; None if it is not installed or a user has turned it off
    (NUMBA_DISABLE_JIT=1), and torch does their work.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return None
    try:
        return f"numba {version('numba')}, llvmlite {version('llvmlite')}"
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """Return the name of the processor, by which BLAS and compilers choose their code."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()

"""The one place that decides threads, variables and flags on which a run's bits depend.

A worker's environment is made before its interpreter starts, because the maths library reads it when torch loads; the
flags that torch itself holds are set first thing in the worker. One thread a worker: two workers that share two cores
with torch's default threads are a hundred times slower, and sums that are split over threads are not reproducible.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rnnctl import __version__

BIT_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",
    # Pins the code path that MKL takes, so that a product's bits do not depend on what else is in the batch.
    "MKL_CBWR": "AVX2",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


def worker_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment to start a worker in: `base` (default: this process's) with the variables that fix bits."""
    return {**(os.environ if base is None else base), **BIT_VARIABLES}


def settle_torch() -> None:
    """Set torch's own flags. Raises RuntimeError if the process was not started in `worker_environment`."""
    wrong = [name for name, value in BIT_VARIABLES.items() if os.environ.get(name) != value]
    if wrong:
        raise RuntimeError(f"worker started without {', '.join(wrong)}: its bits would not be reproducible")
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Every buffer is written before it is read; filling them with NaN first would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def resolve_device(name: str) -> str:
    """`auto`, `cpu` or `cuda` -> the torch device to use. Raises ValueError when CUDA is asked for and absent."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        built = "this torch was built without CUDA" if torch.version.cuda is None else "no GPU is visible"
        raise ValueError(f"--device cuda: {built}; use --device cpu or auto")
    return name


def bit_environment(device: str) -> dict[str, Any]:
    """What a run's bits depend on beside its spec: two attempts in equal bit environments end with the same bits.

    On a GPU nobody has shown that a run's bits do not depend on its pack, and a resumed run hardly ever gets the same
    pack: there every start of a worker is an environment of its own.
    """
    import numpy
    import torch

    found = {
        "rnnctl": __version__,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "kernels": kernel_compiler() or "torch",
        "cpu": _cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "mkl_cbwr": os.environ.get("MKL_CBWR"),
        "device": device,
    }
    if device == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "start": uuid.uuid4().hex}
    return found


def kernel_compiler() -> str | None:
    """The compiler of the fused kernels that go through time on a CPU; None without one, where torch does."""
    try:
        return f"numba {version('numba')}, llvmlite {version('llvmlite')}"
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """The processor's name: BLAS and compilers choose their code by it."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()

"""Devices: which there are, what a user may call them, and how much memory they have.

A device is named as torch names it: `cpu`, or a card such as `cuda:0`. Torch loads inside functions only, so that
options can be checked without it.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rnnctl.words import counted, cut, did_you_mean

WORDS = ("auto", "cpu", "cuda")
FORMS = f"{', '.join(WORDS)}, or cards such as cuda:0 or cuda:0,cuda:1"
# The first generation with the instructions that Triton and the libraries of current torch releases are built for.
LEAST_CAPABILITY = (7, 5)
MOST_QUEUES = 32  # that CUDA allows
DRIVER_VERSION = Path("/proc/driver/nvidia/version")

_CARD = re.compile(r"cuda:(0|[1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Card:
    """A GPU. capability: compute capability, (major, minor).

    free_bytes: what no process uses, and what torch in this process has set aside for later use.
    """

    name: str
    device: str
    capability: tuple[int, int]
    memory_bytes: int
    free_bytes: int

    @property
    def trouble(self) -> str | None:
        """Why the card cannot be used, None if it can."""
        return _trouble(self.capability)


def is_card(device: str) -> bool:
    """Return whether a device is a GPU."""
    return device.startswith("cuda")


def parse(text: str) -> tuple[str, ...]:
    """Return the devices that a text names: one of WORDS, or cards separated by commas. Loads no torch.

    Raise ValueError for any other text. Whether the cards are there is not looked at: see `resolve`.
    """
    names = tuple(word.strip() for word in text.split(","))
    if len(names) == 1 and names[0] in WORDS:
        return names
    for name in names:
        if not _CARD.fullmatch(name):
            raise ValueError(f"{cut(text)!r} is not allowed; allowed: {FORMS}{_hint(name)}")
        if names.count(name) > 1:
            raise ValueError(f"{text!r} is not allowed: it names {name} twice; allowed: {FORMS}")
    return names


def parse_one(text: str) -> str:
    """Return the one device that a text names; see `parse`. Raise ValueError if it names several cards."""
    names = parse(text)
    if len(names) > 1:
        raise ValueError(f"{text!r} is not allowed: it names {len(names)} cards; one is allowed here")
    return names[0]


def resolve_one(text: str) -> str:
    """Return the one device that a text names on this machine; `auto` and `cuda` stand for the first usable card.

    Raise ValueError as `resolve` does.
    """
    return resolve(parse_one(text))[0]


def resolve(text: str) -> tuple[str, ...]:
    """Return the devices that a text names on this machine: `("cpu",)`, or cards such as `("cuda:0", "cuda:1")`.

    `auto` stands for all usable cards, or for the CPU if there are none; `cuda` stands for all usable cards.

    Raise ValueError, in one line, if the text names no device (see `parse`), or a card that is absent or too old.
    """
    names = parse(text)
    if names == ("cpu",):
        return names
    why = absence()
    present = _present() if why is None else {}
    usable = tuple(name for name, trouble in present.items() if trouble is None)
    if names == ("auto",):
        return usable or ("cpu",)
    if why is not None:
        raise ValueError(f"--device {text}: {why}; use --device cpu or auto")
    if names == ("cuda",):
        if not usable:
            raise ValueError(f"--device {text}: {'; '.join(filter(None, present.values()))}")
        return usable
    for name in names:
        if name not in present:
            listed = ", ".join(present)
            raise ValueError(
                f"--device {text}: there is no {name}; this machine has {counted(len(present), 'GPU')}: {listed}"
            )
        if (trouble := present[name]) is not None:
            raise ValueError(f"--device {text}: {trouble}")
    return names


def assigned(names: Sequence[str], slot: int, workers: int) -> tuple[str, int]:
    """Return the device of the worker in a slot, 0, 1, ..., and how many of so many workers have that device."""
    place = slot % len(names)
    return names[place], len(range(place, workers, len(names)))


def has_driver() -> bool:
    """Return whether a driver for GPUs is there, on Linux or in its Windows subsystem. Loads no torch."""
    return any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg"))


def absence() -> str | None:
    """Return why torch sees no GPU, None if it sees one."""
    import torch

    with warnings.catch_warnings(record=True) as caught:  # a driver that does not fit is a warning of torch's
        warnings.simplefilter("always")
        if torch.cuda.is_available() and torch.cuda.device_count():
            return None
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    reasons = [str(warning.message).splitlines()[0] for warning in caught]
    return f"no GPU is visible ({reasons[0]})" if reasons else "no GPU is visible"


def cards() -> tuple[Card, ...]:
    """Return the GPUs that torch can see, also those that are too old to be used."""
    if absence() is not None:
        return ()
    import torch

    seen = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        device = f"cuda:{index}"
        seen.append(Card(facts.name, device, (facts.major, facts.minor), facts.total_memory, free_bytes(device)))
    return tuple(seen)


def card(device: str) -> Card:
    """Return the GPU with the name of a device."""
    return cards()[int(device.partition(":")[2])]


def free_bytes(device: str) -> int:
    """Return how much memory of a card this process can still use.

    NVIDIA's management library is asked where it is installed: it needs no CUDA context, which itself takes memory.
    Memory that torch in this process has set aside counts as free.
    """
    import torch

    free = _free_by_nvml(device)
    if free is None:
        free = torch.cuda.mem_get_info(device)[0]
    return free + torch.cuda.memory_reserved(device)


def multiprocessors(device: str) -> int:
    """Return how many multiprocessors a card has."""
    import torch

    return int(torch.cuda.get_device_properties(device).multi_processor_count)


def open_queues() -> None:
    """Let work of many streams run side by side on a card. Call it before this process uses a card.

    CUDA puts work into a few queues, 8 unless it is told otherwise. Streams that share one wait for each other.
    """
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", str(MOST_QUEUES))


def use(device: str) -> None:
    """Make a card the current one of this process: kernels are started there. Do nothing for the CPU."""
    if is_card(device):
        import torch

        torch.cuda.set_device(device)


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a card or this machine has no memory left, whichever library it comes from."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    on_card = "CUBLAS_STATUS_ALLOC_FAILED" in text or ("CUDA" in text and "out of memory" in text)
    refused = on_card or "DefaultCPUAllocator" in text
    return isinstance(error, RuntimeError) and refused


def answers(device: str) -> bool:
    """Return whether a device still works in this process. After some errors, such as a forbidden access to memory, a
    card refuses everything until the process ends.
    """
    import torch

    try:
        if is_card(device):
            torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True


def release_memory() -> None:
    """Give back the memory that torch has set aside on cards. Call it when no tensor there is in use any more."""
    import gc

    import torch

    gc.collect()
    torch.cuda.empty_cache()


def gpu_kernel_compiler() -> str | None:
    """Return the compiler of the GPU kernels; None where it is not installed."""
    try:
        return f"triton {version('triton')}"
    except PackageNotFoundError:
        return None


def gpu_driver() -> str | None:
    """Return the version of NVIDIA's kernel driver; None if it is unknown."""
    try:
        match = re.search(r"\s(\d+(\.\d+)+)\s", DRIVER_VERSION.read_text(errors="replace"))
    except OSError:
        return None
    return match[1] if match else None


def _hint(name: str) -> str:
    """Return `; did you mean X?` for a name that is no card, an empty text if nothing is near or it is a word."""
    if name in WORDS:  # which stands alone
        return ""
    _, colon, number = name.partition(":")
    known = [*WORDS, *([f"cuda:{int(number)}"] if colon and re.fullmatch("[0-9]{1,9}", number) else [])]
    return did_you_mean(name.lower().replace("gpu", "cuda"), known)


def _present() -> dict[str, str | None]:
    """Return every card with the reason why it cannot be used, None for one that can."""
    import torch

    present = {}
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        trouble = _trouble((facts.major, facts.minor))
        present[f"cuda:{index}"] = trouble and f"cuda:{index} ({facts.name}) has {trouble}"
    return present


def _trouble(capability: tuple[int, int]) -> str | None:
    if capability >= LEAST_CAPABILITY:
        return None
    has, needed = (".".join(map(str, pair)) for pair in (capability, LEAST_CAPABILITY))
    return f"compute capability {has}; {needed} or more is needed"


def _free_by_nvml(device: str) -> int | None:
    """Return the free memory of a card as NVIDIA's management library tells it; None if it cannot be asked."""
    import torch

    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            # By its UUID: the library counts all cards of the machine, torch those that CUDA_VISIBLE_DEVICES names.
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).free)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None

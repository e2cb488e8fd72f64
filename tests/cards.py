"""Cards that are not there: torch and NVIDIA's management library are made to tell of them."""

import sys
from types import ModuleType, SimpleNamespace

import torch

GIB = 2**30
RTX, OLD = ("NVIDIA GeForce RTX 3090", (8, 6)), ("Tesla P100", (6, 0))


def pretend(monkeypatch, *cards, free=20 * GIB, memory=24 * GIB, managed=None):
    """Let torch see these cards, each a name and a compute capability, and `free` bytes on each.

    managed: free bytes on each card by NVIDIA's management library; None: it is not installed.
    """
    facts = [
        SimpleNamespace(
            name=name, major=major, minor=minor, total_memory=memory, uuid=f"uuid-{i}", multi_processor_count=82
        )
        for i, (name, (major, minor)) in enumerate(cards)
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(facts))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(facts))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: facts[_index(device)])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, memory))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    monkeypatch.setitem(sys.modules, "pynvml", None if managed is None else _library(facts, managed, memory))


def _index(device):
    return device if isinstance(device, int) else int(device.removeprefix("cuda:"))


def _library(facts, managed, memory):
    library = ModuleType("pynvml")
    library.NVMLError = type("NVMLError", (Exception,), {})
    open_handles = []

    def handle(uuid):
        assert open_handles, "the library was not initialised"
        if uuid not in {f"GPU-{each.uuid}" for each in facts}:
            raise library.NVMLError(uuid)
        return uuid

    library.nvmlInit = lambda: open_handles.append(1)
    library.nvmlShutdown = open_handles.pop
    library.nvmlDeviceGetHandleByUUID = handle
    library.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(free=managed, total=memory)
    return library

"""Batches on their way to a device: laid out in host memory, several updates ahead, and copied without waiting."""

from __future__ import annotations

import weakref

import numpy as np
import torch

from rnnctl.training.slots import Arrays, Fields, Memory, arrays_in

AHEAD = 8  # slots where the memory is not given: updates that the host may be ahead of the device


class Staging:
    """The arrays of one update after the other. On the device each has one place; in host memory it has several slots,
    and one is written again only when it has been copied.

    size: bytes of the greatest slot. memory: (slots, size) bytes of the host, if other processes write there too.
    """

    def __init__(self, size: int, device: str, memory: Memory | None = None) -> None:
        self.on_gpu = torch.device(device).type == "cuda"
        if memory is None:
            self._host = torch.zeros(AHEAD, size, dtype=torch.uint8, pin_memory=self.on_gpu)
        else:
            self._host = torch.from_numpy(memory)
            if self.on_gpu:
                self._pin(device)
        self._device = torch.zeros(size, dtype=torch.uint8, device=device)
        self._copied = [torch.cuda.Event() for _ in range(len(self._host) if self.on_gpu else 0)]  # type: ignore[no-untyped-call]

    def _pin(self, device: str) -> None:
        """Let the device read the host's memory by itself. Where that is refused, copies are slower, no more."""
        cudart = torch.cuda.cudart()  # type: ignore[no-untyped-call]
        address = self._host.data_ptr()
        if int(cudart.cudaHostRegister(address, self._host.numel(), 0)) == 0:
            # The tensor is an argument so that its memory stays until it is no longer registered.
            weakref.finalize(self, lambda host: cudart.cudaHostUnregister(host.data_ptr()), self._host)
            return
        try:
            torch.ones(1, device=device)  # CUDA keeps the error for the next who asks
        except RuntimeError:
            return

    def arrange(self, fields: Fields) -> None:
        """Begin with the first slot, in a new layout. Wait until everything in the former one is copied."""
        self.finish()
        self._slots = [arrays_in(memory, fields) for memory in self._host.numpy()]
        self.arrays: dict[str, torch.Tensor] = {}
        start = 0
        for name, field in fields.items():
            kind = torch.from_numpy(np.empty(0, field.dtype)).dtype
            self.arrays[name] = self._device[start : start + field.bytes].view(kind).view(field.shape)
            start += field.size
        self._sources = [host[:start] for host in self._host]
        self._target = self._device[:start]
        self._next = 0

    def finish(self) -> None:
        """Wait until everything that was sent is copied."""
        for slot in range(len(self._copied)):
            self.wait(slot)

    def wait(self, slot: int) -> None:
        """Wait until what was sent from a slot is copied."""
        if self.on_gpu:
            self._copied[slot].synchronize()

    def slot(self) -> Arrays:
        """Return the arrays for the next update, to be written. Wait until what was written there before is copied."""
        self.wait(self._next)
        return self._slots[self._next]

    def send(self) -> None:
        """Copy what was written to the device, in the order of its work."""
        self._target.copy_(self._sources[self._next], non_blocking=True)
        if self.on_gpu:
            self._copied[self._next].record()
        self._next = (self._next + 1) % len(self._slots)

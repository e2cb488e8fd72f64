"""Batches on their way to a device: laid out in host memory, several updates ahead, and copied without waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

AHEAD = 8  # updates that the host may be ahead of the device
ALIGNED = 16  # bytes


@dataclass(frozen=True)
class Field:
    """An array of a batch: its shape and its type."""

    shape: tuple[int, ...]
    dtype: type[np.generic]

    @property
    def size(self) -> int:
        """Bytes that it takes, rounded up so that the next one is aligned."""
        size = int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize
        return -(-size // ALIGNED) * ALIGNED


class Staging:
    """The arrays of one update after the other. On the device each has one place; in host memory it has several, and
    one is written again only when it has been copied.
    """

    def __init__(self, fields: Mapping[str, Field], device: str) -> None:
        self.on_gpu = torch.device(device).type == "cuda"
        size = sum(field.size for field in fields.values())
        self._host = torch.zeros(AHEAD, size, dtype=torch.uint8, pin_memory=self.on_gpu)
        self._device = torch.zeros(size, dtype=torch.uint8, device=device)
        self.arrays: dict[str, torch.Tensor] = {}
        self._slots: list[dict[str, np.ndarray]] = [{} for _ in range(AHEAD)]
        start = 0
        for name, field in fields.items():
            end = start + int(np.prod(field.shape)) * np.dtype(field.dtype).itemsize
            for slot, host in zip(self._slots, self._host.numpy(), strict=True):
                slot[name] = host[start:end].view(field.dtype).reshape(field.shape)
            kind = torch.from_numpy(np.empty(0, field.dtype)).dtype
            self.arrays[name] = self._device[start:end].view(kind).view(field.shape)
            start += field.size
        self._copied = [torch.cuda.Event() for _ in range(AHEAD if self.on_gpu else 0)]  # type: ignore[no-untyped-call]
        self._next = 0

    def slot(self) -> dict[str, np.ndarray]:
        """Return the arrays for the next update, to be written. Wait until what was written there before is copied."""
        if self.on_gpu:
            self._copied[self._next].synchronize()
        return self._slots[self._next]

    def send(self) -> None:
        """Copy what was written to the device, in the order of its work."""
        self._device.copy_(self._host[self._next], non_blocking=True)
        if self.on_gpu:
            self._copied[self._next].record()
        self._next = (self._next + 1) % AHEAD

"""Load checkpoints: numbers, texts and tensors, and never code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


class UnsafeCheckpoint(ValueError):
    """A checkpoint was not loaded, because it is not made of numbers, texts and tensors alone. str() is one line."""


def load(path: Path) -> dict[str, Any]:
    """Return the state that a checkpoint has, with its tensors on the CPU. Raise UnsafeCheckpoint if it has none."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        if "allocate memory" in str(error):  # torch's RuntimeError where there is no memory: the file may be sound
            raise MemoryError(f"there is not enough memory to load {path.name}") from None
        # Damaged content can raise nearly anything. What torch says then advises to load it without this protection.
        raise UnsafeCheckpoint(
            f"{path.name} was not loaded: it is not a checkpoint that rnnctl wrote, and what it has might run code"
        ) from None
    if not isinstance(state, dict):
        raise UnsafeCheckpoint(f"{path.name} was not loaded: it is not a checkpoint that rnnctl wrote")
    return state

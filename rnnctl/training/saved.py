"""Load and write checkpoints: numbers, texts and tensors, and never code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch


class UnsafeCheckpoint(ValueError):
    """A checkpoint was not loaded, because it is not made of numbers, texts and tensors alone. str() is one line."""


def writer(state: dict[str, Any]) -> Callable[[BinaryIO], None]:
    """Return what writes a state to a file, for `load` to read."""
    return lambda file: torch.save(state, file)


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

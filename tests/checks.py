"""What a check leaves, as the store takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CheckRow:
    """The figures of a run at one update."""

    step: int
    scalars: Mapping[str, Any]
    traces: Mapping[str, Any] = field(default_factory=dict)

"""What the runs of a pack must have in common: one value, made from the spec, and the only thing read in common.

A key of the study language is part of it unless its field is marked as PER_RUN (each run has its own) or PLACE (it says
where something lies). To read such a key from a PackKey is an AttributeError, so nobody can train all runs of a pack
with what belongs to one of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rnnctl.section import PER_RUN, PLACE, Path, Section, marks_of
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS

if TYPE_CHECKING:
    from rnnctl.cells.base.section import CellSection
    from rnnctl.study.check import Check
    from rnnctl.study.train import Train
    from rnnctl.tasks.section import TaskSection


@dataclass(frozen=True)
class PackKey:
    """All that the runs of a pack have in common.

    text: canonical JSON, by which keys are compared and queued. task, model, train, check: the sections of a spec
    without the keys that are each run's own, and without places.
    """

    text: str
    task: TaskSection = field(compare=False, repr=False)
    model: CellSection = field(compare=False, repr=False)
    train: Train = field(compare=False, repr=False)
    check: Check = field(compare=False, repr=False)

    @classmethod
    def of(cls, spec: RunSpec) -> PackKey:
        """Return the key of a run."""
        return cls.read(json.dumps(spec.common(), sort_keys=True, separators=(",", ":")))

    @classmethod
    def read(cls, text: str) -> PackKey:
        """Return the key of a canonical text. Raise ValueError for a text that no key has."""
        return _read(text)

    @property
    def piece(self) -> int | None:
        """Steps of a batch that an update takes; None for all."""
        return None if self.train.bptt == "full" else self.train.bptt


@lru_cache(maxsize=4096)
def _read(text: str) -> PackKey:
    try:
        sections = {name: _section((name,), plain) for name, plain in json.loads(text).items()}
        return PackKey(text, **sections)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"not a pack key: {text[:60]}") from None


def _section(path: Path, plain: dict[str, Any]) -> Section:
    """Return a section that lacks the keys that a pack does not have in common; nothing is validated again."""
    variant = KEYS[path].variant(plain)
    if variant is None:
        raise KeyError(".".join(path))
    values = {
        name: _section((*path, name), value) if isinstance(value, dict) else value for name, value in plain.items()
    }
    section = variant.model_construct(**values)
    for name in variant.model_fields:
        if marks_of(variant, name) & {PER_RUN, PLACE}:
            del section.__dict__[name]
    return section

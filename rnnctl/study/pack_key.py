"""The pack key: all that the runs of a pack must have in common, and all that the trainer reads in common.

On a GPU the runs of several pack keys can share a pack: those of one wide key, which is the pack key of the widest
network among them.

A key of the study language belongs to the pack key unless its field is marked PER_RUN (runs may differ in it) or PLACE
(it says where something lies). Reading such a key from a PackKey is an AttributeError, so the value of a single run can
never be used for the whole pack.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rnnctl.section import PER_RUN, PLACE, Path, Section, marks_of
from rnnctl.study.canonical import canonical_json
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS
from rnnctl.usercode.errors import CodeError

if TYPE_CHECKING:
    from rnnctl.cells.base.section import CellSection
    from rnnctl.study.check import Check
    from rnnctl.study.train import Train
    from rnnctl.tasks.section import TaskSection


@dataclass(frozen=True)
class PackKey:
    """All that the runs of a pack have in common.

    text: canonical JSON, by which keys are compared and queued. task, model, train, check: the sections of a spec
    without the keys that are marked PER_RUN or PLACE.
    """

    text: str
    task: TaskSection = field(compare=False, repr=False)
    model: CellSection = field(compare=False, repr=False)
    train: Train = field(compare=False, repr=False)
    check: Check = field(compare=False, repr=False)

    @classmethod
    def of(cls, spec: RunSpec) -> PackKey:
        """Return the pack key of a run."""
        return cls.read(spec.common_text)

    @classmethod
    def read(cls, text: str) -> PackKey:
        """Return the pack key with a canonical text. Raise ValueError if no pack key has that text.

        Raise CodeError if it names a user's part whose code is missing.
        """
        return _read(text)

    @property
    def wide(self) -> PackKey:
        """The pack key of the widest network that a pack on a GPU may hold beside this one; often this key itself.

        What a run takes there follows from its wide key alone, and so do its programs: so its bits do not depend on the
        networks beside it. Its own network is read from its own pack key.
        """
        return _wide(self)

    @property
    def piece(self) -> int | None:
        """Number of steps of a batch that an update uses; None for all."""
        return None if self.train.bptt == "full" else self.train.bptt


@lru_cache(maxsize=4096)
def _read(text: str) -> PackKey:
    try:
        sections: dict[str, Any] = {name: _section((name,), plain) for name, plain in json.loads(text).items()}
        return PackKey(text, **sections)
    except CodeError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"not a pack key: {text[:60]}") from None


@lru_cache(maxsize=4096)
def _wide(key: PackKey) -> PackKey:
    model = key.model.widest
    if model == key.model:
        return key
    return PackKey.read(canonical_json({**json.loads(key.text), "model": model.without(PER_RUN)}))


def _section(path: Path, plain: dict[str, Any]) -> Section:
    """Return a section without the keys that a pack does not have in common. Its values are not validated again."""
    variant = KEYS[path].variant(plain)
    if variant is None:
        raise KeyError(".".join(path))
    # A section that was added later is left out while it has its defaults.
    later = {
        name: info.default.without(PER_RUN)
        for name, info in variant.model_fields.items()
        if name not in plain and isinstance(info.default, Section)
    }
    values: dict[str, Any] = {
        name: _section((*path, name), value) if isinstance(value, dict) else value
        for name, value in {**plain, **later}.items()
    }
    section = variant.model_construct(**values)
    for name in variant.model_fields:
        if marks_of(variant, name) & {PER_RUN, PLACE}:
            del section.__dict__[name]
    return section

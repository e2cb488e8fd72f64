"""One run, fully resolved: all keys that decide its bits, validated and hashed into its id.

The canonical form of a run is its spec as JSON with all defaults written out, and its id is a version-tagged hash of
that form. A key that is added later is marked LATER and left out of that form while it has its default, so that ids
never change. A change that cannot keep to this rule must raise ID_VERSION.

Short forms stand for sections: `task: temporal_order`, `model: gru`, `init: smart_tanh`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.parts import names_of
from rnnctl.section import (
    ENDING,
    PER_RUN,
    PLACE,
    HasNoMeaning,
    Mark,
    Needs,
    OncePerSection,
    Path,
    Section,
    also_called,
    default_name,
    named,
)
from rnnctl.study.check import Check, Stop
from rnnctl.study.former import with_current_names, with_former_names
from rnnctl.study.sections import SECTIONS
from rnnctl.study.train import Train
from rnnctl.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from rnnctl.cells.base.section import CellSection as Model
    from rnnctl.tasks.section import TaskSection as Task
else:
    Model, Task = CELLS.section(), TASKS.section()

ID_VERSION = "r1"
TRAJECTORY_VERSION = "t1"

# What other tools write in a configuration and rnnctl on the command line.
_DEVICE = ("device", "devices", "gpu", "gpus", "num_gpus", "use_gpu", "cuda", "use_cuda", "accelerator", "strategy")
_WORKERS = ("workers", "num_workers", "n_workers", "n_jobs", "num_processes", "threads", "num_threads")
_CHECKPOINTS = ("checkpoint", "checkpoints", "checkpoint_every", "checkpoint_interval", "save_every", "save_interval")
_FOLDERS = ("output_dir", "out_dir", "save_dir", "log_dir", "logdir", "results_dir", "checkpoint_dir", "workspace")
_BESIDE_BASE = [name for name in SECTIONS if name != "base"]


class RunSpec(Section):
    """One run. Equal specs are the same run, wherever they were written."""

    task: Annotated[Task, BeforeValidator(named), also_called("problem", "dataset", "data")] = Field(
        description="what is to be learned"
    )
    model: Annotated[Model, default_name("rnn"), also_called("cell", "network", "net", "architecture")] = Field(
        RnnSection(), description="the recurrent cell"
    )
    train: Annotated[Train, also_called("training", "trainer")] = Field(Train(), description="how it is trained")
    check: Annotated[Check, also_called("eval", "evaluation", "validate", "val")] = Field(
        Check(), description="when it is validated and diagnosed"
    )
    stop: Annotated[Stop, PER_RUN] = Field(Stop(), description="when it ends before its budget is used up")
    seed: Annotated[int, PER_RUN, also_called("random_seed", "manual_seed", "rng_seed", "random_state")] = Field(
        1, ge=0, description="seed of initial weights and training data"
    )

    not_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(_DEVICE, "the command line says where runs are trained: rnnctl train --device cuda"),
        **dict.fromkeys(_WORKERS, "the command line says how many processes train: rnnctl train --workers 2"),
        **dict.fromkeys(_CHECKPOINTS, "runs are saved by the clock: rnnctl train --checkpoint-seconds 20"),
        **dict.fromkeys(_FOLDERS, "results are kept in the workspace, which the command line names: --workspace DIR"),
        **dict.fromkeys(_BESIDE_BASE, "it is a section of the file, beside base"),
    }

    @model_validator(mode="before")
    @classmethod
    def _reads_former_names(cls, data: Any) -> Any:
        return with_current_names(data)

    @model_validator(mode="after")
    def _omega_has_its_cell(self) -> RunSpec:
        if self.train.omega.alpha > 0 and not self.model.has_omega:
            alpha, cell = self.train.omega.alpha, self.model.name
            defined = tuple(name for part in CELLS if part.has_omega for name in names_of(part))
            what = f"train.omega.alpha {alpha} has no meaning: Omega is not defined for {cell}"
            raise HasNoMeaning(
                f"{what}, only for {', '.join(defined)}", Needs(("train", "omega"), ("model", "name"), defined)
            )
        return self

    @model_validator(mode="after")
    def _cell_takes_the_inputs(self) -> RunSpec:
        if self.task.real_inputs and not self.model.takes_reals:
            raise ValueError(
                f"model {self.model.name} reads symbols, and the inputs of {self.task.name} are real numbers"
            )
        return self

    @model_validator(mode="after")
    def _pieces_are_asked_something(self) -> RunSpec:
        if self.train.bptt != "full" and not self.task.question.every_step:
            raise ValueError(
                f"train.bptt {self.train.bptt} has no meaning for {self.task.name}: only its last step is asked, so "
                "most pieces of a sequence would have no loss"
            )
        return self

    @model_validator(mode="after")
    def _batches_fit_the_task(self) -> RunSpec:
        if self.task.batch_multiple is not None:
            multiple, why = self.task.batch_multiple
            for key, size in (("train.batch", self.train.batch), ("check.chunk", self.check.chunk)):
                if size % multiple:
                    raise ValueError(f"{key} {size} is not a multiple of {multiple}: {why}")
        return self

    def identified(self) -> RunSpec:
        """Return the run with its derived keys, such as the hash of a text, filled in. Files may be read.

        Raise ValueError, in one line, if the data is missing or is not what the spec says.
        """
        task = self.task.identified()
        return self if task is self.task else self.model_copy(update={"task": task})

    @property
    def run_id(self) -> str:
        """The id of the run: a hash of all that decides its bits."""
        return f"{ID_VERSION}-{_digest(self._text(PLACE))}"

    @property
    def config_id(self) -> str:
        """The id of the configuration: the run without its seed."""
        return f"c1-{_digest(self._text(PLACE, leave_out='seed'))}"

    def common_text(self) -> str:
        """Return what all runs of a pack must have in common (see Section.without) as canonical JSON."""
        return self._text(PER_RUN, former=False)

    def _text(self, without: Mark, *, leave_out: str = "", former: bool = True) -> str:
        """Return the run without the keys that have a mark, or the mark PLACE, as canonical JSON.

        leave_out: another key of the run. former: whether keys have the names that they had when the first ids were
        made. The JSON of a section is made once, however many runs share the section.
        """
        texts = {}
        for name in sorted(self.names_without(without)):
            value = getattr(self, name)
            if name != leave_out:
                texts[name] = (
                    _section_text(name, value, without, former) if isinstance(value, Section) else _json(value)
                )
        return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}"

    @property
    def oddities(self) -> tuple[tuple[Path, str], ...]:
        """Settings that are allowed but hardly intended: the section that they are about, and what is odd."""
        odd: list[tuple[Path, str]] = [(("model",), what) for what in self.model.oddities(self.piece)]
        if self.check.every > self.train.updates:
            odd.append(
                ((), "check.every is above train.updates: it is checked before the first update and after the last")
            )
        return tuple(odd)

    @property
    def trajectory_id(self) -> str:
        """The id of the trajectory: a hash of all that decides the bits of the run until it ends.

        Runs of one trajectory compute the same, update by update and check by check, as long as none of them has ended.
        """
        sections = [value for name in type(self).model_fields if isinstance(value := getattr(self, name), Section)]
        used = {path: self._value(path) for section in sections for path in _ENDING_KEYS_USED[section]}
        return f"{TRAJECTORY_VERSION}-{_digest(f'[{self._text(ENDING)},{_json(sorted(used.items()))}]')}"

    def _value(self, path: Path) -> Any:
        value: Any = self
        for name in path:
            value = getattr(value, name)
        return value

    @property
    def piece(self) -> int | None:
        """Number of steps of a batch that an update uses; None for all."""
        return None if self.train.bptt == "full" else self.train.bptt


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# The canonical JSON of a section, by its key in a run, by the mark that is left out and by whether names are former.
_TEXTS: OncePerSection[dict[tuple[str, Mark, bool], str]] = OncePerSection(lambda section: {})
_ENDING_KEYS_USED = OncePerSection(
    lambda section: tuple(path for each in section.sections() for path in each.ending_keys_used)
)


def _section_text(name: str, section: Section, without: Mark, former: bool) -> str:
    """Return the canonical JSON of a section of a run. See RunSpec._text."""
    texts, key = _TEXTS[section], (name, without, former)
    if key not in texts:
        plain = {name: section.without(without)}
        texts[key] = _json((with_former_names(plain) if former else plain)[name])
    return texts[key]

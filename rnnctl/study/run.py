"""One run, fully resolved: all keys that decide its bits, validated and hashed into its id.

The canonical form of a run is its spec as JSON with all defaults written out, and its id is a version-tagged hash of
that form. A key that is added later is marked LATER and left out of that form while it has its default, so that ids
never change. A change that cannot keep to this rule must raise ID_VERSION.

Short forms stand for sections: `task: temporal_order`, `model: gru`, `init: smart_tanh`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from rnnctl.cells.base.section import REDUCED
from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.measures import LOSS_SCALING, SATURATION
from rnnctl.parts import names_of
from rnnctl.section import (
    ENDING,
    PER_RUN,
    PLACE,
    HasNoMeaning,
    Mark,
    Needs,
    Path,
    Section,
    also_called,
    default_name,
    named,
    with_default,
)
from rnnctl.study.canonical import (
    CANONICAL,
    CODE_PROBLEM,
    ENDING_KEYS_USED,
    NO_JSON,
    USERS_PARTS,
    canonical_json,
    digest,
    section_text,
)
from rnnctl.study.check import LOSS, Check, Stop
from rnnctl.study.former import with_current_names
from rnnctl.study.sections import SECTIONS
from rnnctl.study.train import Train
from rnnctl.tasks.catalogue import TASKS
from rnnctl.words import nearest, shown

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
_PROBES = ("probes", "probe", "diagnostics", "analyses")
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
        **dict.fromkeys(_PROBES, "probes are asked of trained runs: rnnctl probe RUN PROBE, or questions in the study"),
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
    def _reduced_precision_is_of_float32(self) -> RunSpec:
        train = self.train
        if train.is_reduced and train.dtype != "float32":
            raise HasNoMeaning(
                f"train.precision {train.precision} has no meaning with train.dtype {train.dtype}, only with float32",
                Needs(("train", "precision"), ("train", "dtype"), ("float32",)),
            )
        if train.scales_loss and not train.is_reduced:
            raise HasNoMeaning(
                f"train.loss_scale {train.loss_scale.name} has no meaning with "
                f"{with_default(train, 'precision').replace('precision', 'train.precision', 1)}, only with "
                f"{' or '.join(REDUCED)}",
                Needs(("train", "loss_scale"), ("train", "precision"), REDUCED),
            )
        return self

    @model_validator(mode="after")
    def _cell_takes_the_inputs(self) -> RunSpec:
        if self.task.reads_reals and not self.model.takes_reals:
            raise ValueError(
                f"model {self.model.name} reads symbols, and the inputs of {self.task.name} are real numbers"
            )
        return self

    @model_validator(mode="after")
    def _pieces_are_asked_something(self) -> RunSpec:
        if self.train.bptt != "full" and not self.task.asks_every_step:
            asked = "only some of its steps are" if self.task.question.every_step else "only its last step is"
            raise ValueError(
                f"train.bptt {self.train.bptt} has no meaning for {self.task.name}: {asked} asked, so "
                "most pieces of a sequence would have no loss"
            )
        return self

    @model_validator(mode="after")
    def _stops_on_what_is_measured(self) -> RunSpec:
        missing = {
            "train_omega": self.train.omega.alpha == 0 and "train.omega.alpha is 0",
            **dict.fromkeys(LOSS_SCALING, not self.train.scales_loss and "train.loss_scale is none"),
            "omega": not self.model.has_omega and f"Omega is not defined for {self.model.name}",
            **dict.fromkeys(SATURATION, self.model.saturation_limit is None and "the hidden units have no two limits"),
        }
        if why := missing.get(self.stop.on):
            raise ValueError(f"stop.on {self.stop.on} is never recorded: {why}")
        return self

    @model_validator(mode="after")
    def _screens_need_any_number_of_sequences(self) -> RunSpec:
        if self.check.screen is not None and self.task.is_finite:
            raise ValueError(
                f"check.screen has no meaning for {self.task.name}: a check looks at all held-out sequences"
            )
        return self

    @model_validator(mode="after")
    def _snapshots_are_reached(self) -> RunSpec:
        if (snapshots := self.check.snapshot_updates) and snapshots[-1] > self.train.updates:
            updates = with_default(self.train, "updates")
            raise ValueError(f"check.snapshots names update {snapshots[-1]}, which is above train.{updates}")
        return self

    @model_validator(mode="after")
    def _frozen_weights_exist(self) -> RunSpec:
        frozen = self.train.frozen
        if not frozen or self.model.missing_code:
            return self
        names, exported = self.model.weight_names, {name: own for own, name in self.model.export_names.items()}
        for name in frozen:
            if name not in names:
                meant = exported.get(name) or nearest(name, names)
                raise ValueError(
                    f"train.freeze names {shown(name)}, which is not a weight of {self.model.name}; its weights are "
                    f"{', '.join(names)}" + (f"; did you mean {meant}?" if meant else "")
                )
        if len(frozen) == len(names):
            raise ValueError(f"train.freeze names all weights of {self.model.name}: nothing is left to train")
        return self

    @model_validator(mode="after")
    def _own_symbols_can_be_inputs(self) -> RunSpec:
        if not self.train.teacher.alone and not self.task.predicts_next_input:
            tasks = tuple(name for part in TASKS if part.predicts_next_input for name in names_of(part))
            raise HasNoMeaning(
                f"train.teacher has no meaning for {self.task.name}: its answers are not its next inputs, as they are "
                f"for {', '.join(tasks)}",
                Needs(("train", "teacher"), ("task", "name"), tasks),
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
        return self.task_identified().model_identified()

    def task_identified(self) -> RunSpec:
        """Return the run with the derived keys of its task filled in, as `identified` does."""
        task = self.task.identified()
        return self if task is self.task else self.model_copy(update={"task": task})

    def model_identified(self) -> RunSpec:
        """Return the run with the derived keys of its model filled in, as `identified` does. Its task has its own."""

        def sizes() -> tuple[int, int]:
            task = self.task.make()
            return task.n_inputs, task.n_outputs

        model = self.model.identified(sizes)
        return self if model is self.model else self.model_copy(update={"model": model})

    @property
    def data(self) -> tuple[tuple[str, str], ...]:
        """Where each file or folder lies that the run reads, and the hash of what is in it."""
        return tuple(data for data in (self.task.data, self.model.data) if data is not None)

    def portable_data(self, place: str) -> bytes:
        """Return the data at one of the places of `data` as the content of one file. `with_places` names another place.

        Raise ValueError, in one line, if the data cannot be read.
        """
        section = self.task if self.task.data is not None and self.task.data[0] == place else self.model.init
        return section.portable_data()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> RunSpec:
        """Return a copy with other values. It has ids of its own."""
        copied = super().model_copy(update=update, deep=deep)
        for name in _KEPT:
            copied.__dict__.pop(name, None)
        return copied

    def with_seed(self, seed: int) -> RunSpec:
        """Return the run with another seed, which is not validated. It keeps what does not depend on the seed."""
        for name in _APART_FROM_SEED:
            getattr(self, name)  # computed once for all copies
        copied = self.__copy__()
        copied.__dict__["seed"] = seed
        copied.__pydantic_fields_set__.add("seed")
        for name in _OF_THE_SEED:
            copied.__dict__.pop(name, None)
        return copied

    @cached_property
    def run_id(self) -> str:
        """The id of the run: a hash of all that decides its bits."""
        before, after = self._identity_around_seed
        return f"{ID_VERSION}-{digest(f'{before}{self.seed}{after}')}"

    @cached_property
    def _identity_around_seed(self) -> tuple[str, str]:
        return self._around_seed(PLACE)

    def _around_seed(self, without: Mark) -> tuple[str, str]:
        """Return what `_text` returns before and after the seed."""
        before, after = self._text(without, seed=NO_JSON).split(NO_JSON)
        return before, after

    @cached_property
    def config_id(self) -> str:
        """The id of the configuration: the run without its seed."""
        return f"c1-{digest(self._text(PLACE, leave_out='seed'))}"

    @cached_property
    def common_text(self) -> str:
        """What all runs of a pack must have in common (see Section.without), as canonical JSON."""
        return self._text(PER_RUN, former=False)

    def shared_canonical(self) -> dict[str, Any]:
        """Return the canonical form. Runs that share a section share its form, which must not be changed."""
        return {**self._canonical_sections, "seed": self.seed}

    @cached_property
    def _canonical_sections(self) -> dict[str, Any]:
        """What `shared_canonical` returns, though with the seed of some run that differs in its seed alone."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: CANONICAL[value] if isinstance(value, Section) else value for name, value in values}

    def _text(self, without: Mark, *, leave_out: str = "", former: bool = True, seed: str | None = None) -> str:
        """Return the run without the keys that have a mark, or the mark PLACE, as canonical JSON.

        leave_out: another key of the run. seed: what to write in place of its seed. former: whether keys have the names
        that they had when the first ids were made. The JSON of a section is made once, however many runs share it.
        """
        texts = {}
        for name in sorted(self.names_without(without)):
            value = getattr(self, name)
            if name == leave_out:
                continue
            if isinstance(value, Section):
                texts[name] = section_text(name, value, without, former)
            else:
                texts[name] = seed if name == "seed" and seed is not None else canonical_json(value)
        return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}"

    @property
    def oddities(self) -> tuple[tuple[Path, str], ...]:
        """Settings that are allowed but hardly intended: the section that they are about, and what is odd."""
        odd: list[tuple[Path, str]] = [(("model",), what) for what in self.model.oddities(self.piece)]
        if self.check.every > self.train.updates:
            odd.append(
                ((), "check.every is above train.updates: it is checked before the first update and after the last")
            )
        if self.train.precision == "float16" and not self.train.scales_loss:
            what = "train.precision float16 without train.loss_scale: gradients near 1e-8 and below are rounded to 0"
            odd.append((("train",), what))
        if self.stop.on != LOSS and self.stop.patience is None:
            odd.append(((), f"stop.on {self.stop.on} has no effect without stop.patience"))
        odd += [((), what) for what in self.train.rate.oddities(self.train.updates)]
        return tuple(odd)

    @cached_property
    def trajectory_id(self) -> str:
        """The id of the trajectory: a hash of all that decides the bits of the run until it ends.

        Runs of one trajectory compute the same, update by update and check by check, as long as none of them has ended.
        """
        before, after = self._trajectory_around_seed
        return f"{TRAJECTORY_VERSION}-{digest(f'{before}{self.seed}{after}')}"

    @cached_property
    def _trajectory_around_seed(self) -> tuple[str, str]:
        used = {path: self._value(path) for section in self._top_sections for path in ENDING_KEYS_USED[section]}
        before, after = self._around_seed(ENDING)
        return f"[{before}", f"{after},{canonical_json(sorted(used.items()))}]"

    @property
    def _top_sections(self) -> tuple[Section, ...]:
        return tuple(value for name in type(self).model_fields if isinstance(value := getattr(self, name), Section))

    def _value(self, path: Path) -> Any:
        value: Any = self
        for name in path:
            value = getattr(value, name)
        return value

    @property
    def parameter_count(self) -> int | None:
        """The number of weights of the network; None for a text whose symbols have to be counted first, and for users'
        parts whose code is missing.
        """
        sizes = None if self.model.missing_code else self.task.exact_sizes
        return None if sizes is None else self.model.weights(sizes.inputs, sizes.outputs)

    @cached_property
    def users_parts(self) -> tuple[str, ...]:
        """The names of the users' parts of the run, such as `my_lab.cells:Leaky`."""
        return tuple(name for section in self._top_sections for name in USERS_PARTS[section])

    @cached_property
    def code_problem(self) -> str:
        """Why the code of a part of the run is missing, in a line; empty if all parts can be used."""
        return next((problem for section in self._top_sections if (problem := CODE_PROBLEM[section])), "")

    @property
    def piece(self) -> int | None:
        """Number of steps of a batch that an update uses; None for all."""
        return None if self.train.bptt == "full" else self.train.bptt


# What a run computes from its values once: registering a study asks each of its runs several times.
_KEPT = tuple(name for name, value in vars(RunSpec).items() if isinstance(value, cached_property))
# Of that, what does not depend on its seed, and the rest.
_APART_FROM_SEED = (
    *("config_id", "common_text", "users_parts", "code_problem"),
    *("_identity_around_seed", "_trajectory_around_seed", "_canonical_sections"),
)
_OF_THE_SEED = tuple(name for name in _KEPT if name not in _APART_FROM_SEED)

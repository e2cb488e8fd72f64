"""The results of runs: one record per run, from which tables, figures, JSON and CSV are made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from rnnctl.measures import MEASURES, Reference
from rnnctl.report.specs import read_loss_unit, read_parameter_count, read_parameters, read_spec, read_task
from rnnctl.report.status import status_of
from rnnctl.usercode.permission import Permission, permission
from rnnctl.words import with_se

if TYPE_CHECKING:
    from rnnctl.report.gradients import Gradients
    from rnnctl.study.run import RunSpec
    from rnnctl.tasks.section import TaskSection
    from store.queries import RunRow

T = TypeVar("T")

LOSS, BITS, LAST_LOSS, ERROR, LAST_ERROR = (
    MEASURES[key] for key in ("loss", "bits_per_byte", "last_loss", "error", "last_error")
)
_SEED = re.compile(r"(?:^|\s)seed=\d+(?=\s|$)")


def group_label(label: str) -> str:
    """Return a run's label without its seed: the label that its replicates share."""
    # The usual label, with the seed at its end, takes no regular expression: leaderboards have thousands of labels.
    head, _, seed = label.rpartition(" seed=")
    if not (seed.isdecimal() and "seed=" not in head):
        head = _SEED.sub("", label)
    return head.strip() or "all"


@dataclass(frozen=True, slots=True)
class Result:
    """Who a run is, how it ended and what it reached.

    Losses are in the unit of the task's loss, errors are shares in [0, 1]. A value is None before it is known, and for
    tasks that have no such value.
    """

    study: str  # the name of the study
    label: str  # the name of the run within the study
    group: str  # the label of the configuration
    run: str  # the id of the run
    config: str  # the id of the configuration, which replicates share
    seed: int  # the seed of initial weights and training data
    parameter_count: int | None  # the number of weights of the network; None for a text that has not been read yet
    ended: str  # the outcome of a finished run, the status of any other
    status: str | None  # diverged, at_floor, learning or near_entropy; None before the first check
    updates: int  # updates done
    budget: int  # updates at most
    loss: float | None
    bits_per_byte: float | None
    last_loss: float | None
    floor: float | None  # the loss that the best predictor without memory reaches
    floor_se: float | None  # the standard error of the floor of text, None if it is not known; 0 for other tasks
    floor_bits_per_byte: float | None  # the floor of text in bits per byte
    floor_bits_per_byte_se: float | None  # its standard error
    error: float | None
    last_error: float | None
    chance_error: float | None  # the error of that predictor
    best_at: int | None  # the update of the best validation loss
    broke_floor_at: int | None  # the update of the first check that was clearly below the floor
    samples: int | None  # samples on which the last validation rests
    below_floor: float | None  # the share of checks more than 1 % below the floor and, for text, 2 standard errors
    gradient_zero: float | None  # the share of gradients through time that are exactly 0 at the newest diagnosis
    gradient_vanished: float | None  # the share of them that are positive and below 1e-8
    gradient_exploded: float | None  # the share of them that are 100 or more, or non-finite
    seconds: float | None  # seconds of training, of the packs that it was in
    share_seconds: float | None  # of these seconds its share: a pack's time is divided among its runs
    exact: bool  # whether every attempt went on with the same bits
    extended_from: str | None  # the id of the run that it goes on from; None if it was trained from the start
    extended_at: int | None  # the update at which it goes on from that run
    tags: str  # its tags, separated by spaces
    note: str  # its note
    stored_spec: Mapping[str, Any] = field(repr=False, compare=False)  # plain JSON values; `spec` reads them
    # What was read of the stored spec, by the function that reads it: a study has thousands of results, and figures and
    # tables ask each for its task many times. A part of a user is read again where other code may be imported.
    _read: dict[tuple[Callable[..., Any], Permission], Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, row: RunRow, below_floor: float | None = None, gradients: Gradients | None = None) -> Result:
        """Return the result of a run as the store has it. below_floor, gradients: from its history, if it was read."""
        summary = row.summary
        floor, floor_se, loss = summary.get("floor"), summary.get("floor_se"), LOSS.read(summary)
        bits = BITS.read(summary)
        bits_per_nat = bits / loss if bits and loss else None  # of the very samples of the best loss
        # By position: leaderboards make thousands of these, and names take twice as long.
        return cls(
            row.study,
            row.label,
            group_label(row.label),
            row.run_id,
            row.config_id,
            row.spec["seed"],
            read_parameter_count(row.spec, summary),
            row.outcome or row.status,
            status_of(summary, row.outcome),
            row.step,
            row.total,
            loss,
            bits,
            LAST_LOSS.read(summary),
            floor,
            floor_se,
            floor * bits_per_nat if bits_per_nat and floor is not None else None,
            floor_se * bits_per_nat if bits_per_nat and floor_se is not None else None,
            ERROR.read(summary),
            LAST_ERROR.read(summary),
            summary.get("chance_error"),
            summary.get("best_step"),
            summary.get("broke_floor_at"),
            (summary.get("last") or {}).get("valid_samples"),
            below_floor,
            None if gradients is None else gradients.zero,
            None if gradients is None else gradients.vanished,
            None if gradients is None else gradients.exploded,
            summary.get("seconds"),
            summary.get("share_seconds", summary.get("seconds")),
            row.exact,
            None if row.origin is None else row.origin.run,
            None if row.origin is None else row.origin.step,
            " ".join(row.tags),
            row.note,
            row.spec,
        )

    @property
    def spec(self) -> RunSpec:
        """The run's spec. Raise SpecError if this version cannot read it."""
        return self._once(read_spec)

    @property
    def task(self) -> TaskSection:
        """The run's task. Raise SpecError if this version cannot read the spec."""
        return self._once(read_task)

    @property
    def loss_unit(self) -> str:
        """The unit of the losses. Raise SpecError if this version cannot read the spec."""
        return self._once(read_loss_unit)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The hyper-parameters by dotted key, without the seed (see rnnctl.report.parameters)."""
        return self._once(read_parameters)

    def _once(self, read: Callable[[Mapping[str, Any]], T]) -> T:
        key = read, permission()
        if key not in self._read:
            self._read[key] = read(self.stored_spec)
        value: T = self._read[key]
        return value

    @staticmethod
    def limit_of(row: RunRow) -> float | None:
        """Return the loss that a check has to be below to be clearly below the floor; None before the first check."""
        from rnnctl.tasks.base import FLOOR_ERRORS, FLOOR_MARGIN

        floor, se = row.summary.get("floor"), row.summary.get("floor_se")
        return None if floor is None else (1 - FLOOR_MARGIN) * floor - FLOOR_ERRORS * (se or 0.0)

    @property
    def checked(self) -> bool:
        """Whether the run has been checked: a run that diverged at its first check has a floor and no loss."""
        return self.floor is not None

    @property
    def has_former_floor(self) -> bool:
        """Whether an earlier version trained this run of text and judged it by a floor without a standard error."""
        return self.bits_per_byte is not None and self.floor_se is None

    def value(self, key: str) -> float | None:
        """Return a measure, or another number of the record (`updates`, `seconds`, `floor`), by its key."""
        number: float | None = getattr(self, key)
        return number

    def is_below(self, threshold: float, key: str) -> bool:
        """Return whether a measure is known and below a threshold."""
        value = self.value(key)
        return value is not None and value < threshold

    def named(self, *, label: str, group: str) -> Result:
        """Return the same result under other labels."""
        return dataclasses.replace(self, label=label, group=group)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON and CSV have it: all fields in their order, without the spec."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(each.name for each in dataclasses.fields(Result) if each.repr)


def reference_of(results: Iterable[Result], reference: Reference) -> tuple[float | None, str]:
    """Return the reference that all results share and its label with its standard error; None if they differ."""
    results = list(results)
    value = common_value(results, reference.field)
    se = common_value(results, reference.se) if reference.se else None
    return value, f"{reference.label} {with_se(value, se)}"


def common_value(results: Iterable[Result], key: str) -> float | None:
    """Return the number that all results have which have one; None if they differ or none has one."""
    values = {value for result in results if (value := result.value(key)) is not None}
    return values.pop() if len(values) == 1 else None

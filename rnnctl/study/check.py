"""The sections `check` and `stop` of a run: when it is validated and diagnosed, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from rnnctl.joined import NONE, joined_updates, updates_of
from rnnctl.measures import WATCHED
from rnnctl.section import ENDING, HOST, LATER, PER_RUN, NotNegative, Path, Section, also_called, with_default

_EVERY = (
    "val_every",
    "val_interval",
    "val_check_interval",
    "validate_every",
    "log_every",
    "log_interval",
    "print_every",
)


class Check(Section):
    """When and on what a run is validated and diagnosed. Both sets are fixed, and drawn from `seed` alone."""

    every: Annotated[int, also_called("eval_every", "eval_interval", "eval_freq", *_EVERY)] = Field(
        20, ge=1, description="updates from one check to the next"
    )
    samples: Annotated[int, also_called("val_samples", "n_samples", "num_samples", "val_size")] = Field(
        10_000, ge=1, description="sequences of the validation set"
    )
    chunk: Annotated[int, also_called("val_batch", "val_batch_size", "eval_batch_size", "chunk_size")] = Field(
        1_000, ge=1, description="validation sequences of one length, computed together"
    )
    seed: int = Field(12_345, ge=0, description="seed of the validation and the diagnostic set")
    diagnostic_batch: int = Field(20, ge=1, description="sequences of the diagnostic set")
    screen: Annotated[int | None, LATER] = Field(
        None,
        ge=1,
        description="sequences that a check looks at first, the same number from each chunk; it skips the others if "
        "these rule out the goal of stop.solved",
    )
    diagnose_every: Annotated[int | None, LATER] = Field(
        None, ge=1, description="updates from one diagnosis to the next; every check if left out"
    )
    snapshots: Annotated[
        str,
        BeforeValidator(joined_updates(0, empty=True)),
        PER_RUN,
        LATER,
        ENDING,
        also_called("snapshot", "snapshot_at", "snapshots_at", "keep_weights", "save_weights_at"),
    ] = Field(
        NONE,
        description="updates whose weights are kept, such as `[0, 1000]`; 0 keeps the initial weights. In labels and "
        "tables, and with `--where`, they are joined by `+`",
    )
    saturation: float = Field(0.05, gt=0, lt=1, description="distance from its limit below which a unit is saturated")

    @model_validator(mode="after")
    def _whole_chunks(self) -> Check:
        if self.samples % self.chunk:
            what = f"{with_default(self, 'samples')} is not a multiple of {with_default(self, 'chunk')}"
            if "chunk" not in self.model_fields_set:
                what += f"; set chunk too, for example to {math.gcd(self.samples, self.chunk)}"
            raise ValueError(what)
        chunks = self.samples // self.chunk
        if self.screen is not None and self.screen % chunks:
            why = f"the number of chunks (samples {self.samples} / chunk {self.chunk})"
            raise ValueError(f"screen {self.screen} is not a multiple of {chunks}, {why}")
        if self.screen is not None and self.screen > self.samples:
            raise ValueError(f"screen {self.screen} is more than {with_default(self, 'samples')}")
        if self.diagnose_every is not None and self.diagnose_every % self.every:
            raise ValueError(f"diagnose_every {self.diagnose_every} is not a multiple of {with_default(self, 'every')}")
        return self

    @property
    def snapshot_updates(self) -> tuple[int, ...]:
        """The updates whose weights are kept, in ascending order."""
        return updates_of(self.snapshots)

    def snapshots_up_to(self, update: int) -> set[int]:
        """Return the updates whose weights a run has kept when it has made this number of updates."""
        return {snapshot for snapshot in self.snapshot_updates if snapshot <= update}

    @property
    def ending_keys_used(self) -> tuple[Path, ...]:
        # Whether a check looks at more than its screen depends on the goal.
        return () if self.screen in (None, self.samples) else (("stop", "solved"),)


if TYPE_CHECKING:
    Figure = str
else:
    Figure = Literal[WATCHED]

LOSS = "valid_loss"
_ERROR = ("error", "val_error", "accuracy", "acc", "val_acc", "val_accuracy")
_LOSS = ("val_loss", "loss", "eval_loss", "validation_loss")
_1_PERCENT = ("0.01", "1%", "under 1%", "1_percent")


class Stop(Section):
    """When a run ends before its budget of updates is used up."""

    solved: Annotated[
        Literal["zero_errors", "under_1_percent", "never"],
        ENDING,
        also_called(
            "target", "goal", never=("false", "none", "null"), zero_errors=("true", "0"), under_1_percent=_1_PERCENT
        ),
    ] = Field("zero_errors", description="validation error with which a run ends as solved")
    patience: Annotated[int | None, ENDING, also_called("early_stopping", "early_stopping_patience", "early_stop")] = (
        Field(None, ge=1, description="checks in a row without an improvement after which a run ends")
    )
    min_delta: Annotated[NotNegative, HOST, ENDING, also_called("tolerance", "threshold")] = Field(
        1e-4, description="least improvement that counts for patience, in the unit of the figure"
    )
    on: Annotated[
        Figure, LATER, ENDING, also_called("monitor", "metric", "quantity", valid_loss=_LOSS, valid_error=_ERROR)
    ] = Field(
        LOSS,
        description="figure of the history that patience watches; of the validation loss, what it is above the floor. "
        "Checks that have not measured it do not count",
    )
    direction: Annotated[
        Literal["down", "up"], LATER, ENDING, also_called("mode", down=("min", "less"), up=("max", "more"))
    ] = Field("down", description="where an improvement of that figure goes")

    not_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("max_time", "time_limit", "max_hours", "max_seconds", "timeout"),
            "the command line limits the time: rnnctl train --budget 30m",
        ),
        **dict.fromkeys(
            ("restore_best_weights", "restore_best", "save_best", "keep_best", "save_best_only"),
            "the weights of the lowest validation loss are kept anyway, beside the last",
        ),
    }

    def watched(self, scalars: Mapping[str, float]) -> float | None:
        """Return the figure that patience watches, as a number that improvements make smaller.

        scalars: of a check, by name. Return None if the check has no finite value of that figure.
        """
        value = scalars.get(self.on, math.nan)
        if self.on == LOSS:
            value -= scalars["valid_floor"]
        if not math.isfinite(value):
            return None
        return value if self.direction == "down" else -value

    def is_solved(self, error: float) -> bool:
        """Return whether a run with this validation error, a share in [0, 1], ends as solved."""
        return {"zero_errors": error == 0, "under_1_percent": error < 0.01, "never": False}[self.solved]

    def is_out_of_patience(self, stale_checks: int) -> bool:
        """Return whether a run ends after this many checks in a row without an improvement."""
        return self.patience is not None and stale_checks >= self.patience

"""The measures by which runs are judged: the one table of them. Less is better in each.

Options (`--by`, `--sort`) and recipes (`refine.by`) name them by their keys; tables, figures and records show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rnnctl.words import did_you_mean


@dataclass(frozen=True, slots=True)
class Reference:
    """What a measure is shown beside: a loss beside the floor, an error beside the chance error."""

    field: str  # of a result
    label: str  # in sentences and figures
    heading: str  # above a column of a table
    se: str | None = None  # of a result: the standard error of that field


FLOOR = Reference("floor", "floor", "floor", "floor_se")
FLOOR_BITS = Reference("floor_bits_per_byte", "floor", "floor bits/byte", "floor_bits_per_byte_se")
CHANCE = Reference("chance_error", "chance", "chance %")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number per run by which runs are compared."""

    key: str  # in options, recipes and records
    label: str  # in sentences and on axes
    heading: str  # above a column of a table
    hint: str = ""  # what the help of an option says beside the key
    history: str  # the scalar of the history from which it is taken
    moment: Literal["best", "last"]  # the check from which it is taken
    kept: str = field(init=False)  # the key under which the summary of a run, or of its last check, has it
    unit: Literal["loss", "bits per byte", "share"]  # loss: in the unit of the task's loss
    reference: Reference
    scale: float = 1.0  # tables multiply it by this

    def __post_init__(self) -> None:
        best = f"best_{self.history.removeprefix('valid_')}"
        object.__setattr__(self, "kept", best if self.moment == "best" else self.history)

    def read(self, summary: Mapping[str, Any]) -> float | None:
        """Return the measure from a run's summary; None before the first check, or where the task has no such value."""
        values: Mapping[str, float | None] = (summary.get("last") or {}) if self.moment == "last" else summary
        return values.get(self.kept)

    def scaled(self, value: float | None) -> float | None:
        """Return a value of this measure as tables show it: shares in per cent."""
        return None if value is None else self.scale * value


class Measures(dict[str, Measure]):
    """Measures by key, in the order in which help texts and records list them."""

    def __init__(self, *measures: Measure) -> None:
        super().__init__((measure.key, measure) for measure in measures)

    def named(self, key: str) -> Measure:
        """Return the measure of this key. Raise ValueError, with the nearest key, if there is none."""
        if key not in self:
            raise ValueError(f"there is no such measure; allowed: {', '.join(self)}{did_you_mean(key, self)}")
        return self[key]

    def help(self) -> str:
        """Return the keys as the help of an option lists them: `loss (the best), last_loss or error (a share)`."""
        *others, last = (each.key + f" ({each.hint})" * bool(each.hint) for each in self.values())
        return f"{', '.join(others)} or {last}"


MEASURES = Measures(
    Measure(
        key="loss",
        label="best validation loss",
        heading="best loss",
        hint="the best",
        history="valid_loss",
        moment="best",
        unit="loss",
        reference=FLOOR,
    ),
    Measure(
        key="bits_per_byte",
        label="best bits per byte",
        heading="bits/byte",
        hint="of text",
        history="valid_bits_per_byte",
        moment="best",
        unit="bits per byte",
        reference=FLOOR_BITS,
    ),
    Measure(
        key="last_loss",
        label="last validation loss",
        heading="last loss",
        history="valid_loss",
        moment="last",
        unit="loss",
        reference=FLOOR,
    ),
    Measure(
        key="error",
        label="best validation error",
        heading="best error %",
        hint="a share",
        history="valid_error",
        moment="best",
        unit="share",
        reference=CHANCE,
        scale=100.0,
    ),
    Measure(
        key="last_error",
        label="last validation error",
        heading="last error %",
        hint="a share",
        history="valid_error",
        moment="last",
        unit="share",
        reference=CHANCE,
        scale=100.0,
    ),
)

# What a status says of a run, by its word; the first that applies is that of the run (see rnnctl.report.status).
STATUSES: dict[str, str] = {
    "diverged": "a loss, a gradient or a weight became non-finite",
    "at_floor": "no check was clearly below the floor",
    "learning": "a check was clearly below the floor",
    "near_entropy": "the best loss is at least 90 % of the way from the floor to the loss of a perfect predictor",
}

# The scalars of a history that every cell has, or every vanilla RNN; those of gates start with `gate_` and its name.
SCALARS: dict[str, str] = {
    "train_loss": "training loss, a mean since the last check",
    "train_error": "share of wrong answers on the training batches since the last check",
    "grad_norm": "gradient norm before clipping, a mean since the last check",
    "grad_norm_max": "largest gradient norm before clipping since the last check",
    "grad_norm_clipped": "gradient norm after clipping, a mean since the last check",
    "clip_share": "share of the updates since the last check that were clipped",
    "guard_share": "share of the updates since the last check that the guard replaced",
    "train_omega": "Omega, a mean since the last check",
    "loss_scale": "factor of the loss of the update after the check, where train.loss_scale is not none",
    "skip_share": "share of the updates since the last check that were skipped because a gradient overflowed",
    "rate": "learning rate of the update before the check",
    "valid_loss": "validation loss",
    "valid_error": "validation error, a share",
    "valid_samples": "number of validation samples",
    "valid_floor": "floor of the validation samples",
    "valid_floor_se": "standard error of that floor",
    "valid_perfect": "loss of a perfect predictor on the validation samples, where it is above 0",
    "valid_bits_per_byte": "validation loss of text in bits per byte",
    "grad_zero_share": "share of gradients through time that are exactly 0",
    "grad_decay": "decades that the gradient's norm gains with each step back in time",
    "reach": "share of time steps that the gradient reaches",
    "omega": "Omega of the diagnostic batch",
    "hidden_std": "standard deviation of hidden units",
    "saturation": "mean saturation distance of hidden units",
    "saturation_p10": "10th percentile of that distance",
    "saturation_p90": "90th percentile of that distance",
    "saturated_units": "share of saturated units",
    "saturated_steps": "share of time steps at which the mean over units is saturated",
    "rho": "spectral radius of W_hh",
    "sigma_max": "largest singular value of W_hh",
}

# Scalars that are measured where hidden units have two limits.
SATURATION = ("saturation", "saturation_p10", "saturation_p90", "saturated_units", "saturated_steps")
# Scalars of runs whose loss is scaled.
LOSS_SCALING = ("loss_scale", "skip_share")
# Scalars that say how training goes, of any run; the others say what a check rests on, or are of text alone.
WATCHED = tuple(
    name
    for name in SCALARS
    if name not in ("rate", "valid_samples", "valid_floor", "valid_floor_se", "valid_perfect", "valid_bits_per_byte")
)


def is_scalar(name: str) -> bool:
    """Return whether a history can have a scalar of this name."""
    return name in SCALARS or name.startswith("gate_")

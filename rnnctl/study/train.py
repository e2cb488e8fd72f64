"""The section `train` of a run: budget, batches, optimizer, learning rate, clipping, regulariser, truncation,
frozen weights, scheduled sampling, accumulated gradients, mixed precision.

Short forms stand for sections: `clip: 1.0`, `clip: none`, `omega: 0.5`, `optimizer: adam`, `rate: constant`,
`teacher: 0.75`, `loss_scale: dynamic`, `loss_scale: 1024`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from rnnctl.cells.base.section import REDUCED
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.section import NOTHING, Seen
from rnnctl.section import (
    ENDING,
    LATER,
    PER_RUN,
    Dtype,
    NotNegative,
    NumberIs,
    Section,
    also_called,
    default_name,
    named,
)
from rnnctl.study.loss_scale import DynamicScale, NoScale, StaticScale, from_scale
from rnnctl.study.teacher import Teacher, from_share
from rnnctl.words import shown

if TYPE_CHECKING:
    from rnnctl.optimizers.section import OptimizerSection as Optimizer
    from rnnctl.schedules.section import ScheduleSection as Schedule
else:
    Optimizer, Schedule = OPTIMIZERS.section(), SCHEDULES.section()


class Rescale(Section):
    """Scale the whole gradient to norm `cutoff` if its norm is greater.

    A non-finite gradient shrinks W_hh (in a gated cell, all recurrent matrices) instead.
    """

    style: Annotated[Literal["rescale"], also_called(rescale=("norm", "true", "clip", "global_norm"))] = "rescale"
    cutoff: Annotated[float, also_called("max_norm", "threshold", "norm", "value")] = Field(
        1.0, gt=0, description="norm from which the gradient is scaled down"
    )


class NoClip(Section):
    """Neither clipping nor the guard against non-finite gradients."""

    style: Annotated[Literal["none"], also_called(none=("false", "no", "off", "null", "inf", "0"))] = "none"


def _clip(value: Any) -> Any:
    if value is None or value == "none":
        return {"style": "none"}
    if isinstance(value, str):
        return {"style": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"style": "rescale", "cutoff": value}
    return {"style": "rescale", **value} if isinstance(value, dict) and "cutoff" in value else value


class Omega(Section):
    """The regulariser of Pascanu, Mikolov and Bengio 2013, section 3.3.

    Its weight is alpha, or alpha / t for a `1/t` decay, where t counts periods of `period` updates, from 1.
    """

    alpha: Annotated[NotNegative, also_called("lambda", "weight", "strength", "coefficient")] = Field(
        0.0, description="weight of the regulariser"
    )
    decay: Literal["constant", "1/t"] = Field("constant", description="how the weight changes with the updates")
    period: int = Field(1, ge=1, description="updates after which the weight falls to a half, then a third, ...")
    bound: float = Field(1e-20, gt=0, description="time steps whose squared gradient norm is below this do not count")

    def weight(self, update: int) -> float:
        """Return the weight at an update, counted from 1."""
        return self.alpha if self.decay == "constant" else self.alpha / (1 + (update - 1) // self.period)


def _omega(value: Any) -> Any:
    return {"alpha": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


NOTHING_FROZEN = "none"


def _freeze(value: Any) -> Any:
    """Return the names of weights as one text: the order in which they are written makes no difference."""
    if value is None or value == []:
        return NOTHING_FROZEN
    names = value.split("+") if isinstance(value, str) else value
    if isinstance(names, list) and all(isinstance(name, str) and "," not in name for name in names):
        return "+".join(sorted({name.strip() for name in names}))
    raise ValueError(f"must be names of weights such as [W_hh], not {shown(value)}")


_UPDATES = (
    "max_steps",
    "num_steps",
    "n_steps",
    "max_iters",
    "num_iterations",
    "n_updates",
    "num_updates",
    "max_updates",
)
_RATES = ("eta", "step_size", "initial_lr", "base_lr", "max_lr", "peak_lr")
_SCHEDULE = ("schedule", "lr_schedule", "learning_rate_schedule", "sched", "annealing")
_CLIP = ("clip_grad", "clip_grad_norm", "clip_norm", "clipnorm", "global_clipnorm", "gradient_clip_val", "clip_value")
_TEACHER = ("teacher_forcing", "teacher_forcing_ratio", "scheduled_sampling", "tf_ratio", "sampling")
_FREEZE = ("frozen", "freeze_weights", "frozen_weights", "fixed", "no_grad", "untrained")
_ACCUMULATE = ("accumulate_grad_batches", "gradient_accumulation_steps", "grad_accumulation", "accumulation_steps")
_DOUBLE = ("double", "fp64", "f64", "64")
_REGULARISERS = ("l1", "l1_l2", "weight_penalty", "kernel_regularizer")


class Train(Section):
    """How a run is trained."""

    updates: Annotated[int, PER_RUN, ENDING, also_called("steps", "iterations", "iters", "budget", *_UPDATES)] = Field(
        50_000, ge=1, description="number of updates at most"
    )
    batch: Annotated[int, also_called("batch_size", "bs", "minibatch", "mini_batch_size", "train_batch_size")] = Field(
        20, ge=1, description="sequences in a training batch"
    )
    optimizer: Annotated[Optimizer, BeforeValidator(named), also_called("optim", "optimiser", "algorithm")] = Field(
        SgdSection(), description="what turns gradients into changes of the weights"
    )
    lr: Annotated[float, PER_RUN, also_called("learning_rate", *_RATES)] = Field(
        0.01, gt=0, description="learning rate"
    )
    rate: Annotated[
        Schedule,
        default_name("constant"),
        PER_RUN,
        LATER,
        NumberIs("lr"),
        also_called("scheduler", "lr_scheduler", *_SCHEDULE),
    ] = Field(ConstantSection(), description="how the learning rate changes with the updates")
    clip: Annotated[
        Annotated[Rescale | NoClip, Field(discriminator="style")],
        BeforeValidator(_clip),
        PER_RUN,
        also_called("clipping", "grad_clip", "gradient_clip", "max_grad_norm", *_CLIP),
    ] = Field(Rescale(), description="what happens to gradients above a norm; a number is that norm")
    omega: Annotated[
        Omega,
        BeforeValidator(_omega),
        PER_RUN,
        also_called("regularizer", "regulariser", "regularization", **{"0": ("none", "off", "no", "false")}),
    ] = Field(Omega(), description="the regulariser Omega; a number is its weight")
    dtype: Annotated[
        Dtype,
        also_called(
            float32=("float", "single", "fp32", "f32", "32"),
            float64=_DOUBLE,
            **{
                "train.precision: float16": ("float16", "half", "fp16", "16"),
                "train.precision: bfloat16": ("bfloat16", "bf16"),
            },
        ),
    ] = Field("float32", description="precision of weights, states and gradients")
    precision: Annotated[
        Literal["ieee", "tf32", "bfloat16", "float16"],
        LATER,
        also_called(
            "matmul_precision", "amp", "mixed_precision", "autocast", "tf32", "allow_tf32",
            ieee=("highest", "float32", "fp32", "f32", "32", "full", "single"), bfloat16=("bf16", "bf16-mixed"),
            float16=("fp16", "half", "16", "16-mixed", "f16"),
            **{"train.dtype: float64": ("float64", *_DOUBLE)},
        ),
    ] = Field(
        "ieee",
        description="how float32 matrices are multiplied in training: as they are; with factors of 10 bits on a GPU's "
        "tensor cores (tf32; a CPU multiplies them as they are); or with factors rounded to bfloat16 or float16",
    )  # fmt: skip
    loss_scale: Annotated[
        Annotated[NoScale | StaticScale | DynamicScale, Field(discriminator="name")],
        BeforeValidator(from_scale),
        PER_RUN,
        LATER,
        also_called("grad_scaler", "loss_scaling", "scaler", "gradscaler"),
    ] = Field(
        NoScale(),
        description="factor of the loss beside a precision of bfloat16 or float16, so that small gradients are not "
        "rounded to 0; a number is a static scale; on a GPU such runs train by operations of torch",
    )
    bptt: Annotated[
        Annotated[int, Field(ge=1)] | Literal["full"],
        LATER,
        also_called("tbptt", "bptt_steps", "truncation", "unroll", full=("none", "null", "all", "inf", "off")),
    ] = Field(
        "full",
        description="time steps that the gradient goes back; a number cuts each batch into pieces of so many steps, "
        "with an update for each, and carries the state on as a constant",
    )
    freeze: Annotated[str, BeforeValidator(_freeze), PER_RUN, LATER, also_called(*_FREEZE)] = Field(
        NOTHING_FROZEN,
        description="names of weights that are never changed, such as `[W_hh]`; in labels and tables, and with "
        "`--where`, several names are joined by `+`",
    )
    teacher: Annotated[Teacher, BeforeValidator(from_share), LATER, also_called(*_TEACHER)] = Field(
        Teacher(),
        description="how often the network is fed the true symbol, and not one of its own (scheduled sampling); a "
        "number is that share",
    )

    accumulate: Annotated[int, LATER, also_called(*_ACCUMULATE)] = Field(
        1,
        ge=1,
        description="batches of an update: their gradients are averaged and applied once, as if the batch were so many "
        "times larger",
    )

    not_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("epochs", "num_epochs", "n_epochs", "max_epochs"), "training is counted in updates: set train.updates"
        ),
        **dict.fromkeys(_REGULARISERS, "the one regulariser is train.omega; the optimizer adamw has a weight_decay"),
        **dict.fromkeys(("loss", "criterion", "loss_fn", "objective"), "the task decides what the loss is"),
        **dict.fromkeys(("fp16", "bf16"), "mixed precision is train.precision: float16, or bfloat16"),
        **dict.fromkeys(("shuffle", "drop_last"), "batches are drawn at random, each from its run's own seed"),
    }

    def learning_rate(self, update: int, seen: Seen = NOTHING) -> float:
        """Return the learning rate of an update, counted from 1. seen: what the schedule keeps of the checks before."""
        return self.rate.in_force(self.lr, update, self.updates, seen)

    @property
    def is_reduced(self) -> bool:
        """Whether the factors of products are rounded to a narrow type."""
        return self.precision in REDUCED

    @property
    def precision_of_checks(self) -> str:
        """The precision of what only measures: of validations and diagnoses. Factors are not rounded there."""
        return "ieee" if self.is_reduced else self.precision

    @property
    def scales_loss(self) -> bool:
        """Whether the loss is scaled, so that updates may be skipped."""
        return self.loss_scale != NoScale()

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the weights that are never changed."""
        return () if self.freeze == NOTHING_FROZEN else tuple(self.freeze.split("+"))

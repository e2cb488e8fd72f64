"""One run, fully resolved: every key that decides its bits, validated, and hashed into its identity.

The canonical form of a run is its spec as sorted JSON with all defaults written out, and its id is a version-tagged
hash of that form. Keys that a later version adds must be left out of the canonical form while they hold the value that
means "as before", so that ids never move; a change that cannot keep to this raises ID_VERSION.

Short forms stand for sections: `task: temporal_order`, `init: smart_tanh`, `clip: 1.0`, `clip: none`, `omega: 0.5`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rnnctl.section import NotNegative, Section, named
from rnnctl.study.models import GATED_FLAGS, Gated, Model, Rnn, default_name
from rnnctl.study.tasks import Marked, Memorization, TaskSpec, Xor

ID_VERSION = "r1"
# Keys that came after the first runs were identified, and the value that means what their absence meant.
ADDED_LATER = {
    ("check", "screen"): None,
    ("check", "diagnose_every"): None,
    ("train", "lr_decay"): "constant",
    ("train", "lr_period"): None,
    ("train", "beta1"): 0.9,
    ("train", "beta2"): 0.999,
    ("train", "epsilon"): 1e-8,
    ("train", "bptt"): "full",
}


# --- training --------------------------------------------------------------------------------------------------------


class Rescale(Section):
    """Scale the whole gradient to norm `cutoff` where it is longer; one that is no number shrinks W_hh (in a
    gated cell, all recurrent matrices) instead.
    """

    style: Literal["rescale"] = "rescale"
    cutoff: float = Field(1.0, gt=0)


class NoClip(Section):
    """Neither clipping nor the guard against gradients that are no numbers."""

    style: Literal["none"] = "none"


def _clip(value: Any) -> Any:
    if value is None or value == "none":
        return {"style": "none"}
    if isinstance(value, str):
        return {"style": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"style": "rescale", "cutoff": value}
    return {"style": "rescale", **value} if isinstance(value, dict) and "cutoff" in value else value


class Omega(Section):
    """Weight of the regulariser of Pascanu et al. 2013 section 3.3: alpha, or alpha / t for a `1/t` decay.

    t counts periods of `period` updates, from 1. Steps whose squared gradient norm is below `bound` do not count.
    """

    alpha: NotNegative = 0.0
    decay: Literal["constant", "1/t"] = "constant"
    period: int = Field(1, ge=1)
    bound: float = Field(1e-20, gt=0)

    def weight(self, update: int) -> float:
        """alpha at an update, counted from 1."""
        return self.alpha if self.decay == "constant" else self.alpha / (1 + (update - 1) // self.period)


def _omega(value: Any) -> Any:
    return {"alpha": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}  # normal numbers


class Train(Section):
    """Plain SGD, or Adam with its beta1, beta2 and epsilon. The rate is lr, or falls from there with t, the updates
    before, over lr_period: lr / (1 + t / period) for `1/t`, lr * 2^(-t / period) for `exponential`.

    bptt: the gradient goes back through all steps of a batch, in one update, or through so many, in an update for each
    such piece; the state is carried from piece to piece as a constant.
    """

    updates: int = Field(50_000, ge=1)
    batch: int = Field(20, ge=1)
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = Field(0.01, gt=0)
    lr_decay: Literal["constant", "1/t", "exponential"] = "constant"
    lr_period: int | None = Field(None, ge=1)
    clip: Annotated[Annotated[Rescale | NoClip, Field(discriminator="style")], BeforeValidator(_clip)] = Rescale()
    omega: Annotated[Omega, BeforeValidator(_omega)] = Omega()
    dtype: Literal["float32", "float64"] = "float32"
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0)
    bptt: Annotated[int, Field(ge=1)] | Literal["full"] = "full"

    @model_validator(mode="after")
    def _only_adam_has_moments(self) -> Train:
        for key in ("beta1", "beta2", "epsilon"):
            if self.optimizer != "adam" and (value := getattr(self, key)) != ADDED_LATER["train", key]:
                raise ValueError(f"{key} {value:g} has no meaning for optimizer {self.optimizer}: it is adam's")
        return self

    @model_validator(mode="after")
    def _decay_has_its_period(self) -> Train:
        if self.lr_decay != "constant" and self.lr_period is None:
            raise ValueError(f"lr_period is missing: lr_decay {self.lr_decay} goes by it, in updates")
        if self.lr_decay == "constant" and self.lr_period is not None:
            raise ValueError(f"lr_period {self.lr_period} has no meaning while lr_decay is constant")
        return self

    @model_validator(mode="after")
    def _bound_is_a_number_of_the_dtype(self) -> Train:
        least = SMALLEST[self.dtype]
        if self.omega.bound < least:
            raise ValueError(
                f"omega.bound {self.omega.bound:g} is below what {self.dtype} can hold; at least {least:g}"
            )
        return self

    def rate(self, update: int) -> float:
        """The learning rate of an update, counted from 1."""
        if self.lr_period is None:
            return self.lr
        periods = (update - 1) / self.lr_period
        return self.lr / (1 + periods) if self.lr_decay == "1/t" else self.lr * 2.0**-periods


class Check(Section):
    """When and on what a run is validated and diagnosed. Both sets are frozen, and drawn from `seed` alone."""

    every: int = Field(20, ge=1)
    samples: int = Field(10_000, ge=1)
    chunk: int = Field(1_000, ge=1)
    seed: int = Field(12_345, ge=0)
    diagnostic_batch: int = Field(20, ge=1)
    screen: int | None = Field(None, ge=1)
    diagnose_every: int | None = Field(None, ge=1)
    saturation: float = Field(0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole_chunks(self) -> Check:
        if self.samples % self.chunk:
            raise ValueError(f"samples {self.samples} is not a multiple of chunk {self.chunk}")
        chunks = self.samples // self.chunk
        if self.screen is not None and self.screen % chunks:
            raise ValueError(f"screen {self.screen} takes as many sequences of each of {chunks} chunks: not a multiple")
        if self.screen is not None and self.screen > self.samples:
            raise ValueError(f"screen {self.screen} is more than samples {self.samples}")
        if self.diagnose_every is not None and self.diagnose_every % self.every:
            raise ValueError(f"diagnose_every {self.diagnose_every} is not a multiple of every {self.every}")
        return self


class Stop(Section):
    """When a run ends before its budget: solved, or no better by min_delta (in nats) for `patience` checks."""

    solved: Literal["zero_errors", "under_1_percent", "never"] = "zero_errors"
    patience: int | None = Field(None, ge=1)
    min_delta: NotNegative = 1e-4


class RunSpec(Section):
    """One run. Two equal specs are the same run, wherever they were written."""

    task: Annotated[TaskSpec, BeforeValidator(named)]
    model: Annotated[Model, default_name("rnn")] = Rnn()
    train: Train = Train()
    check: Check = Check()
    stop: Stop = Stop()
    seed: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _omega_has_its_cell(self) -> RunSpec:
        if self.train.omega.alpha > 0 and not isinstance(self.model, Rnn):
            alpha, cell = self.train.omega.alpha, self.model.name
            raise ValueError(f"train.omega.alpha {alpha} has no meaning for {cell}: Omega is the vanilla RNN's")
        return self

    @model_validator(mode="after")
    def _gated_reads_symbols(self) -> RunSpec:
        if isinstance(self.model, Gated) and isinstance(self.task, Marked | Xor):
            raise ValueError(f"model gated reads symbols, and the inputs of {self.task.name} are numbers")
        return self

    @model_validator(mode="after")
    def _pieces_are_asked_something(self) -> RunSpec:
        if self.train.bptt != "full" and not self.task.every_step:
            raise ValueError(
                f"train.bptt {self.train.bptt} has no meaning for {self.task.name}: it asks at its last step alone, so "
                "that most pieces of a sequence would have no loss"
            )
        return self

    @model_validator(mode="after")
    def _all_patterns_fill_a_batch(self) -> RunSpec:
        task = self.task
        if isinstance(task, Memorization) and task.patterns == "all":
            for key, size in (("train.batch", self.train.batch), ("check.chunk", self.check.chunk)):
                if size % task.count:
                    raise ValueError(
                        f"{key} {size} is not a multiple of {task.count}: where task.patterns is all, each of the "
                        f"{task.values} ** {task.positions} patterns is in it equally often"
                    )
        return self

    def canonical(self) -> dict[str, Any]:
        """The spec as plain JSON values, defaults written out but for those of keys that were added later."""
        plain = self.model_dump(mode="json")
        for (section, key), as_before in ADDED_LATER.items():
            if plain[section][key] == as_before:
                del plain[section][key]
        return plain

    def _identity(self) -> dict[str, Any]:
        """What tells the run from others: its canonical form but for where a corpus lies."""
        plain = self.canonical()
        plain["task"].pop("corpus", None)
        return plain

    @property
    def run_id(self) -> str:
        return f"{ID_VERSION}-{_digest(self._identity())}"

    @property
    def config_id(self) -> str:
        """Identity of the configuration: the run but for its seed."""
        return f"c1-{_digest({k: v for k, v in self._identity().items() if k != 'seed'})}"

    @property
    def oddities(self) -> tuple[str, ...]:
        """What is allowed and yet hardly meant."""
        if not isinstance(self.model, Gated) or self.model.new_state or self.train.bptt != 1:
            return ()
        if self.model.residual or self.model.input_gate:
            return ("with old_state alone and bptt 1, no gradient reaches what makes the state: it stays as it began",)
        return (
            "with old_state alone, no residual and bptt 1, no gradient reaches what lies below the last output map",
        )

    @property
    def piece(self) -> int | None:
        """Steps of a batch that an update takes; None for all."""
        return None if self.train.bptt == "full" else self.train.bptt

    @property
    def shape(self) -> str:
        """Runs with equal shape can train in one pack: same task, model size, batch and checks."""
        m, t = self.model, self.train
        cell = f"{m.name}-{m.activation}" if isinstance(m, Rnn) else m.name
        if isinstance(m, Gated):
            cell += f"{m.layers}-" + "".join(str(int(getattr(m, flag))) for flag in GATED_FLAGS)
        kept = [self._identity()["task"], self.check.model_dump(mode="json")]
        kept += [self.piece] if self.piece else []
        return f"{cell}-H{m.hidden}-B{t.batch}-{t.dtype}-{self.task.name}-{_digest(kept)[:6]}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]

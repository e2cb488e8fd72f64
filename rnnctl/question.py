"""What a task asks of a network: the one thing that tasks and output heads must agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Question:
    """Which answers are read from the hidden states, what their loss is, and when they are wrong.

    loss: cross_entropy of a softmax over the outputs (nats), or squared_error of one linear output, without a factor
    1/2. It is the mean over the batch, and over the steps if every step is asked. An answer is wrong if the largest
    output is not that of the target, or if it is further than `tolerance` from the target. judged: a sequence is wrong
    if its `last` answer is, or if `any` answer is, or `each` wrong answer counts as its share of the steps.
    """

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    every_step: bool = False
    judged: Literal["last", "any", "each"] = "last"
    tolerance: float = 0.0  # absolute error; used for squared_error only

    @property
    def has_compiled_head(self) -> bool:
        """Whether compiled loops on a CPU also compute losses and their gradients, without outputs of all steps."""
        return self.every_step and self.loss == "cross_entropy"

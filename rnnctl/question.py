"""What a task asks of a network: the one thing that tasks and output heads must agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOT_ASKED = -1  # the target of an answer that is not asked, where targets are classes; NaN where they are numbers


@dataclass(frozen=True)
class Question:
    """Which answers are read from the hidden states, what their loss is, and when they are wrong.

    loss: cross_entropy of a softmax over the outputs (nats), or squared_error of linear outputs, without a factor 1/2.
    It is the mean over the batch, and over the steps if every step is asked. An answer is wrong if the largest output
    is not that of the target, or if an output is further than `tolerance` from its target. judged: a sequence is wrong
    if its `last` answer is, or if `any` answer is, or `each` wrong answer counts as its share of the steps.

    values: the real numbers of an answer, for squared_error only: its loss is the mean of their squared errors. Targets
    have a last axis of this length if it is above 1.

    partial: whether some answers are not asked. Their targets are the class NOT_ASKED, or NaN. The loss of a sequence
    is then the mean over the steps at which it is asked, and the loss of a batch is the mean over the sequences that
    are asked anything. Of such a question `each` answer is judged.
    """

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    every_step: bool = False
    judged: Literal["last", "any", "each"] = "last"
    tolerance: float = 0.0  # absolute error; used for squared_error only
    values: int = 1
    partial: bool = False

    @property
    def has_compiled_head(self) -> bool:
        """Whether compiled loops on a CPU also compute losses and their gradients, without outputs of all steps."""
        return self.every_step and self.loss == "cross_entropy" and not self.partial

    @property
    def has_gpu_head(self) -> bool:
        """Whether kernels of a GPU compute losses and their gradients."""
        return self.values == 1 and not self.partial

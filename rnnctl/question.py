"""What is asked of a network: the one thing that tasks and heads have to agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Question:
    """What is read off the hidden states, how the answer costs, and when it is wrong.

    loss: cross_entropy of a softmax over the outputs (nats), or squared_error, without a factor 1/2, of one linear
    output; the mean over the batch and, of every_step, over the steps. An answer is wrong where the largest output is
    not the target's, or where it is further than `tolerance` from it. A sequence counts as wrong where its answer at
    the last step is, or at any step, or by the share of its steps that are (judged: last, any, each).
    """

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    every_step: bool = False
    judged: Literal["last", "any", "each"] = "last"
    tolerance: float = 0.0  # absolute error, of squared_error alone

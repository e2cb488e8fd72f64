"""What turns a gradient into a change of the weights. One run at a time, elementwise, so that a run's bits are its own.

    SGD   w <- w - rate g
    Adam  m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
          w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)

(Kingma and Ba 2015, algorithm 1, t counted from 1.)
"""

from __future__ import annotations

import math

import torch

from rnnctl.spec.run import Train


def slots(train: Train) -> int:
    """How many vectors as long as the weights the optimizer keeps."""
    return {"sgd": 0, "adam": 2}[train.optimizer]


def apply(
    train: Train,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor | None,
) -> None:
    """Make update number `update`, from 1, in place, by the gradient times `scale`.

    kept_SN: the optimizer's own, zeros before the first update; None where it has none.
    """
    rate = train.rate(update)
    if train.optimizer == "sgd":
        weights_N.add_(gradient_N, alpha=-rate * scale)
        return
    m_N, v_N = kept_SN
    m_N.mul_(train.beta1).add_(gradient_N, alpha=(1 - train.beta1) * scale)
    v_N.mul_(train.beta2).add_(gradient_N.square(), alpha=(1 - train.beta2) * scale * scale)
    root = math.sqrt(1 - train.beta2**update)
    spread_N = v_N.sqrt().div_(root).add_(train.epsilon)
    weights_N.sub_((m_N / spread_N).mul_(rate / (1 - train.beta1**update)))

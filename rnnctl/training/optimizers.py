"""What turns a gradient into a change of the weights. One run at a time, elementwise, so that a run's bits are its own.

    SGD   w <- w - rate g
    Adam  m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
          w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)

(Kingma and Ba 2015, algorithm 1, t counted from 1.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from rnnctl.determinism import kernel_compiler
from rnnctl.study.run import Train


def slots(train: Train) -> int:
    """How many vectors as long as the weights the optimizer keeps."""
    return {"sgd": 0, "adam": 2}[train.optimizer]


Optimizer = Callable[[Train, int, float, torch.Tensor, torch.Tensor, torch.Tensor | None], None]


def make_optimizer(train: Train, device: str) -> Optimizer:
    """What makes a run's updates: optimizer(train, update, scale, gradient_N, weights_N, kept_SN) makes the one of
    number `update`, from 1, in place, by the gradient times `scale`.

    kept_SN: the optimizer's own, zeros before the first update; None where it has none.
    """
    if train.optimizer == "sgd":
        return _sgd
    return _fused_adam if device == "cpu" and kernel_compiler() else _adam


def _sgd(
    train: Train, update: int, scale: float, gradient_N: torch.Tensor, weights_N: torch.Tensor, kept_SN: None
) -> None:
    weights_N.add_(gradient_N, alpha=-train.rate(update) * scale)


def _adam(
    train: Train,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor,
) -> None:
    m_N, v_N = kept_SN
    m_N.mul_(train.beta1).add_(gradient_N, alpha=(1 - train.beta1) * scale)
    v_N.mul_(train.beta2).add_(gradient_N.square(), alpha=(1 - train.beta2) * scale * scale)
    rate, root = _corrections(train, update)
    spread_N = v_N.sqrt().div_(root).add_(train.epsilon)
    weights_N.sub_((m_N / spread_N).mul_(rate))


def _corrections(train: Train, update: int) -> tuple[float, float]:
    """rate / (1 - b1^t) and sqrt(1 - b2^t)."""
    return train.rate(update) / (1 - train.beta1**update), math.sqrt(1 - train.beta2**update)


def _fused_adam(
    train: Train,
    update: int,
    scale: float,
    gradient_N: torch.Tensor,
    weights_N: torch.Tensor,
    kept_SN: torch.Tensor,
) -> None:
    from rnnctl.optimizers.adam_loop import adam

    kept = kept_SN.numpy()
    moments = train.beta1, train.beta2, train.epsilon
    adam(
        gradient_N.numpy(), weights_N.numpy(), kept[0], kept[1], scale, *moments, *_corrections(train, update)
    )  # fmt: skip

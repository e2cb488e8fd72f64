"""Gradient descent with Nesterov's momentum (Sutskever et al. 2013), as torch.optim.SGD(nesterov=True) makes it.

v <- momentum v + g        w <- w - rate (g + momentum v)

v is 0 before the first update. The weights are those at which Sutskever et al. evaluate the gradient: the point ahead
of their parameters, which is where a network is used and validated here too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from rnnctl.optimizers.momentum import VelocitySection
from rnnctl.optimizers.section import Step, Update
from rnnctl.section import also_called


class NesterovSection(VelocitySection):
    """Gradient descent with Nesterov's momentum, which looks one step of the velocity ahead."""

    name: Annotated[Literal["nesterov"], also_called(nesterov=("nag", "nesterov_momentum", "sgd_nesterov"))] = (
        "nesterov"
    )

    @classmethod
    def step(cls, device: str) -> Step:
        return _nesterov

    @classmethod
    def kernel(cls) -> Any:
        from rnnctl.optimizers.kernels import nesterov

        return nesterov


def _nesterov(settings: NesterovSection, update: Update) -> None:
    v_N, rate = settings.accelerated(update), update.rate
    update.weights_N.add_(update.gradient_N, alpha=-rate * update.scale).add_(v_N, alpha=-rate * settings.momentum)

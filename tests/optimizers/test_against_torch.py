"""Every optimizer against the one of torch.optim, by all ways to make its update: on gradients of any size, and as
clipping scales them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnnctl.optimizers.adagrad import AdagradSection
from rnnctl.optimizers.adam import AdamSection
from rnnctl.optimizers.adamw import AdamWSection
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.optimizers.momentum import MomentumSection
from rnnctl.optimizers.nesterov import NesterovSection
from rnnctl.optimizers.rmsprop import RmspropSection
from rnnctl.optimizers.section import OptimizerSection, Update
from rnnctl.optimizers.sgd import SgdSection

UPDATES, WEIGHTS = 300, 41  # no multiple of a vector

RATE = 0.02


class Case(NamedTuple):
    """An optimizer, the one of torch with the same settings, and the names of what that keeps, a slot of ours each."""

    settings: OptimizerSection
    torchs: Callable[[Iterable[torch.Tensor]], torch.optim.Optimizer]
    keeps: tuple[str, ...] = ()


CASES = [
    Case(SgdSection(), lambda w: torch.optim.SGD(w, lr=RATE)),
    Case(MomentumSection(), lambda w: torch.optim.SGD(w, lr=RATE, momentum=0.9), ("momentum_buffer",)),
    Case(MomentumSection(momentum=0.3), lambda w: torch.optim.SGD(w, lr=RATE, momentum=0.3), ("momentum_buffer",)),
    Case(
        NesterovSection(momentum=0.8),
        lambda w: torch.optim.SGD(w, lr=RATE, momentum=0.8, nesterov=True),
        ("momentum_buffer",),
    ),
    Case(
        AdamSection(beta1=0.8, beta2=0.97, epsilon=1e-5),
        lambda w: torch.optim.Adam(w, lr=RATE, betas=(0.8, 0.97), eps=1e-5),
        ("exp_avg", "exp_avg_sq"),
    ),
    Case(
        AdamWSection(beta1=0.8, beta2=0.97, epsilon=1e-5, weight_decay=0.3),
        lambda w: torch.optim.AdamW(w, lr=RATE, betas=(0.8, 0.97), eps=1e-5, weight_decay=0.3),
        ("exp_avg", "exp_avg_sq"),
    ),
    Case(
        RmspropSection(decay=0.95, epsilon=1e-5),
        lambda w: torch.optim.RMSprop(w, lr=RATE, alpha=0.95, eps=1e-5),
        ("square_avg",),
    ),
    Case(AdagradSection(), lambda w: torch.optim.Adagrad(w, lr=RATE), ("sum",)),
    Case(AdagradSection(epsilon=1e-3), lambda w: torch.optim.Adagrad(w, lr=RATE, eps=1e-3), ("sum",)),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.settings.name)


def test_no_optimizer_is_left_out() -> None:
    assert {case.settings.name for case in CASES} == set(OPTIMIZERS.names)


def ours(
    settings: OptimizerSection, dtype: torch.dtype, gradients: torch.Tensor, scales: np.ndarray, place: int = 0
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return weights and slots after an update by each of (T, N) gradients. The weights are row `place` of a matrix."""
    step = type(settings).step("cpu")
    rows = torch.ones(place + 1, WEIGHTS, dtype=dtype)
    kept = torch.zeros(settings.slots, WEIGHTS, dtype=dtype) if settings.slots else None
    with torch.no_grad():
        for t, (gradient, scale) in enumerate(zip(gradients.to(dtype), scales, strict=True), start=1):
            step(settings, Update(RATE, t, float(scale), gradient, rows[place], kept))
    return rows[place], kept


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", ["unclipped", "clipped"])
@each_case
def test_an_optimizer_is_that_of_torch(case: Case, dtype: torch.dtype, scale: str) -> None:
    rng = np.random.default_rng(7)
    sizes = 10.0 ** rng.uniform(-9, 3, (UPDATES, WEIGHTS))
    gradients = torch.from_numpy(sizes * rng.standard_normal((UPDATES, WEIGHTS)))
    gradients[:, 0] = 0
    scales = rng.uniform(0.001, 1, UPDATES) if scale == "clipped" else np.ones(UPDATES)

    weights = torch.ones(WEIGHTS, dtype=torch.float64, requires_grad=True)
    theirs = case.torchs([weights])
    for gradient, factor in zip(gradients, scales, strict=True):
        weights.grad = gradient * factor
        theirs.step()

    actual, kept = ours(case.settings, dtype, gradients, scales)
    if dtype == torch.float32:
        # Of weights that a sum of large steps has brought near 0, few digits are left.
        size = max(1.0, float(weights.detach().abs().max()))
        torch.testing.assert_close(actual.double(), weights.detach(), rtol=2e-5, atol=2e-6 * size)
    else:
        torch.testing.assert_close(actual, weights.detach(), rtol=1e-12, atol=1e-14)
        expected = [theirs.state[weights][name] for name in case.keeps]
        assert len(expected) == case.settings.slots
        if kept is not None:
            torch.testing.assert_close(kept, torch.stack(expected), rtol=1e-9, atol=1e-14)


@pytest.mark.usefixtures("code_path")
@each_case
def test_an_update_has_the_same_bits_wherever_the_row_lies(case: Case) -> None:
    gradients, scales = torch.randn(60, WEIGHTS, generator=torch.Generator().manual_seed(3)), np.ones(60)
    weights, kept = ours(case.settings, torch.float32, gradients, scales)
    for place in range(1, 4):
        others, also_kept = ours(case.settings, torch.float32, gradients, scales, place)
        assert torch.equal(weights, others)
        assert kept is None or (also_kept is not None and torch.equal(kept, also_kept))


@pytest.mark.usefixtures("code_path")
@each_case
def test_the_first_update_by_a_gradient_of_zero_changes_nothing_but_what_decays(case: Case) -> None:
    weights, _ = ours(case.settings, torch.float32, torch.zeros(1, WEIGHTS), np.ones(1))
    left = 1 - RATE * case.settings.weight_decay if isinstance(case.settings, AdamWSection) else 1.0
    assert torch.equal(weights, torch.full((WEIGHTS,), left))

"""Both ways to make Adam's update, against torch.optim.Adam, on gradients of any size and as clipping scales them."""

import numpy as np
import pytest
import torch

from rnnctl.optimizers.adam import AdamSection

UPDATES, WEIGHTS = 60, 41  # no multiple of a vector

SETTINGS = AdamSection(beta1=0.8, beta2=0.97, epsilon=1e-5)
RATE = 0.02


def adam(dtype: torch.dtype, gradients: torch.Tensor, scales: np.ndarray, place: int = 0) -> tuple[torch.Tensor, ...]:
    """Weights and moments after an update by each of (T, N) gradients; weights are row `place` of a matrix."""
    step = AdamSection.step("cpu")
    rows = torch.ones(place + 1, WEIGHTS, dtype=dtype)
    kept = torch.zeros(AdamSection.slots, WEIGHTS, dtype=dtype)
    with torch.no_grad():
        for t, (gradient, scale) in enumerate(zip(gradients.to(dtype), scales, strict=True), start=1):
            step(SETTINGS, RATE, t, float(scale), gradient, rows[place], kept)
    return rows[place], kept


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", ["unclipped", "clipped"])
def test_adam_is_that_of_torch(dtype, scale):
    rng = np.random.default_rng(7)
    sizes = 10.0 ** rng.uniform(-9, 3, (UPDATES, WEIGHTS))
    gradients = torch.from_numpy(sizes * rng.standard_normal((UPDATES, WEIGHTS)))
    gradients[:, 0] = 0
    scales = rng.uniform(0.001, 1, UPDATES) if scale == "clipped" else np.ones(UPDATES)

    weights = torch.ones(WEIGHTS, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([weights], lr=RATE, betas=(SETTINGS.beta1, SETTINGS.beta2), eps=SETTINGS.epsilon)
    for gradient, factor in zip(gradients, scales, strict=True):
        weights.grad = gradient * factor
        theirs.step()

    ours, kept = adam(dtype, gradients, scales)
    if dtype == torch.float32:
        torch.testing.assert_close(ours.double(), weights.detach(), rtol=2e-5, atol=1e-6)
    else:
        torch.testing.assert_close(ours, weights.detach(), rtol=1e-12, atol=1e-14)
        state = theirs.state[weights]
        torch.testing.assert_close(kept, torch.stack([state["exp_avg"], state["exp_avg_sq"]]), rtol=1e-9, atol=1e-14)
    assert ours[0] == 1


@pytest.mark.usefixtures("code_path")
def test_an_update_has_the_same_bits_wherever_the_row_lies():
    gradients, scales = torch.randn(UPDATES, WEIGHTS, generator=torch.Generator().manual_seed(3)), np.ones(UPDATES)
    first, *others = (adam(torch.float32, gradients, scales, place) for place in range(4))
    for other in others:
        for mine, its in zip(first, other, strict=True):
            assert torch.equal(mine, its)

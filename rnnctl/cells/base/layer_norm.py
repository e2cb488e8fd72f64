"""Layer normalisation (Ba, Kiros and Hinton 2016, eq. 3 and 4), forward and back, for a pack of runs.

    y = g * n + b,  n = (x - mean(x)) / sqrt(var(x) + EPSILON)        over the last axis, var divided by its length

Backward, with D_x = dL/dx and r the reciprocal of the root:

    D_n = D_y * g        D_x = r (D_n - mean(D_n) - n * mean(D_n * n))        D_g = sum(D_y * n)        D_b = sum(D_y)

Sums are over the last axis alone, so a run has the same bits in any pack.
"""

from __future__ import annotations

import torch

EPSILON = 1e-5  # that of torch.nn.LayerNorm


def standardised(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return n, of the shape of x, and r, with a last axis of one."""
    n, _, r = torch.native_layer_norm(x, x.shape[-1:], None, None, EPSILON)
    return n, r


def standardised_back(dn: torch.Tensor, n: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """Return D_x from D_n."""
    return dn.sub(dn.mean(-1, keepdim=True)).sub_((dn * n).mean(-1, keepdim=True).mul(n)).mul_(r)

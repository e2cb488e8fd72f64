"""Omega, the regulariser that asks the gradient to keep its norm on its way back (Pascanu, Mikolov and Bengio 2013,
eq. 9, 10).

For one run, with d_t = dL/dh_t (total) and c_t = (d_t * phi'(h_t)) W_hh^T what step t hands to the step before it:

    r[t, b] = |c_t[b]|^2 / |d_t[b]|^2   where |d_t[b]|^2 >= bound, else 1
    Omega   = sum_t mean_b (r[t, b] - 1)^2 / sum_t f_t,     f_t = share of the batch with |d_t|^2 >= bound

As in the authors' program, norms are squared (the paper's eq. 9 writes plain ones), the sum is a mean over usable
steps, and only the explicit W_hh is differentiated: d_t and h_t are constants. Hence

    dOmega/dW_hh = sum_{t,b} (k[t, b] c_t[b])^T delta_t[b],     k = 4 (r - 1) / (B sum_t f_t |d_t|^2)

which has the form of the loss's own gradient, sum_t h_{t-1}^T delta_t, and so shares its product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Omega:
    """value: Omega, (). extra_TBH: k[t, b] c_t[b]."""

    value: torch.Tensor
    extra_TBH: torch.Tensor


def omega(d_TBH: torch.Tensor, c_TBH: torch.Tensor, bound: float) -> Omega:
    """Return Omega of one run.

    d_TBH: dL/dh_t for t = 0..T, (T + 1, B, H). c_TBH: c_t for t = 1..T, (T, B, H); where the loss reads only h_T, c_t
    is d_{t-1}. bound: of squared norms. Omega is 0 if no step is usable.
    """
    here_TB, before_TB = d_TBH[1:].square().sum(2), c_TBH.square().sum(2)
    usable_TB = here_TB >= bound
    # Unusable steps are divided by one, not by a tiny number; their ratio is then set to 1.
    divisor_TB = torch.where(usable_TB, here_TB, 1.0)
    excess_TB = torch.where(usable_TB, before_TB / divisor_TB - 1, 0.0)
    count = usable_TB.sum().clamp(min=1)  # B sum_t f_t
    k_TB = 4 * excess_TB / (count * divisor_TB)
    return Omega(
        value=excess_TB.square().sum() / count,
        extra_TBH=k_TB.unsqueeze(2) * c_TBH,
    )

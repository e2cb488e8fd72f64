"""Plain transcriptions of the equations, unpacked and per step, for autograd in float64 to differentiate."""

from __future__ import annotations

import torch

PHI = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda a: a}


def rnn_loss(weights, symbols_TB, targets_B, activation):
    """Batch-mean cross-entropy of one run, and its hidden states h_0..h_T as separate tensors that autograd can hold
    on to.
    """
    one_hot = torch.nn.functional.one_hot(symbols_TB.long(), weights["W_uh"].shape[0]).to(weights["W_uh"].dtype)
    h = torch.zeros(symbols_TB.shape[1], weights["W_hh"].shape[0], dtype=weights["W_hh"].dtype, requires_grad=True)
    states = [h]
    for u_BV in one_hot:
        h = PHI[activation](h @ weights["W_hh"] + u_BV @ weights["W_uh"] + weights["b_hh"])
        h.retain_grad()
        states.append(h)
    y = h @ weights["W_hy"] + weights["b_hy"]
    return torch.nn.functional.cross_entropy(y, targets_B), states


def omega_value(w_hh, states, grads, activation, bound):
    """Omega with h_t and d_t held constant, as a function of w_hh alone, in loops that follow its definition word by
    word.
    """
    total = torch.zeros((), dtype=w_hh.dtype)
    usable = 0.0
    batch = states[0].shape[0]
    for h, d in zip(states[1:], grads[1:], strict=True):
        h, d = h.detach(), d.detach()
        slope = {
            "tanh": 1 - h**2,
            "sigmoid": h * (1 - h),
            "relu": (h > 0).to(h.dtype),
            "identity": torch.ones_like(h),
        }[activation]
        for b in range(batch):
            size = (d[b] ** 2).sum()
            if size >= bound:
                ratio = (((d[b] * slope[b]) @ w_hh.T) ** 2).sum() / size
                total = total + (ratio - 1) ** 2 / batch
                usable += 1 / batch
    return total / usable, usable / (len(states) - 1)

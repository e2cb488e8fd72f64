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


def _steps(weights, symbols_TB, targets_B, step, state):
    """Batch-mean cross-entropy and the states h_0..h_T of any step(sums, state) -> (h, state), as rnn_loss does it.

    sums(branch, h): what h and the symbol add up to in a branch.
    """
    one_hot = torch.nn.functional.one_hot(symbols_TB.long(), weights["W_uh"].shape[0]).to(weights["W_uh"].dtype)
    h = torch.zeros(symbols_TB.shape[1], weights["W_hh"].shape[0], dtype=weights["W_hh"].dtype, requires_grad=True)
    states = [h]
    for u_BV in one_hot:

        def sums(branch, h, u_BV=u_BV):
            bias = weights["b_hh" if branch == "h" else f"b_{branch}"]
            return h @ weights[f"W_h{branch}"] + u_BV @ weights[f"W_u{branch}"] + bias

        h, state = step(sums, h, state)
        h.retain_grad()
        states.append(h)
    return torch.nn.functional.cross_entropy(h @ weights["W_hy"] + weights["b_hy"], targets_B), states


def gru_loss(weights, symbols_TB, targets_B):
    """Loss, h_0..h_T, and the gates z and r for t = 1..T."""
    gates = {"z": [], "r": []}

    def step(sums, h, state):
        z, r = torch.sigmoid(sums("z", h)), torch.sigmoid(sums("r", h))
        gates["z"].append(z)
        gates["r"].append(r)
        return (1 - z) * h + z * torch.tanh(sums("h", r * h)), state

    return *_steps(weights, symbols_TB, targets_B, step, None), gates


def lstm_loss(weights, symbols_TB, targets_B):
    """Loss, h_0..h_T, and the gates i, f and o for t = 1..T."""
    gates = {"i": [], "f": [], "o": []}

    def step(sums, h, c):
        i, f, o = (torch.sigmoid(sums(name, h)) for name in "ifo")
        for name, gate in zip("ifo", (i, f, o), strict=True):
            gates[name].append(gate)
        c = f * c + i * torch.tanh(sums("h", h))
        return o * torch.tanh(c), c

    return *_steps(weights, symbols_TB, targets_B, step, 0.0), gates

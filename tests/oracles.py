"""Plain transcriptions of the equations, unpacked and per step, for autograd in float64 to differentiate."""

from __future__ import annotations

import torch

from rnnctl.question import Question

PHI = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda a: a}


def answer_loss(question, y, targets):
    """Mean loss of outputs (..., O), against targets of their leading shape, or of their whole shape."""
    if question.loss == "squared_error" and targets.shape == y.shape:
        return ((y - targets) ** 2).mean()
    if question.loss == "squared_error":
        return ((y[..., 0] - targets) ** 2).mean()
    return torch.nn.functional.cross_entropy(y.reshape(-1, y.shape[-1]), targets.reshape(-1))


def rnn_loss(weights, inputs, targets, activation, question=None):
    """Batch-mean loss of one run, and its hidden states h_0..h_T as separate tensors that autograd can hold on to."""

    def step(sums, h, state):
        return PHI[activation](sums("h", h)), state

    return _steps(weights, inputs, targets, step, None, question)


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


def _steps(weights, inputs, targets, step, state, question=None):
    """Batch-mean loss and the states h_0..h_T of any step(sums, state) -> (h, state), as rnn_loss does it.

    sums(branch, h): what h and the input add up to in a branch. inputs: symbols (T, B) or reals (T, B, V).
    """
    question, dtype = question or Question(), weights["W_uh"].dtype
    if not inputs.is_floating_point():
        inputs = torch.nn.functional.one_hot(inputs.long(), weights["W_uh"].shape[0]).to(dtype)
    h = torch.zeros(inputs.shape[1], weights["W_hh"].shape[0], dtype=dtype, requires_grad=True)
    states = [h]
    for u_BV in inputs:

        def sums(branch, h, u_BV=u_BV):
            bias = weights["b_hh" if branch == "h" else f"b_{branch}"]
            return h @ weights[f"W_h{branch}"] + u_BV @ weights[f"W_u{branch}"] + bias

        h, state = step(sums, h, state)
        h.retain_grad()
        states.append(h)
    outputs = [h @ weights["W_hy"] + weights["b_hy"] for h in (states[1:] if question.every_step else states[-1:])]
    y = torch.stack(outputs) if question.every_step else outputs[0]
    return answer_loss(question, y, targets), states


def gru_loss(weights, inputs, targets, question=None):
    """Loss, h_0..h_T, and the gates z and r for t = 1..T."""
    gates = {"z": [], "r": []}

    def step(sums, h, state):
        z, r = torch.sigmoid(sums("z", h)), torch.sigmoid(sums("r", h))
        gates["z"].append(z)
        gates["r"].append(r)
        return (1 - z) * h + z * torch.tanh(sums("h", r * h)), state

    return *_steps(weights, inputs, targets, step, None, question), gates


def lstm_loss(weights, inputs, targets, question=None):
    """Loss, h_0..h_T, and the gates i, f and o for t = 1..T."""
    gates = {"i": [], "f": [], "o": []}

    def step(sums, h, c):
        i, f, o = (torch.sigmoid(sums(name, h)) for name in "ifo")
        for name, gate in zip("ifo", (i, f, o), strict=True):
            gates[name].append(gate)
        c = f * c + i * torch.tanh(sums("h", h))
        return o * torch.tanh(c), c

    return *_steps(weights, inputs, targets, step, 0.0, question), gates

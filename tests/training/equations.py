"""The equations of a step of the cells."""

import torch


def step(cell, w, u, state):
    """(h, state) of a cell's equations from one step's inputs (B, V) and state."""
    if cell == "rnn":
        h = torch.tanh(state @ w["W_hh"] + u @ w["W_uh"] + w["b_hh"])
        return h, h
    if cell == "gru":
        z, r = (torch.sigmoid(state @ w[f"W_h{g}"] + u @ w[f"W_u{g}"] + w[f"b_{g}"]) for g in "zr")
        n = torch.tanh((r * state) @ w["W_hh"] + u @ w["W_uh"] + w["b_hh"])
        h = (1 - z) * state + z * n
        return h, h
    h, c = state.chunk(2, 1)
    i, f, o = (torch.sigmoid(h @ w[f"W_h{g}"] + u @ w[f"W_u{g}"] + w[f"b_{g}"]) for g in "ifo")
    c = f * c + i * torch.tanh(h @ w["W_hh"] + u @ w["W_uh"] + w["b_hh"])
    h = o * torch.tanh(c)
    return h, torch.cat([h, c], 1)

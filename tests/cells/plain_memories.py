"""The cells with a memory of slots, written plainly: one sequence, one slot and one head at a time, for autograd."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

Weights = dict[str, torch.Tensor]
Vectors = list[torch.Tensor]
Step = Callable[[torch.Tensor, torch.Tensor, Vectors], tuple[torch.Tensor, torch.Tensor, Vectors]]


def attention(asking: Vectors, answering: Vectors, w: Weights, heads: int) -> tuple[Vectors, list[list[Vectors]]]:
    """Return what each vector gets, and for it and each head the weights of those that answer."""
    size = len(asking[0]) // heads
    gets, shares = [], []
    for vector in asking:
        parts, of_heads = [], []
        for head in range(heads):
            columns = slice(head * size, (head + 1) * size)
            q = vector @ w["W_q"][:, columns]
            scores = [q @ (other @ w["W_k"][:, columns]) / math.sqrt(size) for other in answering]
            total = torch.logsumexp(torch.stack(scores), 0)
            weights = [(score - total).exp() for score in scores]
            parts.append(sum(a * (other @ w["W_v"][:, columns]) for a, other in zip(weights, answering, strict=True)))
            of_heads.append(weights)
        gets.append(torch.cat(parts))
        shares.append(of_heads)
    return gets, shares


def layer_norm(x: torch.Tensor, w: Weights, n: str, norm: bool) -> torch.Tensor:
    if not norm:
        return x
    off = x - x.mean()
    return w[f"g_{n}"] * off / torch.sqrt((off**2).mean() + 1e-5) + w[f"b_{n}"]


def relational_memory(w: Weights, u: torch.Tensor, h: torch.Tensor, memory: Vectors, heads: int, norm: bool, gates):
    """Make a step from one sequence's input (V,), h (H,) and slots. Return h and the slots; append to `gates`."""
    sums = {name: u @ w[f"W_u{name}"] + w[f"b_{name}"] for name in "pifo"}
    z, shares = attention(memory, [*memory, sums["p"]], w, heads)
    new_memory, new_h = [], []
    kept = {name: [] for name in "ifo"}
    for slot, (m, before) in enumerate(zip(memory, h.chunk(len(memory)), strict=True)):
        y = layer_norm(m + z[slot], w, "1", norm)
        perceptron = torch.relu(y @ w["W_m"] + w["b_m"]) @ w["W_n"] + w["b_n"]
        content = torch.tanh(layer_norm(y + perceptron, w, "2", norm))
        i, f, o = (torch.sigmoid(before @ w[f"W_h{name}"] + sums[name]) for name in "ifo")
        new = f * m + i * content
        new_memory.append(new)
        new_h.append(o * torch.tanh(new))
        for name, gate in zip("ifo", (i, f, o), strict=True):
            kept[name].append(gate)
    of_input = [torch.stack([shares[slot][head][-1] for slot in range(len(memory))]) for head in range(heads)]
    gates.append({**{name: torch.cat(gate) for name, gate in kept.items()}, "a": torch.cat(of_input)})
    return torch.cat(new_h), new_memory


def lstm_side_memory(w: Weights, u: torch.Tensor, h: torch.Tensor, c: torch.Tensor, memory: Vectors, heads: int, gates):
    """Make a step from one sequence's input (V,), h (H,), c and slots.

    Return what the head reads, h, c and the slots; append to `gates`.
    """
    i, f, o = (torch.sigmoid(h @ w[f"W_h{name}"] + u @ w[f"W_u{name}"] + w[f"b_{name}"]) for name in "ifo")
    c = f * c + i * torch.tanh(h @ w["W_hh"] + u @ w["W_uh"] + w["b_hh"])
    h = o * torch.tanh(c)
    attended, _ = attention(memory, memory, w, heads)
    attended = [attended[0] + h @ w["W_p"] + w["b_p"], *attended[1:]]
    kept, new_memory = [], []
    for m, a in zip(memory, attended, strict=True):
        g = torch.sigmoid(torch.cat([a, h]) @ w["W_g"] + w["b_g"])
        new_memory.append(g * torch.tanh(a @ w["W_c"] + w["b_c"]) + (1 - g) * m)
        kept.append(g)
    readout = sum(new_memory) / len(new_memory) @ w["W_r"] + w["b_r"]
    out = torch.tanh(torch.cat([h, readout]) @ w["W_m"] + w["b_m"])
    gates.append({"i": i, "f": f, "o": o, "g": torch.cat(kept)})
    return out, h, c, new_memory

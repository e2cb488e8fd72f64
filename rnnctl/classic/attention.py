"""Multi-head self-attention of the slots of a memory, forward and backward.

    Q = M W_q, K = M W_k, V = M W_v, each cut into heads of d = slot_size / heads columns
    P = softmax(Q K^T / sqrt(d)) over the slots that are attended to
    A = [P V of every head, side by side] W_a

(Vaswani et al. 2017, section 3.2.2; here without biases.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnctl.classic.losses import softmax
from rnnctl.classic.model import Array, Arrays
from rnnctl.classic.network import summed_outer

NAMES = ("W_q", "W_k", "W_v", "W_a")


class Kept(NamedTuple):
    """What the backward pass needs. queries, keys, values: (batch, heads, slots, d). weights: P, (batch, heads, slots,
    slots). mixed: [P V], (batch, slots, slot_size).
    """

    memory: Array
    queries: Array
    keys: Array
    values: Array
    weights: Array
    mixed: Array


def attend(params: Mapping[str, Array], memory: Array, heads: int) -> tuple[Array, Kept]:
    """Return A, (batch, slots, slot_size), and what the backward pass needs. memory: (batch, slots, slot_size)."""
    queries, keys, values = (_heads(memory @ params[name], heads) for name in NAMES[:3])
    weights = softmax(queries @ keys.swapaxes(2, 3) / np.sqrt(queries.shape[3]))
    mixed = _joined(weights @ values)
    return mixed @ params["W_a"], Kept(memory, queries, keys, values, weights, mixed)


def attend_back(params: Mapping[str, Array], kept: Kept, d_attended: Array) -> tuple[Array, Arrays]:
    """Return the derivative by the memory, and those by the four matrices."""
    heads, width = kept.queries.shape[1], kept.queries.shape[3]
    d_mixed = _heads(d_attended @ params["W_a"].T, heads)
    d_weights = d_mixed @ kept.values.swapaxes(2, 3)
    d_scores = kept.weights * (d_weights - (d_weights * kept.weights).sum(axis=3, keepdims=True)) / np.sqrt(width)
    d_parts = {
        "W_q": _joined(d_scores @ kept.keys),
        "W_k": _joined(d_scores.swapaxes(2, 3) @ kept.queries),
        "W_v": _joined(kept.weights.swapaxes(2, 3) @ d_mixed),
    }
    d_memory = sum((d_part @ params[name].T for name, d_part in d_parts.items()), np.zeros_like(kept.memory))
    grads = {name: summed_outer(kept.memory, d_part) for name, d_part in d_parts.items()}
    return d_memory, {**grads, "W_a": summed_outer(kept.mixed, d_attended)}


def _heads(array: Array, heads: int) -> Array:
    """Return (batch, slots, slot_size) as (batch, heads, slots, d)."""
    batch, slots, size = array.shape
    return array.reshape(batch, slots, heads, size // heads).swapaxes(1, 2)


def _joined(array: Array) -> Array:
    """Return (batch, heads, slots, d) as (batch, slots, slot_size)."""
    batch, heads, slots, width = array.shape
    return array.swapaxes(1, 2).reshape(batch, slots, heads * width)

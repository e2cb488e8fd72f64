"""Multi-head dot product attention (Vaswani et al. 2017, section 3.2), forward and back, for a pack of runs.

Each of n heads has its own d columns of the queries q, the keys k and the values v. With A_j the weights of head j:

    A_j = softmax(q_j k_j^T / sqrt(d))            z = [A_1 v_1, ..., A_n v_n]

Backward, with D_x = dL/dx and @ elementwise:

    D_v_j = A_j^T D_z_j        D_A_j = D_z_j v_j^T        D_s_j = A_j @ (D_A_j - rowsum(A_j @ D_A_j)) / sqrt(d)
    D_q_j = D_s_j k_j          D_k_j = D_s_j^T q_j

Names of axes: R runs, B batch, S slots that ask, N rows that answer, n heads, d columns of a head, F = n d.

Bits: products have a matrix for each run, sequence and head, and sums are over the last axis. So a run has the same
bits in any pack.
"""

from __future__ import annotations

import math

import torch


def attend(
    q_RBSF: torch.Tensor, k_RBNF: torch.Tensor, v_RBNF: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return z, (R, B, S, F), and the weights A, (R, B, n, S, N)."""
    q, k, v = (_by_head(x, heads) for x in (q_RBSF, k_RBNF, v_RBNF))
    scores = _product(q, k.transpose(1, 2)).div_(math.sqrt(q.shape[2]))
    weights = scores.softmax(2)
    runs, batch, slots, _ = q_RBSF.shape
    return _side_by_side(_product(weights, v), q_RBSF.shape, heads), weights.view(runs, batch, heads, slots, -1)


def attend_back(
    dz_RBSF: torch.Tensor, q_RBSF: torch.Tensor, k_RBNF: torch.Tensor, v_RBNF: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients by q, k and v from that by z. weights: as `attend` returned them."""
    heads = weights.shape[2]
    dz, q, k, v = (_by_head(x, heads) for x in (dz_RBSF, q_RBSF, k_RBNF, v_RBNF))
    flat = weights.flatten(0, 2)
    d_weights = _product(dz, v.transpose(1, 2))
    means = (flat * d_weights).sum(2, keepdim=True)
    d_scores = d_weights.sub_(means).mul_(flat).div_(math.sqrt(q.shape[2]))
    dq, dk, dv = _product(d_scores, k), _product(d_scores.transpose(1, 2), q), _product(flat.transpose(1, 2), dz)
    shapes = (q_RBSF.shape, k_RBNF.shape, v_RBNF.shape)
    d_q, d_k, d_v = (_side_by_side(x, shape, heads) for x, shape in zip((dq, dk, dv), shapes, strict=True))
    return d_q, d_k, d_v


def _by_head(rows_RBNF: torch.Tensor, heads: int) -> torch.Tensor:
    """Return (R B n, N, d): a matrix for each run, sequence and head."""
    runs, batch, rows, width = rows_RBNF.shape
    return rows_RBNF.view(runs, batch, rows, heads, width // heads).transpose(2, 3).reshape(-1, rows, width // heads)


def _side_by_side(by_head: torch.Tensor, shape: torch.Size, heads: int) -> torch.Tensor:
    """Return the columns of all heads side by side, (R, B, N, F); `shape` is that shape."""
    runs, batch, rows, width = shape
    return by_head.view(runs, batch, heads, rows, width // heads).transpose(2, 3).reshape(shape)


def _product(a_MXY: torch.Tensor, b_MYZ: torch.Tensor) -> torch.Tensor:
    """Return the product of each pair of matrices, (M, X, Z), with bits that do not depend on how many there are."""
    if b_MYZ.shape[2] == 1:  # torch.bmm does not have this property for one column (rnnctl.cells.base.products)
        return (a_MXY * b_MYZ.transpose(1, 2)).sum(2, keepdim=True)
    return torch.bmm(a_MXY, b_MYZ)

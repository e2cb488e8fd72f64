"""The vanilla RNN of rnnctl.models.rnn: all time steps of one run of a pack in one call."""

from __future__ import annotations

import numpy as np

from rnnctl.kernels.compiled import inlined, kernel
from rnnctl.kernels.elementwise import activate, copy_row, times_slope
from rnnctl.kernels.tiled import add_product, add_transposed_product, set_product

# Rows of the weight gradient's products that are made at a time: two such blocks stay in the first cache.
BLOCK_ROWS = 64


@kernel
def forward(w_uh_RVH, bias_RH, w_RHH, symbols_TB, run, h_RTBH, activation):
    """h_t = phi(h_{t-1} W_hh + W_uh[u_t] + b_hh) of one run for t = 1..T, from h[0].

    symbols_TB: integers. h_RTBH: (R, T + 1 or more, B, H).
    """
    length, batch = symbols_TB.shape
    h_TBH, table_VH, w_HH = h_RTBH[run], np.empty_like(w_uh_RVH[run]), np.empty_like(w_RHH[run])
    for v in range(table_VH.shape[0]):
        for n in range(table_VH.shape[1]):
            table_VH[v, n] = w_uh_RVH[run, v, n] + bias_RH[run, n]
    for n in range(w_HH.shape[0]):
        copy_row(w_RHH[run, n], w_HH[n])
    for t in range(1, length + 1):
        h = h_TBH[t]
        for b in range(batch):
            copy_row(table_VH[symbols_TB[t - 1, b]], h[b])
        add_product(h_TBH[t - 1], w_HH, h)
        activate(h.reshape(1, -1), activation)


@kernel
def backward(
    w_RHH,
    symbols_TB,
    run,
    h_RTBH,
    d_last_RBH,
    d_RTBH,
    activation,
    alpha,
    bound,
    w_uh_grad_RVH,
    bias_grad_RH,
    w_grad_RHH,
):
    """Carry dL/dh_T of one run back to dL/dh_0 in d_RTBH, (R, T + 1 or more, B, H); write the gradients of W_uh, b_hh
    and W_hh, of loss + alpha * Omega. Returns Omega, 0 if alpha is.

    With delta_t = d_t phi'(h_t): d_{t-1} = delta_t W_hh^T, and W_hh's gradient is the sum over t of states_{t-1}^T
    delta_t, where states_{t-1} is h_{t-1} + alpha k_t d_{t-1}. See rnnctl.models.omega for k.
    """
    length, batch = symbols_TB.shape
    hidden = w_RHH.shape[1]
    zero = d_RTBH.dtype.type(0)
    h_TBH, d_TBH, table_VH = h_RTBH[run], d_RTBH[run], np.zeros_like(w_uh_grad_RVH[run])
    transposed_HH, delta_BH = np.empty_like(w_RHH[run]), np.empty((batch, hidden), d_RTBH.dtype)
    for j in range(hidden):
        for n in range(hidden):
            transposed_HH[n, j] = w_RHH[run, j, n]
    copy_row(d_last_RBH[run].reshape(-1), d_TBH[length].reshape(-1))
    for t in range(length, 0, -1):
        times_slope(d_TBH[t].reshape(1, -1), h_TBH[t].reshape(1, -1), activation, delta_BH.reshape(1, -1))
        for b in range(batch):
            row, symbol = delta_BH[b], table_VH[symbols_TB[t - 1, b]]
            for n in range(hidden):
                symbol[n] += row[n]
        set_product(delta_BH, transposed_HH, d_TBH[t - 1])
    for n in range(hidden):
        total = zero
        for v in range(table_VH.shape[0]):
            # Every step has exactly one symbol, so the symbols' gradients add up to the bias's.
            total += table_VH[v, n]
            w_uh_grad_RVH[run, v, n] = table_VH[v, n]
        bias_grad_RH[run, n] = total
    k_TB = np.zeros((length, batch), d_RTBH.dtype)
    value = _omega(d_TBH, bound, k_TB) if alpha > zero else zero
    _recurrent_gradient(h_TBH, d_TBH, k_TB, alpha, activation, w_grad_RHH[run])
    return value


@inlined
def _omega(d_TBH, bound, k_TB):
    """Omega of d[0] to d[T], and k[t - 1] for t = 1..T."""
    length, batch = k_TB.shape
    zero, one, four = d_TBH.dtype.type(0), d_TBH.dtype.type(1), d_TBH.dtype.type(4)
    squared_TB = np.empty((length + 1, batch), d_TBH.dtype)
    usable = 0
    for t in range(length + 1):
        for b in range(batch):
            d, total = d_TBH[t, b], zero
            for n in range(d.size):
                total += d[n] * d[n]
            squared_TB[t, b] = total
            if t > 0 and total >= bound:
                usable += 1
    count = d_TBH.dtype.type(max(usable, 1))
    value = zero
    for t in range(length):
        for b in range(batch):
            here = squared_TB[t + 1, b]
            if here >= bound:
                excess = squared_TB[t, b] / here - one
                value += excess * excess
                k_TB[t, b] = four * excess / (count * here)
    return value / count


@inlined
def _recurrent_gradient(h_TBH, d_TBH, k_TB, alpha, activation, out_HH):
    length, batch = k_TB.shape
    hidden = out_HH.shape[0]
    zero = d_TBH.dtype.type(0)
    most = max(1, BLOCK_ROWS // batch)
    states_SBH, deltas_SBH = np.empty((most, batch, hidden), d_TBH.dtype), np.empty((most, batch, hidden), d_TBH.dtype)
    sum_HH = np.zeros((hidden, hidden), d_TBH.dtype)
    for start in range(0, length, most):
        steps = min(most, length - start)
        h, d = h_TBH[start : start + steps], d_TBH[start : start + steps]
        states, deltas = states_SBH[:steps], deltas_SBH[:steps]
        if alpha > zero:
            for t in range(steps):
                for b in range(batch):
                    k, state, was, signal = alpha * k_TB[start + t, b], states[t, b], h[t, b], d[t, b]
                    for n in range(hidden):
                        state[n] = was[n] + k * signal[n]
        else:
            states = h
        after_h, after_d = h_TBH[start + 1 : start + steps + 1], d_TBH[start + 1 : start + steps + 1]
        times_slope(after_d.reshape(1, -1), after_h.reshape(1, -1), activation, deltas.reshape(1, -1))
        add_transposed_product(states.reshape(-1, hidden), deltas.reshape(-1, hidden), sum_HH)
    for n in range(hidden):
        copy_row(sum_HH[n], out_HH[n])

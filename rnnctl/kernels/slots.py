"""Normalisation and attention between the slots of a memory, over values that stand unit by unit.

Shapes: F units of a slot, S slots, B sequences, C = S B columns, n heads, N = S + 1 places that are attended to: the
slots and the input. A value of all slots and sequences is a matrix of F rows, in which a slot's sequences stand side by
side. So sums over units, such as those of normalisation and attention, add whole rows, and all inner loops are long,
however few units a slot has.
"""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import force_inlined
from rnnctl.kernels.elementwise import exp_row


@force_inlined
def copy(source_C, out_C):
    """out := source, as `copy_row` does. Numba inlines that one anew wherever it stands, and compiling takes longer."""
    for c in range(out_C.size):
        out_C[c] = source_C[c]


@force_inlined
def add(x_C, to_C):
    """to += x."""
    for c in range(to_C.size):
        to_C[c] += x_C[c]


@force_inlined
def add_times(x_B, y_B, to_B):
    """to += x y."""
    for b in range(to_B.size):
        to_B[b] += x_B[b] * y_B[b]


@force_inlined
def fill(value, out_NC):
    """out := a value."""
    for n in range(out_NC.shape[0]):
        out = out_NC[n]
        for c in range(out.size):
            out[c] = value


@force_inlined
def add_sums(x_FC, to_F):
    """to += the sum of each row."""
    for f in range(to_F.size):
        x, total = x_FC[f], to_F.dtype.type(0)
        for c in range(x.size):
            total += x[c]
        to_F[f] += total


@force_inlined
def to_columns(rows_BH, out_FC):
    """out := rows that have the units of all slots of a sequence side by side, H = S F."""
    batch, units = rows_BH.shape[0], out_FC.shape[0]
    for f in range(units):
        out = out_FC[f]
        for s in range(out.size // batch):
            for b in range(batch):
                out[s * batch + b] = rows_BH[b, s * units + f]


@force_inlined
def to_rows(columns_FC, out_BH):
    """Undo `to_columns`."""
    batch, units = out_BH.shape[0], columns_FC.shape[0]
    for f in range(units):
        column = columns_FC[f]
        for s in range(column.size // batch):
            for b in range(batch):
                out_BH[b, s * units + f] = column[s * batch + b]


@force_inlined
def normalise(x_FC, gain_F, bias_F, epsilon, n_FC, r_C):
    """x becomes LN(x) = gain n + bias, with n = (x - mean) r and r = 1 / sqrt(var + epsilon), over units."""
    units = x_FC.shape[0]
    share = x_FC.dtype.type(1 / units)
    mean = np.zeros_like(r_C)
    for f in range(units):
        add(x_FC[f], mean)
    for c in range(r_C.size):
        mean[c] *= share
        r_C[c] = epsilon
    for f in range(units):
        x, n = x_FC[f], n_FC[f]
        for c in range(r_C.size):
            n[c] = x[c] - mean[c]
            r_C[c] += n[c] * n[c] * share
    for c in range(r_C.size):
        r_C[c] = x_FC.dtype.type(1) / math.sqrt(r_C[c])
    for f in range(units):
        x, n, gain, bias = x_FC[f], n_FC[f], gain_F[f], bias_F[f]
        for c in range(r_C.size):
            n[c] *= r_C[c]
            x[c] = n[c] * gain + bias


@force_inlined
def normalise_back(d_FC, n_FC, r_C, gain_F, gain_grad_F, bias_grad_F):
    """d, the gradient by LN(x), becomes that by x. Add the gradients of gain and bias."""
    units = d_FC.shape[0]
    share = d_FC.dtype.type(1 / units)
    mean, slope = np.zeros_like(r_C), np.zeros_like(r_C)
    for f in range(units):
        d, n, gain = d_FC[f], n_FC[f], gain_F[f]
        to_gain, to_bias = d_FC.dtype.type(0), d_FC.dtype.type(0)
        for c in range(r_C.size):
            to_gain += d[c] * n[c]
            to_bias += d[c]
            d[c] *= gain
            mean[c] += d[c]
            slope[c] += d[c] * n[c]
        gain_grad_F[f] += to_gain
        bias_grad_F[f] += to_bias
    for f in range(units):
        d, n = d_FC[f], n_FC[f]
        for c in range(r_C.size):
            d[c] = r_C[c] * (d[c] - share * (mean[c] + n[c] * slope[c]))


@force_inlined
def attend(qkv_QC, input_AB, heads, a_KB, z_FC):
    """Write the weights of attention, and add what it returns to z.

    qkv_QC: queries, keys and values of slots, Q = 3 F. input_AB: in its first 2 F rows the key and the value of the
    input. a_KB: K = n S N, the weights that each slot gives, head by head.
    """
    units, batch = z_FC.shape[0], input_AB.shape[1]
    slots, size = z_FC.shape[1] // batch, units // heads
    places = slots + 1
    scale, zero = z_FC.dtype.type(1 / math.sqrt(size)), z_FC.dtype.type(0)
    fill(zero, a_KB)
    for f in range(units):
        query, first = qkv_QC[f], f // size * slots
        for n in range(places):
            key = qkv_QC[units + f][n * batch : (n + 1) * batch] if n < slots else input_AB[f]
            for s in range(slots):
                add_times(query[s * batch : (s + 1) * batch], key, a_KB[(first + s) * places + n])
    room = np.empty_like(input_AB[0])
    for k in range(heads * slots):
        a_NB = a_KB[k * places : (k + 1) * places]
        copy(a_NB[0], room)
        for n in range(1, places):
            for b in range(batch):
                room[b] = max(room[b], a_NB[n, b])
        for n in range(places):
            for b in range(batch):
                a_NB[n, b] = (a_NB[n, b] - room[b]) * scale
            exp_row(a_NB[n])
        copy(a_NB[0], room)
        for n in range(1, places):
            add(a_NB[n], room)
        for n in range(places):
            for b in range(batch):
                a_NB[n, b] /= room[b]
    for f in range(units):
        z, first = z_FC[f], f // size * slots
        for n in range(places):
            value = qkv_QC[2 * units + f][n * batch : (n + 1) * batch] if n < slots else input_AB[units + f]
            for s in range(slots):
                add_times(a_KB[(first + s) * places + n], value, z[s * batch : (s + 1) * batch])


@force_inlined
def attend_back(dz_FC, qkv_QC, input_AB, heads, a_KB, dqkv_QC, dinput_AB):
    """Write the gradients by queries, keys and values, and by the key and the value of the input."""
    units, batch = dz_FC.shape[0], input_AB.shape[1]
    slots, size = dz_FC.shape[1] // batch, units // heads
    places = slots + 1
    scale, zero = dz_FC.dtype.type(1 / math.sqrt(size)), dz_FC.dtype.type(0)
    scores_KB, mean = np.empty_like(a_KB), np.empty_like(input_AB[0])
    for out in (scores_KB, dqkv_QC, dinput_AB):
        fill(zero, out)
    for f in range(units):
        dz, first = dz_FC[f], f // size * slots
        for n in range(places):
            here = slice(n * batch, (n + 1) * batch)
            value = qkv_QC[2 * units + f][here] if n < slots else input_AB[units + f]
            to_value = dqkv_QC[2 * units + f][here] if n < slots else dinput_AB[units + f]
            for s in range(slots):
                k, d = (first + s) * places + n, dz[s * batch : (s + 1) * batch]
                add_times(d, value, scores_KB[k])
                add_times(d, a_KB[k], to_value)
    for first in range(0, len(a_KB), places):
        mean[:] = zero
        for k in range(first, first + places):
            add_times(scores_KB[k], a_KB[k], mean)
        for k in range(first, first + places):
            score, share = scores_KB[k], a_KB[k]
            for b in range(batch):
                score[b] = share[b] * (score[b] - mean[b]) * scale
    for f in range(units):
        query, to_query, first = qkv_QC[f], dqkv_QC[f], f // size * slots
        for n in range(places):
            here = slice(n * batch, (n + 1) * batch)
            key = qkv_QC[units + f][here] if n < slots else input_AB[f]
            to_key = dqkv_QC[units + f][here] if n < slots else dinput_AB[f]
            for s in range(slots):
                score, there = scores_KB[(first + s) * places + n], slice(s * batch, (s + 1) * batch)
                add_times(score, key, to_query[there])
                add_times(score, query[there], to_key)

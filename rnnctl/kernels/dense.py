"""Products of small matrices, too small for a BLAS call to pay."""

from __future__ import annotations

from rnnctl.kernels.compiled import kernel


@kernel
def add_product(a_BK, w_KN, c_BN):
    """c += a w, all C-contiguous and of one dtype.

    Four rows of a meet four rows of w at a time: each value of w that is loaded serves four rows of c, and each of c
    four products, which is what the sixteen or thirty-two vector registers have room for.
    """
    batch, depth = a_BK.shape
    width = w_KN.shape[1]
    for b in range(0, batch - 3, 4):
        c0, c1, c2, c3 = c_BN[b], c_BN[b + 1], c_BN[b + 2], c_BN[b + 3]
        a0, a1, a2, a3 = a_BK[b], a_BK[b + 1], a_BK[b + 2], a_BK[b + 3]
        for k in range(0, depth - 3, 4):
            w0, w1, w2, w3 = w_KN[k], w_KN[k + 1], w_KN[k + 2], w_KN[k + 3]
            a00, a01, a02, a03 = a0[k], a0[k + 1], a0[k + 2], a0[k + 3]
            a10, a11, a12, a13 = a1[k], a1[k + 1], a1[k + 2], a1[k + 3]
            a20, a21, a22, a23 = a2[k], a2[k + 1], a2[k + 2], a2[k + 3]
            a30, a31, a32, a33 = a3[k], a3[k + 1], a3[k + 2], a3[k + 3]
            for n in range(width):
                x0, x1, x2, x3 = w0[n], w1[n], w2[n], w3[n]
                c0[n] += a00 * x0 + a01 * x1 + a02 * x2 + a03 * x3
                c1[n] += a10 * x0 + a11 * x1 + a12 * x2 + a13 * x3
                c2[n] += a20 * x0 + a21 * x1 + a22 * x2 + a23 * x3
                c3[n] += a30 * x0 + a31 * x1 + a32 * x2 + a33 * x3
        for k in range(depth - depth % 4, depth):
            w0 = w_KN[k]
            a00, a10, a20, a30 = a0[k], a1[k], a2[k], a3[k]
            for n in range(width):
                x0 = w0[n]
                c0[n] += a00 * x0
                c1[n] += a10 * x0
                c2[n] += a20 * x0
                c3[n] += a30 * x0
    for b in range(batch - batch % 4, batch):
        c0, a0 = c_BN[b], a_BK[b]
        for k in range(0, depth - 3, 4):
            w0, w1, w2, w3 = w_KN[k], w_KN[k + 1], w_KN[k + 2], w_KN[k + 3]
            a00, a01, a02, a03 = a0[k], a0[k + 1], a0[k + 2], a0[k + 3]
            for n in range(width):
                c0[n] += a00 * w0[n] + a01 * w1[n] + a02 * w2[n] + a03 * w3[n]
        for k in range(depth - depth % 4, depth):
            w0, a00 = w_KN[k], a0[k]
            for n in range(width):
                c0[n] += a00 * w0[n]

"""The head of a pack: outputs, losses, wrong answers, and what the head sends back (see rnnctl.cells.base.heads)."""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import add_product

TILE, BLOCK = 16, 32  # larger blocks do not fit into registers


@triton.jit
def head(
    h_ptr, h_run, h_row, targets_ptr, targets_run, lengths_ptr, w_ptr, bias_ptr, weights,
    dy_ptr, direct_ptr, losses_ptr, wrong_ptr, most, B, H, outputs, tolerance,
    EVERY: tl.constexpr, KEPT: tl.constexpr, SQUARED: tl.constexpr, TRAIN: tl.constexpr, PRECISION: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The head over one tile of a run's answers. Grid: (tiles, runs).

    h_ptr: the states that are read, a row of h_row numbers for each time step and sequence, runs h_run apart; the last
    B of a run's T_r B rows are read, or all of them if EVERY, or there are no others if not KEPT. targets_ptr: one for
    each answer, runs targets_run apart. w_ptr, bias_ptr: (H, O) and (O,) of the first run, `weights` apart. most:
    answers that the buffers have room for.

    Written: losses_ptr (R, most) the loss of each answer, dy_ptr (R, most, O) the slope of the mean loss by the outputs
    if TRAIN, direct_ptr (R, most, H) that by the states; wrong_ptr (R, most) 1 for a wrong answer.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    length = tl.load(lengths_ptr + run)
    answers = length * B if EVERY else tl.where(length > 0, B, 0)
    skipped = (length - 1) * B if KEPT and not EVERY else 0
    m = tile * TILE + tl.arange(0, TILE)
    live = m < answers
    if tile * TILE < answers:
        kind = losses_ptr.dtype.element_ty
        h_ptr += run * h_run
        w_ptr += run * weights
        dy_ptr += run * most * outputs
        rows = (m + skipped).to(tl.int64)
        at_y = dy_ptr + m.to(tl.int64)[:, None] * outputs
        greatest = tl.full([TILE], float("-inf"), kind)
        total = tl.zeros([TILE], kind)
        best = tl.zeros([TILE], tl.int32)
        finite = live
        for start in range(0, outputs, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < outputs
            y = tl.zeros([TILE, BLOCK], kind) + tl.load(bias_ptr + run * weights + n, mask=inside, other=0.0)[None, :]
            y = add_product(y, h_ptr, rows, live, h_row, w_ptr, outputs, 1, H, n, inside, BLOCK, PRECISION)
            tl.store(at_y + n[None, :], y, mask=live[:, None] & inside[None, :])
            if not SQUARED:
                finite = finite & (
                    tl.sum(tl.where(inside[None, :] & (tl.abs(y) < float("inf")), 1, 0), 1)
                    == tl.sum(inside.to(tl.int32), 0)
                )
                y = tl.where(inside[None, :], y, float("-inf"))
                here = tl.max(y, 1)
                best = tl.where(here > greatest, start + tl.argmax(y, 1), best)
                higher = tl.maximum(greatest, here)
                total = total * tl.exp(greatest - higher) + tl.sum(tl.exp(y - higher[:, None]), 1)
                greatest = higher
        tl.debug_barrier()
        if SQUARED:
            target = tl.load(targets_ptr + run * targets_run + m, mask=live, other=0.0)
            off = tl.load(dy_ptr + m, mask=live, other=0.0) - target
            loss = off * off
            wrong = tl.where(tl.abs(off) <= tolerance, 0, 1)
            if TRAIN:
                tl.debug_barrier()
                tl.store(dy_ptr + m, 2 * off / answers, mask=live)
        else:
            target = tl.load(targets_ptr + run * targets_run + m, mask=live, other=0).to(tl.int32)
            chosen = tl.load(dy_ptr + m.to(tl.int64) * outputs + target, mask=live, other=0.0)
            loss = tl.log(total) - (chosen - greatest)
            wrong = tl.where((best == target) & finite, 0, 1)
            if TRAIN:
                tl.debug_barrier()
                for start in range(0, outputs, BLOCK):
                    n = start + tl.arange(0, BLOCK)
                    both = live[:, None] & (n < outputs)[None, :]
                    y = tl.load(at_y + n[None, :], mask=both, other=0.0)
                    share = tl.exp(y - greatest[:, None]) / total[:, None]
                    dy = (share - tl.where(n[None, :] == target[:, None], 1.0, 0.0).to(kind)) / answers
                    tl.store(at_y + n[None, :], dy, mask=both)
        tl.store(losses_ptr + run * most + m, loss, mask=live)
        tl.store(wrong_ptr + run * most + m, wrong.to(tl.int8), mask=live)
        if TRAIN:
            tl.debug_barrier()
            direct_ptr += run * most * H
            sent_ptr = dy_ptr + tile.to(tl.int64) * TILE * outputs
            for start in range(0, H, BLOCK):
                n = start + tl.arange(0, BLOCK)
                inside = n < H
                back = tl.zeros([TILE, BLOCK], kind)
                back = add_product(
                    back, sent_ptr, tl.arange(0, TILE), live, outputs, w_ptr, 1, outputs, outputs, n, inside, BLOCK,
                    PRECISION,
                )  # fmt: skip
                tl.store(
                    direct_ptr + m.to(tl.int64)[:, None] * H + n[None, :], back, mask=live[:, None] & inside[None, :]
                )


@triton.jit
def judge(
    losses_ptr, wrong_ptr, lengths_ptr, out_ptr, most, B, EVERY: tl.constexpr, JUDGED: tl.constexpr,
    TILE: tl.constexpr,
):  # fmt: skip
    """The sum of losses and of wrong sequences of a run, (R, 2) float64. Grid: (runs,).

    JUDGED: a sequence is wrong if its `last` answer is, or if `any` is; `each` wrong answer counts as its share.
    """
    run = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths_ptr + run)
    steps = length if EVERY else 1
    loss_ptr, flag_ptr = losses_ptr + run * most, wrong_ptr + run * most
    loss, errors = tl.zeros([TILE], tl.float64), tl.zeros([TILE], tl.float64)
    for start in range(0, B, TILE):
        b = start + tl.arange(0, TILE)
        live = b < B
        own, last, some = tl.zeros([TILE], tl.float64), tl.zeros([TILE], tl.float64), tl.zeros([TILE], tl.float64)
        for t in range(steps):
            own += tl.load(loss_ptr + t * B + b, mask=live, other=0.0).to(tl.float64)
            last = tl.load(flag_ptr + t * B + b, mask=live, other=0).to(tl.float64)
            some += last
        loss += own / steps
        if JUDGED == "last":
            errors += last
        elif JUDGED == "any":
            errors += tl.where(some > 0, 1.0, 0.0)
        else:
            errors += some / steps
    tl.store(out_ptr + run * 2, tl.sum(loss, 0))
    tl.store(out_ptr + run * 2 + 1, tl.sum(errors, 0))


@triton.jit
def errors_of(wrong_ptr, steps, B, JUDGED: tl.constexpr):
    """Return the sum over B sequences of their errors on `steps` steps, float64.

    wrong_ptr: 1 for each wrong answer, (steps, B). JUDGED: as in `judge`.
    """
    rows, columns = tl.arange(0, 32), tl.arange(0, 32)
    total = tl.zeros([32], tl.float64)
    for first in range(0, B, 32):
        b = first + columns
        some = tl.zeros([32], tl.float64)
        for start in range(steps - 1 if JUDGED == "last" else 0, steps, 32):
            t = start + rows
            live = (t < steps)[:, None] & (b < B)[None, :]
            wrong = tl.load(wrong_ptr + t[:, None] * B + b[None, :], mask=live, other=0).to(tl.float64)
            some += tl.sum(wrong, 0)
        if JUDGED == "each":
            total += some / steps
        else:
            total += tl.where(some > 0, 1.0, 0.0)
    return tl.sum(total, 0)

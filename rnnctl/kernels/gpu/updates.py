"""What an update does with a pack's gradients: norm, clipping, guard, divergence, window sums, and the optimizer."""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.heads import errors_of

# Numbers that the host hands over for each run and update; those of the optimizer follow.
ALPHA, BOUND, CUTOFF, GUARDS, RATE, SETTINGS = range(6)
# Numbers that the device keeps for each run: the sums of rnnctl.training.member.Window, and whether it has diverged.
FIGURES = (
    "updates", "loss", "grad_norm", "grad_norm_clipped", "clipped", "guarded", "omega", "grad_norm_max", "errors",
    "diverged",
)  # fmt: skip
FIGURE_COLUMNS = tl.constexpr(len(FIGURES))
APPLY, SHRINK, NOTHING = range(3)


@triton.jit
def decide(
    squares_ptr, losses_ptr, wrong_ptr, omegas_ptr, lengths_ptr, scalars_ptr, scalars, figures_ptr, scales_ptr,
    choices_ptr, squares, most, B, guard_norm, guard_shrink,
    EVERY: tl.constexpr, OMEGA: tl.constexpr, JUDGED: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Decide what becomes of one run's gradient, and add to its sums. Grid: (runs,).

    squares_ptr: (R, squares, 2) as rnnctl.kernels.gpu.gradients.gather wrote it. scales_ptr, choices_ptr: (R,), written
    with the factor of the gradient and with APPLY, SHRINK (recurrent weights, by the guard) or NOTHING.
    """
    run = tl.program_id(0).to(tl.int64)
    figures = figures_ptr + run * FIGURE_COLUMNS
    diverged = tl.load(figures + 9) != 0
    length = tl.load(lengths_ptr + run)
    n = tl.arange(0, TILE)
    kind = scales_ptr.dtype.element_ty
    squared, recurrent = tl.zeros([TILE], kind), tl.zeros([TILE], kind)
    for start in range(0, squares, TILE):
        at = squares_ptr + (run * squares + start + n) * 2
        squared += tl.load(at, mask=start + n < squares, other=0.0)
        recurrent += tl.load(at + 1, mask=start + n < squares, other=0.0)
    norm = tl.sqrt(tl.sum(squared, 0)).to(tl.float64)
    answers = length * B if EVERY else B
    losses = tl.zeros([TILE], kind)
    for start in range(0, answers, TILE):
        losses += tl.load(losses_ptr + run * most + start + n, mask=start + n < answers, other=0.0)
    loss = (tl.sum(losses, 0) / answers).to(tl.float64)
    settings = scalars_ptr + run * scalars
    cutoff = tl.load(settings + 2).to(tl.float64)
    guards = tl.load(settings + 3) != 0
    finite = norm < float("inf")
    guarded = guards & ((norm <= guard_norm) == False)  # noqa: E712  (also of a norm that is NaN)
    clipped = guards & (guarded == False) & (norm > cutoff)  # noqa: E712
    scale = tl.where(clipped, cutoff / norm, 1.0)
    shrunk = guard_shrink * tl.sqrt(tl.sum(recurrent, 0)).to(tl.float64)
    ends = (guarded == False) & (finite == False)  # noqa: E712
    one = tl.where(diverged, 0.0, 1.0).to(tl.float64)
    if diverged == False:  # noqa: E712
        tl.store(figures, tl.load(figures) + one)
        tl.store(figures + 1, tl.load(figures + 1) + loss)
        tl.store(figures + 2, tl.load(figures + 2) + norm)
        tl.store(figures + 3, tl.load(figures + 3) + tl.where(guarded, shrunk, norm * scale))
        tl.store(figures + 4, tl.load(figures + 4) + tl.where(clipped, one, 0.0))
        tl.store(figures + 5, tl.load(figures + 5) + tl.where(guarded, one, 0.0))
        if OMEGA:
            tl.store(figures + 6, tl.load(figures + 6) + tl.load(omegas_ptr + run).to(tl.float64))
        largest = tl.where(norm != norm, float("inf"), norm)  # of a norm that is NaN
        tl.store(figures + 7, tl.maximum(tl.load(figures + 7), largest))
        errors = errors_of(wrong_ptr + run * most, length if EVERY else 1, B, JUDGED)
        tl.store(figures + 8, tl.load(figures + 8) + errors / B)
        tl.store(figures + 9, tl.where(ends, one, 0.0))
    tl.store(scales_ptr + run, scale.to(kind))
    tl.store(choices_ptr + run, tl.where(diverged | ends, 2, tl.where(guarded, 1, 0)))


@triton.jit
def step(
    weights_ptr, grads_ptr, kept_ptr, flags_ptr, scalars_ptr, scalars, scales_ptr, choices_ptr, weights,
    guard_shrink, STEP: tl.constexpr, SLOTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Change one block of a run's weights, except those that are frozen. Grid: (blocks, runs).

    flags_ptr: (R, weights), as rnnctl.kernels.gpu.gradients.gather reads it. STEP: the optimizer's function of the
    weights, their gradients (scaled), the places of what it keeps (a slot is `weights` further), the mask, and the
    place of its numbers; it returns the new weights.
    """
    run = tl.program_id(1).to(tl.int64)
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = n < weights
    choice = tl.load(choices_ptr + run)
    settings = scalars_ptr + run * scalars
    at = run * weights + n
    flags = tl.load(flags_ptr + at, mask=inside, other=0)
    inside = inside & (flags != 2)
    w = tl.load(weights_ptr + at, mask=inside, other=0.0)
    if choice == 0:
        g = tl.load(grads_ptr + at, mask=inside, other=0.0) * tl.load(scales_ptr + run)
        tl.store(
            weights_ptr + at,
            STEP(w, g, kept_ptr + run * SLOTS * weights + n, weights, inside, settings + 5),
            mask=inside,
        )
    elif choice == 1:
        factor = 1 - tl.load(settings + 4) * guard_shrink
        tl.store(weights_ptr + at, tl.where(flags == 1, w * factor, w), mask=inside)

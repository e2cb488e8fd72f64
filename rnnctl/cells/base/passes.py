"""Which code goes through time: compiled loops on a CPU where they are faster, torch everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rnnctl.cells.base import heads
from rnnctl.cells.base.cell import Cell, Weights
from rnnctl.cells.base.section import FUSED_STEP_WORK, REDUCED, SLICE
from rnnctl.cells.base.tape import FusedTape, Tape
from rnnctl.determinism import kernel_compiler
from rnnctl.question import Question


def make_tape(
    model: Cell, runs: int, steps: int, batch: int, *, dtype: torch.dtype, device: str, precision: str = "ieee"
) -> Tape:
    """Return buffers and passes for up to `runs` runs of a network.

    The choice between compiled loops and torch does not depend on the number of runs, nor do their bits. precision: of
    products (see train.precision); compiled loops do not round the factors of theirs.
    """
    kind = model.torch_tape if precision in REDUCED else _kind(model, batch, device)
    return kind(model, runs, steps, batch, dtype=dtype, device=device)


def _kind(model: Cell, batch: int, device: str) -> type[Tape]:
    small = batch * model.hidden**2 <= FUSED_STEP_WORK
    fused = model.fused_tape if device == "cpu" and small and kernel_compiler() else None
    return fused or model.torch_tape


def backpropagate(
    question: Question,
    weights: Weights,
    tape: Tape,
    targets: Sequence[torch.Tensor],
    grads: Weights,
    errors_R: torch.Tensor | None = None,
    scales_R: torch.Tensor | None = None,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Do what rnnctl.cells.base.heads.backpropagate does: in a compiled loop if the tape has compiled loops and a
    softmax reads every step.
    """
    if not (isinstance(tape, FusedTape) and question.has_compiled_head):
        return heads.backpropagate(question, weights, tape, targets, grads, errors_R, scales_R)
    assert scales_R is None, "compiled loops do not scale the loss"
    from rnnctl.kernels.heads import JUDGED, softmax_head

    # Arrays: a row of an array takes a tenth of the time of a row of a tensor.
    w, b, w_grad, b_grad = (views[name].numpy() for views in (weights, grads) for name in ("W_hy", "b_hy"))
    judged = JUDGED.index(question.judged)
    losses, errors, direct = [], [], []
    for i, target in enumerate(targets):
        h_TBH = tape.out(i)
        d_TBH = torch.empty_like(h_TBH)
        steps, _, hidden = h_TBH.shape
        flat_h, flat_d = (x.view(-1, hidden).numpy() for x in (h_TBH, d_TBH))
        aims = target.view(-1).numpy()
        loss, error = softmax_head(flat_h, w[i], b[i], aims, flat_d, w_grad[i], b_grad[i], steps, judged)
        losses.append(loss)
        errors.append(error)
        direct.append(d_TBH)
    if errors_R is not None:
        errors_R.copy_(torch.tensor(errors, dtype=errors_R.dtype))
    return weights["W_hy"].new_tensor(losses), direct


class HiddenStates:
    """The hidden states that a head reads, of one batch for all runs, for validation.

    torch computes them a step at a time, the compiled loops in slices whose states stay in the cache from one step to
    the next.
    """

    def __init__(self, model: Cell, steps: int, batch: int, *, dtype: torch.dtype, device: str) -> None:
        self.model, self.slice = model, min(SLICE, batch)
        kind = _kind(model, self.slice, device)
        fused = issubclass(kind, FusedTape)
        self.tape = kind(model, 1, steps, self.slice, dtype=dtype, device=device) if fused else None

    def __call__(self, weights: Weights, inputs: torch.Tensor, *, every_step: bool) -> torch.Tensor:
        """Return h_T, (R, 1, B, H), or every h_t, (R, T, B, H)."""
        runs, (length, batch) = len(weights["W_hy"]), inputs.shape[:2]
        kept = length if every_step else 1
        h_RSBH = weights["W_hy"].new_empty(runs, kept, batch, self.model.hidden)
        if self.tape is None:
            for t, h_RBH in enumerate(self.model.steps(weights, inputs), start=kept - length):
                if t >= 0:
                    h_RSBH[:, t] = h_RBH
            return h_RSBH
        run_by_run = [{name: w[i : i + 1] for name, w in weights.items()} for i in range(runs)]
        for start in range(0, batch, self.slice):
            # The last slice overlaps the one before it rather than being shorter.
            columns = slice(first := min(start, batch - self.slice), first + self.slice)
            inputs_of_slice = inputs[:, columns].contiguous()
            for i, weights_1 in enumerate(run_by_run):
                self.tape.forward(weights_1, [inputs_of_slice])
                h_RSBH[i, :, columns] = self.tape.out(0)[-kept:]
        return h_RSBH

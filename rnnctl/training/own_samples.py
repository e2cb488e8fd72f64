"""Inputs of which some are symbols that a network has drawn itself: scheduled sampling (rnnctl.study.teacher).

An update of a run makes these inputs first, with the run's present weights, and then goes forward and backward over
them as over any others: to the gradient they are constants. The targets stay the true ones.

Draws are a function of the run's seed and the number of the batch, so nothing has to be kept to resume a run, and a
run has the same draws in any pack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rnnctl import seeds
from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.heads import read
from rnnctl.cells.base.tape import Tape
from rnnctl.study.run import RunSpec
from rnnctl.training.validation import as_tensor


@dataclass(frozen=True)
class Draws:
    """The random numbers of an update.

    own_TB: whether a step is fed the network's own symbol, (T, B) bool. places_TB: where that symbol lies in the
    cumulative distribution of the network, (T, B) float64 in [0, 1).
    """

    own_TB: np.ndarray
    places_TB: np.ndarray


def draws_of(spec: RunSpec, update: int, steps: int, batch: int, part: int = 0) -> Draws | None:
    """Return the random numbers of a batch of a run; None if all its symbols are true ones.

    update: counted from 1. part: which of the update's batches it is, from 0 (see train.accumulate).
    """
    share = spec.train.teacher.share_at(update)
    if share >= 1:
        return None
    rng = seeds.generator(spec.seed, seeds.OWN_SAMPLES, (update - 1) * spec.train.accumulate + part + 1)
    coins_TB, places_TB = rng.random((2, steps, batch))
    return Draws(coins_TB >= share, places_TB)


@dataclass(frozen=True)
class Before:
    """Where the batch before ended: the state, (B, C), and what the head read at its last step, (B, H)."""

    state_BC: torch.Tensor
    read_BH: torch.Tensor


def mixed_inputs(
    tape: Tape, weights: Weights, inputs_TB: np.ndarray, draws: Draws, before: Before | None
) -> np.ndarray:
    """Return the inputs of one run, (T, B), with its own symbols where the draws say so.

    tape: passes whose results are overwritten. weights: of this run alone. before: None where the sequences begin; then
    their first symbols are true ones, as there is no answer yet. A sequence that goes on begins with an answer to the
    step before it, from the hidden state of that time and the present head.

    The recurrence runs from one step with an own symbol to the next.
    """
    w = weights["W_hy"]
    mixed_TB = inputs_TB.copy()
    state, hidden_BH = (None, None) if before is None else (before.state_BC, before.read_BH)
    begin = 0
    for t in np.flatnonzero(draws.own_TB.any(1)).tolist():
        if t > begin:
            inputs = as_tensor(mixed_TB[begin:t], w.dtype, str(w.device))
            tape.forward(weights, [inputs], None if state is None else [state])
            state, hidden_BH, begin = tape.state(0), tape.out(0)[-1], t
        if hidden_BH is not None:
            answers_BO = read(weights, hidden_BH.unsqueeze(0))[0]
            own_B = draws.own_TB[t]
            mixed_TB[t, own_B] = sampled(answers_BO.double().cpu().numpy(), draws.places_TB[t])[own_B]
    return mixed_TB


def sampled(outputs_BO: np.ndarray, places_B: np.ndarray) -> np.ndarray:
    """Return a symbol for each row of outputs, (B,), drawn from its softmax: the first one whose cumulative probability
    is above the place. Outputs that are not finite give any symbol: the run then diverges by its loss.
    """
    cumulative_BO = np.exp(outputs_BO - outputs_BO.max(1, keepdims=True)).cumsum(1)
    below_BO = cumulative_BO <= places_B[:, None] * cumulative_BO[:, -1:]
    symbols_B: np.ndarray = np.minimum(below_BO.sum(1), outputs_BO.shape[1] - 1)
    return symbols_B

"""Gradients that the passes of a network compute, compared with differences of its loss.

The derivative of a loss f in a direction v is estimated by the central difference of fourth order

    f'(0) ~ (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / (12 h),     f(s) = loss(w + s v)

(Abramowitz and Stegun 1964, 25.3.6), whose error is h^4 f'''''/30 by truncation and about eps |f| / h by rounding: near
1e-12 in float64 for h = 5e-4. The perturbed networks go through time together, as the runs of a pack, by the torch
passes of the cell; all passes of the cell are compared with the same differences.

The relative error of a derivative a with the difference n is

    |a - n| / max(|a|, |n|, g / 1000)

where g is the largest |a| of all derivatives of the same kind (by weights, or by hidden states). Derivatives that are
more than a thousand times smaller than g are thus compared with g: below that, differences are rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from rnnctl.cells.base import heads
from rnnctl.cells.base.cell import Cell, Weights
from rnnctl.cells.base.passes import backpropagate
from rnnctl.cells.base.tape import Regularisers, Tape
from rnnctl.question import Question

STEP = 5e-4
# A derivative whose error is above this is measured again with smaller steps. The difference is wrong where a kink of
# an activation lies within the step.
DOUBTFUL, SMALLER = 1e-7, (0.1, 0.01, 0.001)
SMALLEST_SHARE = 1e-3  # of the largest derivative, with which smaller ones are compared
STENCIL = (1.0, -1.0, 2.0, -2.0)
ROWS = 1024  # perturbed networks that go through time together

# Losses of rows of perturbed numbers, (R, N) -> (R,).
Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Problem:
    """A network, a batch and what is asked of it, in float64.

    weights_N: the weights of one run. inputs: (T, B) symbols or (T, B, V) real numbers. targets: (B,), or (T, B) if
    every step is asked. start_BC: the state that the batch starts from. alpha: the weight of Omega.
    """

    network: Cell
    question: Question
    weights_N: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    start_BC: torch.Tensor
    alpha: float = 0.0
    bound: float = 1e-20

    @property
    def steps(self) -> int:
        """Number of time steps T."""
        return len(self.inputs)

    @property
    def answers(self) -> int:
        """Number of answers that the loss is the mean of."""
        return self.targets.numel() // self.question.values

    def views(self, flat_RN: torch.Tensor) -> Weights:
        """Return the weights by name."""
        return self.network.layout.views(flat_RN)

    def tape(self, kind: type[Tape], runs: int, steps: int) -> Tape:
        """Return buffers for passes of `runs` networks over `steps` steps."""
        return kind(self.network, runs, steps, self.inputs.shape[1], dtype=torch.float64, device="cpu")

    def rows(self, runs: int) -> torch.Tensor:
        """Return the weights of `runs` equal networks, (R, N)."""
        return self.weights_N.repeat(runs, 1)


@dataclass(frozen=True)
class Worst:
    """The largest relative error among `count` derivatives, and the two values that differ by it."""

    error: float
    computed: float
    difference: float
    count: int


@dataclass(frozen=True)
class Done:
    """What the passes of one network leave. gradient_N: of loss + alpha Omega."""

    tape: Tape
    gradient_N: torch.Tensor


def passes(problem: Problem, kind: type[Tape]) -> Done:
    """Go forward and back once, as a training update does."""
    tape, flat_1N = problem.tape(kind, 1, problem.steps), problem.rows(1)
    grads_1N = torch.zeros_like(flat_1N)
    weights, grads = problem.views(flat_1N), problem.views(grads_1N)
    tape.forward(weights, [problem.inputs], [problem.start_BC])
    _, direct = backpropagate(problem.question, weights, tape, [problem.targets], grads)
    regularisers: Regularisers = [(problem.alpha, problem.bound)] if problem.alpha else None
    tape.backward(weights, direct, grads, regularisers)
    return Done(tape, grads_1N[0])


def repeats(problem: Problem) -> bool:
    """Return whether two passes with the same weights and inputs give the same bits, as every step has to."""
    outputs = []
    for _ in range(2):
        tape = problem.tape(problem.network.torch_tape, 1, problem.steps)
        tape.forward(problem.views(problem.rows(1)), [problem.inputs], [problem.start_BC])
        outputs.append(tape.out(0).clone())
    return torch.equal(*outputs)


def compare_weights(
    problem: Problem, kinds: Sequence[type[Tape]], directions: Mapping[str, torch.Tensor]
) -> list[dict[str, Worst]]:
    """Return, for each kind of passes, the worst derivative by each weight.

    directions: by the name of each weight, K directions in which it is perturbed, (K, N).
    """
    function = _loss_of_weights(problem)
    if problem.alpha:
        plain, omega = function, _omega_of_weights(problem)

        def function(flat_RN: torch.Tensor) -> torch.Tensor:
            return plain(flat_RN) + problem.alpha * omega(flat_RN)

    everything_KN = torch.cat(list(directions.values()))
    differences = _Differences(function, problem.weights_N, everything_KN)
    counts = [len(rows) for rows in directions.values()]
    results = []
    for kind in kinds:
        # A gradient that is not finite is wrong where it stands, and not in directions that leave it alone.
        along_KN = torch.where(everything_KN == 0, 0.0, everything_KN * passes(problem, kind).gradient_N)
        computed_K = along_KN.sum(1)
        errors_K, differences_K = _compare(computed_K, [differences])
        parts = (torch.split(each, counts) for each in (errors_K, computed_K, differences_K))
        results.append({name: _worst(*of_name) for name, *of_name in zip(directions, *parts, strict=True)})
    return results


def compare_states(
    problem: Problem, kinds: Sequence[type[Tape]], directions_KBH: torch.Tensor | None
) -> list[Worst] | None:
    """Return, for each kind of passes, the worst derivative by hidden states, dL/dh_t for t = 0..T, against a loss
    whose h_t is perturbed.

    The sequences go on from the perturbed state that step t hands on. Where the head reads the hidden states
    themselves, it reads the perturbed ones. Where it reads something else, such as the output of a layer, dL/dh_t is
    checked for the loss of the steps after t: that of a pass over these, by the state that they start from.

    directions_KBH: K directions in which the hidden states are perturbed; None for every unit by itself. None is
    returned if the state that the cell hands on does not begin with its hidden state.
    """
    states = _states(problem)
    first = passes(problem, problem.network.torch_tape).tape
    h_TBH = first.h(0)
    batch, hidden = h_TBH.shape[1:]
    # Equal to rounding: sums over other numbers of sequences and steps may have other last bits.
    if not torch.allclose(torch.stack(states)[..., :hidden], h_TBH, rtol=1e-9, atol=1e-12):
        return None
    reads_states = torch.equal(first.out(0), h_TBH[1:])
    flat_KX = torch.eye(batch * hidden, dtype=torch.float64) if directions_KBH is None else directions_KBH.flatten(1)
    steps = range(problem.steps + reads_states)
    differences = [
        _Differences(_loss_of_state(problem, t, states[t], reads_states), h_TBH[t].flatten(), flat_KX) for t in steps
    ]
    results = []
    for kind in kinds:
        d_TBH = passes(problem, kind).tape.d(0)
        computed = [flat_KX @ (d_TBH[t] if reads_states else _first_gradient(problem, kind, t, states[t])).flatten()
                    for t in steps]  # fmt: skip
        computed_K = torch.cat(computed)
        errors_K, differences_K = _compare(computed_K, differences)
        results.append(_worst(errors_K, computed_K, differences_K))
    return results


def _loss_of_weights(problem: Problem) -> Function:
    """Return the loss as a function of the weights."""

    def loss(flat_RN: torch.Tensor) -> torch.Tensor:
        return _losses(problem, flat_RN, [problem.start_BC] * len(flat_RN), 0) / problem.answers

    return loss


def _omega_of_weights(problem: Problem) -> Function:
    """Return Omega as a function of the weights that the gradient is multiplied by on its way back, all else constant:
    hidden states, and dL/dh_t. This is what the regulariser differentiates (see rnnctl.cells.rnn.omega).

    Every step is a sequence of its own here, which starts from the state that the step before has left and into whose
    only step the head sends dL/dh_t. What it hands on is its dL/dh_0.
    """
    kind, steps = problem.network.torch_tape, problem.steps
    states, d_TBH = _states(problem)[:-1], passes(problem, kind).tape.d(0)[1:].clone()
    inputs, direct = list(torch.split(problem.inputs, 1)), list(torch.split(d_TBH, 1))
    here_TB = d_TBH.square().sum(2)
    usable_TB = here_TB >= problem.bound

    def omega(flat_RN: torch.Tensor) -> torch.Tensor:
        runs = len(flat_RN)
        tape = problem.tape(kind, runs * steps, 1)
        tape.forward(problem.views(problem.rows(runs * steps)), inputs * runs, states * runs)
        perturbed_RN = flat_RN.repeat_interleave(steps, 0)
        tape.backward(problem.views(perturbed_RN), direct * runs, problem.views(torch.zeros_like(perturbed_RN)))
        handed_RTB = torch.stack([tape.d(i)[0] for i in range(runs * steps)]).square().sum(2).view(runs, steps, -1)
        excess_RTB = torch.where(usable_TB, handed_RTB / torch.where(usable_TB, here_TB, 1.0) - 1, 0.0)
        return excess_RTB.square().sum((1, 2)) / usable_TB.sum().clamp(min=1)

    return omega


def _losses(problem: Problem, flat_RN: torch.Tensor, starts: list[torch.Tensor], after: int) -> torch.Tensor:
    """Return the sums of the losses of all answers after step `after`, (R,), of sequences that go on from there."""
    runs, inputs, weights = len(flat_RN), problem.inputs[after:], problem.views(flat_RN)
    tape = problem.tape(problem.network.torch_tape, runs, len(inputs))
    tape.forward(weights, [inputs] * runs, starts)
    every = problem.question.every_step
    h_RNH = torch.stack([tape.out(i)[0 if every else -1 :].flatten(0, 1) for i in range(runs)])
    return _answer_losses(problem, weights, h_RNH, problem.targets[after:] if every else problem.targets)


def _answer_losses(problem: Problem, weights: Weights, h_RNH: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the sums of the losses of the answers that are read off N hidden states, (R,)."""
    values = problem.question.values
    of_answers = targets.reshape(-1, values) if values > 1 else targets.flatten()
    targets_RN = of_answers.expand(len(h_RNH), *of_answers.shape)
    return heads.losses(problem.question, heads.read(weights, h_RNH), targets_RN).sum(1)


def _states(problem: Problem) -> list[torch.Tensor]:
    """Return the state that each step hands on, (B, C), for t = 0..T."""
    lengths = range(problem.steps, 0, -1)
    tape = problem.tape(problem.network.torch_tape, len(lengths), problem.steps)
    inputs = [problem.inputs[:length] for length in lengths]
    tape.forward(problem.views(problem.rows(len(lengths))), inputs, [problem.start_BC] * len(lengths))
    return [problem.start_BC, *(tape.state(i) for i in reversed(range(len(lengths))))]


def _loss_of_state(problem: Problem, t: int, state_BC: torch.Tensor, reads_states: bool) -> Function:
    """Return the loss as a function of h_t: of the answers that it can change.

    The function takes hidden states as rows, (R, B H). state_BC: what step t hands on, of which h_t is the beginning.
    """

    def loss(rows_RX: torch.Tensor) -> torch.Tensor:
        runs = len(rows_RX)
        total_R, flat_RN = torch.zeros(runs, dtype=torch.float64), problem.rows(runs)
        h_RBH = rows_RX.view(runs, len(state_BC), -1)
        if t < problem.steps:
            rest_RBX = state_BC[:, h_RBH.shape[2] :].expand(runs, -1, -1)
            total_R += _losses(problem, flat_RN, list(torch.cat([h_RBH, rest_RBX], 2)), t)
        every = problem.question.every_step
        if reads_states and t > 0 and (every or t == problem.steps):
            targets = problem.targets[t - 1] if every else problem.targets
            total_R += _answer_losses(problem, problem.views(flat_RN), h_RBH, targets)
        return total_R / problem.answers

    return loss


def _first_gradient(problem: Problem, kind: type[Tape], t: int, state_BC: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss of the steps after t by the hidden state that they start from, (B, H)."""
    every = problem.question.every_step
    targets = problem.targets[t:] if every else problem.targets
    rest = replace(problem, inputs=problem.inputs[t:], targets=targets, start_BC=state_BC, alpha=0.0)
    return passes(rest, kind).tape.d(0)[0] * (targets.numel() / problem.targets.numel())


class _Differences:
    """Central differences of a function at a point, in K directions, (K, N)."""

    def __init__(self, function: Function, point_N: torch.Tensor, directions_KN: torch.Tensor) -> None:
        self.function, self.point_N, self.directions_KN = function, point_N, directions_KN
        self.first_K = self.take(torch.arange(len(directions_KN)), STEP)

    def take(self, rows: torch.Tensor, step: float) -> torch.Tensor:
        """Return the differences in some of the directions."""
        offsets = step * torch.tensor(STENCIL, dtype=torch.float64).view(1, -1, 1)
        taken = []
        for directions_KN in torch.split(self.directions_KN[rows], ROWS // len(STENCIL)):
            moved_KSN = self.point_N + offsets * directions_KN.unsqueeze(1)
            f_KS = self.function(moved_KSN.flatten(0, 1)).view(-1, len(STENCIL))
            taken.append((8 * (f_KS[:, 0] - f_KS[:, 1]) - (f_KS[:, 2] - f_KS[:, 3])) / (12 * step))
        return torch.cat(taken)


def _compare(computed_K: torch.Tensor, differences: Sequence[_Differences]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the relative error of each derivative, and its difference, both (K,). A derivative that seems wrong is
    measured again with smaller steps, and the best of its differences counts.
    """
    finite = computed_K[computed_K.isfinite()].abs()
    floor = SMALLEST_SHARE * float(finite.max()) if len(finite) else 0.0

    def errors(computed: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
        distance = (computed - measured).abs()
        scale = torch.maximum(computed.abs(), measured.abs()).clamp(min=floor)
        return torch.where(distance == 0, 0.0, distance / scale).nan_to_num(nan=math.inf)

    difference_K = torch.cat([each.first_K for each in differences])
    error_K = errors(computed_K, difference_K)
    start = 0
    for each in differences:
        places = slice(start, start + len(each.first_K))
        for factor in SMALLER:
            rows = (error_K[places] > DOUBTFUL).nonzero().flatten()
            if not len(rows):
                break
            measured = each.take(rows, factor * STEP)
            error = errors(computed_K[places][rows], measured)
            better = error < error_K[places][rows]
            error_K[places][rows[better]], difference_K[places][rows[better]] = error[better], measured[better]
        start = places.stop
    return error_K, difference_K


def _worst(errors_K: torch.Tensor, computed_K: torch.Tensor, differences_K: torch.Tensor) -> Worst:
    at = int(errors_K.argmax())
    return Worst(float(errors_K[at]), float(computed_K[at]), float(differences_K[at]), len(errors_K))

"""Passes of cells with a memory of slots, and what plain modules make of the same weights; in float64."""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.cells.base.heads import backpropagate
from rnnctl.question import Question
from tests.cells.plain_memories import lstm_side_memory, relational_memory

INPUTS, OUTPUTS = 5, 4
NETWORKS = 256  # that go through time together
LAST, EVERY = Question(), Question(every_step=True)


def problem(rng, model, lengths, *, batch=3, scale=0.7, reals=False, question=LAST):
    """Weights, inputs and targets of runs of these lengths."""
    flat = torch.from_numpy(scale * rng.standard_normal((len(lengths), model.layout.size)))
    inputs = [
        torch.from_numpy(rng.standard_normal((n, batch, INPUTS)) if reals else rng.integers(INPUTS, size=(n, batch)))
        for n in lengths
    ]
    shapes = [(n, batch) if question.every_step else (batch,) for n in lengths]
    return flat, inputs, [torch.from_numpy(rng.integers(OUTPUTS, size=shape)) for shape in shapes]


def tape_for(model, inputs, kind=None, dtype=torch.float64):
    kind = kind or model.torch_tape
    return kind(model, len(inputs), max(map(len, inputs)), inputs[0].shape[1], dtype=dtype, device="cpu")


def through(tape, flat, inputs, targets, question=LAST, states=None):
    """Losses and gradients of a pack, the way the trainer makes them."""
    views, grads_flat = tape.model.layout.views, torch.full_like(flat, float("nan"))
    weights, grads = views(flat), views(grads_flat)
    tape.forward(weights, inputs, states)
    losses, direct = backpropagate(question, weights, tape, targets, grads)
    tape.backward(weights, direct, grads)
    return losses, grads_flat


def named(model, flat_N):
    return {name: w[0] for name, w in model.layout.views(flat_N.unsqueeze(0)).items()}


class Plain:
    """One run of a cell by a plain step, for each sequence of a batch: its loss, h_0..h_T and gates."""

    def __init__(self, model, weights, inputs, targets, question=LAST):
        u = inputs if inputs.is_floating_point() else torch.nn.functional.one_hot(inputs, INPUTS).double()
        self.states = [[] for _ in range(u.shape[1])]  # of each sequence: h_0, h_1, ...
        self.memories = [[] for _ in range(u.shape[1])]
        self.gates = [[] for _ in range(u.shape[1])]
        losses = []
        for b in range(u.shape[1]):
            losses += self._sequence(model, weights, u[:, b], targets[..., b], question, b)
        self.loss = torch.stack(losses).mean()

    def _sequence(self, model, w, u_TV, target, question, b):
        step, h, memory = begin(model)
        answers = []
        h.requires_grad_()
        self.states[b].append(h)
        self.memories[b].append(memory)
        for u in u_TV:
            out, h, memory = step(w, u, h, memory, self.gates[b])
            h.retain_grad()
            self.states[b].append(h)
            self.memories[b].append(memory)
            answers.append(out @ w["W_hy"] + w["b_hy"])
        asked = range(len(u_TV)) if question.every_step else [-1]
        wanted = target if question.every_step else [target]
        return [torch.nn.functional.cross_entropy(answers[t], right) for t, right in zip(asked, wanted, strict=True)]

    def h(self):
        """(T + 1, B, H)"""
        return torch.stack([torch.stack(of_one) for of_one in self.states], 1).detach()

    def d(self):
        """dL/dh_t, (T + 1, B, H)"""
        return torch.stack([torch.stack([h.grad for h in of_one]) for of_one in self.states], 1)

    def gate(self, name):
        """(T, B, values)"""
        return torch.stack([torch.stack([step[name] for step in of_one]) for of_one in self.gates], 1).detach()

    def memory(self):
        """(T + 1, B, S, F)"""
        return torch.stack(
            [torch.stack([torch.stack(slots) for slots in of_one]) for of_one in self.memories], 1
        ).detach()


def begin(model):
    """A plain step, (w, u, h, memory, gates) -> (what the head reads, h, memory), with h_0 and the first memory."""
    if hasattr(model, "norm"):

        def step(w, u, h, memory, gates):
            h, memory = relational_memory(w, u, h, memory, model.heads, model.norm, gates)
            return h, h, memory

        size = model.hidden // model.slots
        slots = [torch.tensor([float(j == k) for k in range(size)]).double() for j in range(model.slots)]
        return step, torch.zeros(model.hidden, dtype=torch.float64), slots
    cell = torch.zeros(model.hidden, dtype=torch.float64)
    kept = [cell]

    def step(w, u, h, memory, gates):
        out, h, kept[0], memory = lstm_side_memory(w, u, h, kept[0], memory, model.heads, gates)
        return out, h, memory

    slots = [torch.zeros(model.slot_size, dtype=torch.float64) for _ in range(model.slots)]
    return step, torch.zeros(model.hidden, dtype=torch.float64), slots


def assert_is_autograds(model, flat, inputs, targets, question=LAST, kind=None):
    """A pack's losses, states, gates and gradients against those of plain steps, run by run."""
    tape = tape_for(model, inputs, kind)
    losses, grads_flat = through(tape, flat, inputs, targets, question)
    for i in range(len(inputs)):
        leaf = flat[i].clone().requires_grad_()
        plain = Plain(model, named(model, leaf), inputs[i], targets[i], question)
        plain.loss.backward()
        torch.testing.assert_close(losses[i], plain.loss.detach(), rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(grads_flat[i], leaf.grad, rtol=1e-8, atol=1e-11)
        torch.testing.assert_close(tape.h(i), plain.h(), rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(tape.d(i), plain.d(), rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(tape.memory(i), plain.memory(), rtol=1e-11, atol=1e-12)
        assert set(tape.gates(i)) == set(plain.gates[0][0])
        for name, values in tape.gates(i).items():
            torch.testing.assert_close(values, plain.gate(name), rtol=1e-11, atol=1e-12)


def loss_of_each(model, flat_RN, inputs, targets, question=LAST):
    """Losses, (R,), of networks that read one batch, as the runs of a pack: each has the bits that it has alone."""
    losses, views = [], model.layout.views
    for rows in flat_RN.split(NETWORKS):
        tape = tape_for(model, [inputs] * len(rows))
        tape.forward(views(rows), [inputs] * len(rows))
        of_rows, _ = backpropagate(question, views(rows), tape, [targets] * len(rows), views(torch.zeros_like(rows)))
        losses += of_rows
    return torch.stack(losses)


def assert_is_finite_differences(model, flat, inputs, targets, question=LAST):
    """Every entry of every weight's gradient against central differences of the loss."""
    eps = 1e-6
    _, grads = through(tape_for(model, inputs), flat, inputs, targets, question)
    for of_run, gradient, *batch in zip(flat, grads, inputs, targets, strict=True):
        bump_NN = eps * torch.eye(model.layout.size, dtype=torch.float64)
        up, down = (loss_of_each(model, of_run + bump, *batch, question) for bump in (bump_NN, -bump_NN))
        torch.testing.assert_close(gradient, (up - down) / (2 * eps), rtol=1e-5, atol=2e-9)


def assert_the_gradient_through_time_is_finite_differences(model, flat, inputs, targets, kind=None):
    """dL/dh_t of one run: the loss when the recurrence goes on from a bumped h_t, the rest of the state as it was."""
    tape, eps = tape_for(model, inputs, kind), 1e-5
    through(tape, flat, inputs, targets)
    d, (length, batch) = tape.d(0).clone(), inputs[0].shape[:2]
    weights, states = model.layout.views(flat), [None]
    for t in range(1, length):
        tape.forward(weights, [inputs[0][:t]])
        states.append(tape.state(0).clone())
    for t, state in enumerate(states):
        if state is None:
            continue
        for b, j in [(0, 0), (batch - 1, model.hidden - 1)]:
            ends = []
            for sign in (1, -1):
                moved = state.clone()
                moved[b, j] += sign * eps
                ends.append(through(tape, flat, [inputs[0][t:]], targets, states=[moved])[0].item())
            assert np.isclose((ends[0] - ends[1]) / (2 * eps), d[t, b, j].item(), rtol=1e-5, atol=1e-9)
    assert (d.abs().amax((1, 2)) > 1e-9).all()


def assert_packed_runs_have_the_bits_of_lone_ones(model, seed, kind=None):
    """Losses, gradients and states of a ragged pack in float32, against each run alone."""
    flat, inputs, targets = problem(np.random.default_rng(seed), model, [6, 6, 4, 1], question=EVERY)
    flat = flat.float()
    pack = tape_for(model, inputs, kind, torch.float32)
    losses, grads = through(pack, flat, inputs, targets, EVERY)
    for i in range(len(inputs)):
        one = slice(i, i + 1)
        alone = tape_for(model, inputs[one], kind, torch.float32)
        loss, grad = through(alone, flat[one], inputs[one], targets[one], EVERY)
        assert torch.equal(losses[one], loss)
        assert torch.equal(grads[one], grad)
        assert torch.equal(pack.h(i), alone.h(0))
        assert torch.equal(pack.d(i), alone.d(0))
        assert torch.equal(pack.state(i), alone.state(0))


def assert_pieces_are_the_whole(model, kind=None):
    """States and outputs of a sequence read in two pieces, with the state of the first handed on, in any company."""
    flat, inputs, _ = problem(np.random.default_rng(11), model, [7, 7])
    tape, weights = tape_for(model, inputs, kind), model.layout.views(flat)
    tape.forward(weights, inputs)
    whole, states = [tape.out(i).clone() for i in range(2)], [tape.state(i) for i in range(2)]
    tape.forward(weights, [u[:3] for u in inputs])
    handed = [tape.state(0), torch.zeros_like(tape.state(1))]  # the second run begins anew, with zeros
    tape.forward(weights, [inputs[0][3:], inputs[1][:4]], handed)
    assert torch.equal(tape.out(0), whole[0][3:])
    assert torch.equal(tape.out(1), whole[1][:4])
    assert torch.equal(tape.state(0), states[0])
    tape.forward(weights, inputs)
    assert torch.equal(tape.out(0), whole[0])


# Buffers whose step 0 is the initial state, which a pass does not write.
WITH_INITIAL_STATES = ("h_RTBH", "c_RTBH", "x_RTBNF", "memory_RTBSF")


def assert_stale_buffers_do_not_matter(model, kind=None):
    """Gradients with NaN in all memory that a pass has to write itself."""
    flat, inputs, targets = problem(np.random.default_rng(9), model, [6, 2])
    fresh, stale = tape_for(model, inputs, kind), tape_for(model, inputs, kind)
    for name, buffer in {**vars(stale), **stale.values, **getattr(stale, "deltas", {})}.items():
        if isinstance(buffer, torch.Tensor):
            (buffer[:, 1:] if name in WITH_INITIAL_STATES else buffer).fill_(float("nan"))
    assert torch.equal(through(stale, flat, inputs, targets)[1], through(fresh, flat, inputs, targets)[1])

"""What rnnctl is measured against: the ways in which one would train these networks with torch alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from rnnctl.study.run import RunSpec
from rnnctl.tasks import Batch, make_task

MODULES = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def through_time(cell: str, steps: int, batch: int, hidden: int) -> Callable[[], None]:
    """Forward and backward of a torch.nn module over one-hot inputs, from a gradient of the last hidden state."""
    module = MODULES[cell](6, hidden)
    inputs = one_hot(torch.randint(6, (steps, batch)), 6).float()
    gradient = torch.randn(batch, hidden)

    def once() -> None:
        module.zero_grad()
        states, _ = module(inputs)
        states[-1].backward(gradient)

    return once


class Eager:
    """A loop over time under autograd, with Omega and clipping: the paper's method written plainly, one run a
    process.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec, self.task = spec, make_task(spec.task)
        self.rng = np.random.default_rng(spec.seed)
        hidden, task = spec.model.hidden, self.task

        def weight(*shape: int) -> torch.Tensor:
            return (0.1 * torch.randn(*shape)).requires_grad_()

        self.w_uh, self.w_hh, self.w_hy = weight(task.n_inputs, hidden), weight(hidden, hidden), weight(hidden, 4)
        self.b_hh, self.b_hy = weight(hidden), weight(task.n_outputs)
        self.weights = [self.w_uh, self.w_hh, self.w_hy, self.b_hh, self.b_hy]

    def update(self) -> None:
        train = self.spec.train
        batch = self.task.draw(self.rng, train.batch)
        projected = _one_hot(batch, self.task.n_inputs) @ self.w_uh + self.b_hh
        h, states = torch.zeros(train.batch, self.spec.model.hidden), []
        for step in projected:
            h = torch.tanh(step + h @ self.w_hh)
            h.retain_grad()
            states.append(h)
        loss = cross_entropy(h @ self.w_hy + self.b_hy, torch.from_numpy(batch.targets))
        for weight in self.weights:
            weight.grad = None
        loss.backward()
        if train.omega.alpha:
            self.w_hh.grad += train.omega.alpha * self._omega_gradient(states)
        torch.nn.utils.clip_grad_norm_(self.weights, train.clip.cutoff)
        with torch.no_grad():
            for weight in self.weights:
                weight -= train.lr * weight.grad

    def _omega_gradient(self, states: list[torch.Tensor]) -> torch.Tensor:
        """d Omega / d W_hh with h_t and dL/dh_t held constant."""
        d_TBH = torch.stack([h.grad for h in states])
        h_TBH = torch.stack([h.detach() for h in states])
        w = self.w_hh.detach().requires_grad_()
        carried = (d_TBH * (1 - h_TBH**2)) @ w.t()
        squared = (d_TBH**2).sum(2)
        usable = squared >= self.spec.train.omega.bound
        excess = torch.where(usable, (carried**2).sum(2) / torch.where(usable, squared, 1.0) - 1, 0.0)
        value = (excess**2).mean(1).sum() / usable.float().mean(1).sum().clamp(min=1e-9)
        return torch.autograd.grad(value, w)[0]


class Module:
    """torch.nn.RNN with torch.optim.SGD and clip_grad_norm_, without Omega."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec, self.task = spec, make_task(spec.task)
        self.rng = np.random.default_rng(spec.seed)
        self.rnn = torch.nn.RNN(self.task.n_inputs, spec.model.hidden)
        self.head = torch.nn.Linear(spec.model.hidden, self.task.n_outputs)
        self.weights = [*self.rnn.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.SGD(self.weights, lr=spec.train.lr)
        check = spec.check
        chunks = [self.task.draw(self.rng, check.chunk) for _ in range(check.samples // check.chunk)]
        self.validation = [(_one_hot(b, self.task.n_inputs), torch.from_numpy(b.targets)) for b in chunks]

    def update(self) -> None:
        batch = self.task.draw(self.rng, self.spec.train.batch)
        states, _ = self.rnn(_one_hot(batch, self.task.n_inputs))
        loss = cross_entropy(self.head(states[-1]), torch.from_numpy(batch.targets))
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.spec.train.clip.cutoff)
        self.optimiser.step()

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss over the whole validation set."""
        total = 0.0
        for inputs, targets in self.validation:
            states, _ = self.rnn(inputs)
            total += float(cross_entropy(self.head(states[-1]), targets))
        return total / len(self.validation)


class GatedLayers(torch.nn.Module):
    """The author's best gated layers (state gate, forget gate, new_state, residual) as torch.nn modules with Adam, byte
    by byte with the state detached at each.
    """

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.spec, self.task, self.rng = spec, make_task(spec.task), np.random.default_rng(spec.seed)
        size = spec.model.hidden
        self.first = torch.nn.Linear(self.task.n_inputs, size)
        self.maps = torch.nn.ModuleList(
            torch.nn.ModuleList(torch.nn.Linear(parts * size, size) for parts in (2, 3, 3, 2))
            for _ in range(spec.model.layers)
        )
        self.head = torch.nn.Linear(size, self.task.n_outputs)
        self.optimiser = torch.optim.Adam(self.parameters(), lr=spec.train.lr)
        self.at = spec.task.window

    def update(self) -> None:
        train = self.spec.train
        if self.at == self.spec.task.window:
            self.window, self.at = self.task.draw(self.rng, train.batch), 0
            self.states = [torch.zeros(train.batch, self.spec.model.hidden) for _ in self.maps]
        symbols, targets = (torch.from_numpy(x[self.at]).long() for x in (self.window.inputs, self.window.targets))
        x = self.first(one_hot(symbols, self.task.n_inputs).float())
        for i, (content, state_gate, forget_gate, out) in enumerate(self.maps):
            s = self.states[i]
            n = torch.tanh(content(torch.cat([x, s], 1)))
            z = torch.sigmoid(state_gate(torch.cat([x, s, n], 1)))
            n = z * n + (1 - z) * s
            n = torch.sigmoid(forget_gate(torch.cat([x, s, n], 1))) * n
            self.states[i] = n.detach()
            x = torch.nn.functional.silu(out(torch.cat([n, x], 1)))
        loss = cross_entropy(self.head(x), targets)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.at += 1


def _one_hot(batch: Batch, symbols: int) -> torch.Tensor:
    return one_hot(torch.from_numpy(batch.inputs).long(), symbols).float()

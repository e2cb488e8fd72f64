"""The baselines: how these networks would be trained with torch alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from rnnctl.cells.gated.section import GatedSection
from rnnctl.study.run import RunSpec
from rnnctl.study.train import Rescale
from rnnctl.tasks.base import Batch
from rnnctl.tasks.text import TextSection

ModuleType = type[torch.nn.RNN] | type[torch.nn.GRU] | type[torch.nn.LSTM]
MODULES: dict[str, ModuleType] = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def through_time(cell: str, steps: int, batch: int, hidden: int, device: str = "cpu") -> Callable[[], None]:
    """Return a callable that runs a torch.nn module forward over one-hot inputs, and backward from its last state.

    cell: a key of MODULES. steps: T. batch: B. hidden: H.
    """
    module = MODULES[cell](6, hidden).to(device)
    inputs = one_hot(torch.randint(6, (steps, batch)), 6).float().to(device)
    gradient = torch.randn(batch, hidden).to(device)

    def once() -> None:
        module.zero_grad()
        states, _ = module(inputs)
        states[-1].backward(gradient)

    return once


def eager_through_time(steps: int, batch: int, hidden: int, device: str) -> Callable[[], None]:
    """Return a callable that runs a vanilla RNN as a loop over time under autograd. The arguments are those above."""
    weights = [0.1 * torch.randn(*shape) for shape in ((6, hidden), (hidden, hidden), (hidden,))]
    w_uh, w_hh, b_hh = (weight.to(device).requires_grad_() for weight in weights)
    inputs = one_hot(torch.randint(6, (steps, batch)), 6).float().to(device)
    gradient, blank = torch.randn(batch, hidden).to(device), torch.zeros(batch, hidden, device=device)

    def once() -> None:
        for weight in (w_uh, w_hh, b_hh):
            weight.grad = None
        h = blank
        for step in inputs @ w_uh + b_hh:
            h = torch.tanh(step + h @ w_hh)
        h.backward(gradient)  # type: ignore[no-untyped-call]

    return once


class Eager:
    """A loop over time under autograd, with Omega and clipping: a plain implementation of Pascanu et al. 2013."""

    def __init__(self, spec: RunSpec, device: str = "cpu") -> None:
        assert isinstance(spec.train.clip, Rescale)
        self.spec, self.task, self.cutoff, self.device = spec, spec.task.make(), spec.train.clip.cutoff, device
        self.rng = np.random.default_rng(spec.seed)
        hidden, task = spec.model.hidden, self.task

        def weight(*shape: int) -> torch.Tensor:
            return (0.1 * torch.randn(*shape)).to(device).requires_grad_()

        self.w_uh, self.w_hh, self.w_hy = weight(task.n_inputs, hidden), weight(hidden, hidden), weight(hidden, 4)
        self.b_hh, self.b_hy = weight(hidden), weight(task.n_outputs)
        self.weights = [self.w_uh, self.w_hh, self.w_hy, self.b_hh, self.b_hy]

    def update(self) -> None:
        """Make one update."""
        train = self.spec.train
        batch = self.task.draw(self.rng, train.batch)
        projected = _one_hot(batch, self.task.n_inputs, self.device) @ self.w_uh + self.b_hh
        h = torch.zeros(train.batch, self.spec.model.hidden, device=self.device)
        states: list[torch.Tensor] = []
        for step in projected:
            h = torch.tanh(step + h @ self.w_hh)
            h.retain_grad()
            states.append(h)
        loss = cross_entropy(h @ self.w_hy + self.b_hy, _targets(batch, self.device))
        for weight in self.weights:
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        if train.omega.alpha:
            _grad(self.w_hh).add_(self._omega_gradient(states), alpha=train.omega.alpha)
        torch.nn.utils.clip_grad_norm_(self.weights, self.cutoff)
        with torch.no_grad():
            for weight in self.weights:
                weight -= train.lr * _grad(weight)

    def _omega_gradient(self, states: list[torch.Tensor]) -> torch.Tensor:
        """Return d Omega / d W_hh, (H, H), with h_t and dL/dh_t held constant (Pascanu et al. 2013, section 3.3)."""
        d_TBH = torch.stack([_grad(h) for h in states])
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

    def __init__(self, spec: RunSpec, device: str = "cpu") -> None:
        assert isinstance(spec.train.clip, Rescale)
        self.spec, self.task, self.cutoff, self.device = spec, spec.task.make(), spec.train.clip.cutoff, device
        self.rng = np.random.default_rng(spec.seed)
        self.rnn = torch.nn.RNN(self.task.n_inputs, spec.model.hidden).to(device)
        self.head = torch.nn.Linear(spec.model.hidden, self.task.n_outputs).to(device)
        self.weights = [*self.rnn.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(self.weights, lr=spec.train.lr)
        check = spec.check
        chunks = [self.task.draw(self.rng, check.chunk) for _ in range(check.samples // check.chunk)]
        self.validation = [self._tensors(chunk) for chunk in chunks]

    def _tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        return _one_hot(batch, self.task.n_inputs, self.device), _targets(batch, self.device)

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs, (T, B, V), and the targets, (B,), of the next batch."""
        return self._tensors(self.task.draw(self.rng, self.spec.train.batch))

    def update(self) -> None:
        """Make one update."""
        self.learn(*self.draw())

    def learn(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Make one update with these inputs and targets."""
        states, _ = self.rnn(inputs)
        loss = cross_entropy(self.head(states[-1]), targets)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, self.cutoff)
        self.optimizer.step()

    @torch.no_grad()
    def validate(self) -> float:
        """Return the mean loss over the whole validation set."""
        total = 0.0
        for inputs, targets in self.validation:
            states, _ = self.rnn(inputs)
            total += float(cross_entropy(self.head(states[-1]), targets))
        return total / len(self.validation)


class GatedLayers(torch.nn.Module):
    """Gated layers (state gate, forget gate, new_state, residual) as torch.nn modules with Adam, byte by byte, with the
    state detached after each byte.
    """

    def __init__(self, spec: RunSpec, device: str = "cpu") -> None:
        super().__init__()
        assert isinstance(spec.model, GatedSection)
        assert isinstance(spec.task, TextSection)
        self.spec, self.task, self.device = spec, spec.task.make(), device
        self.rng = np.random.default_rng(spec.seed)
        size = spec.model.hidden
        self.first = torch.nn.Linear(self.task.n_inputs, size)
        self.layers = torch.nn.ModuleList(GatedLayer(size) for _ in range(spec.model.layers))
        self.head = torch.nn.Linear(size, self.task.n_outputs)
        self.to(device)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=spec.train.lr)
        self.length = self.position = spec.task.window

    def update(self) -> None:
        """Make one update, on the next byte of each sequence of the batch."""
        train = self.spec.train
        if self.position == self.length:
            window, self.position = self.task.draw(self.rng, train.batch), 0
            self.window = [torch.from_numpy(ids).to(self.device) for ids in (window.inputs, window.targets)]
            blank = torch.zeros(train.batch, self.spec.model.hidden, device=self.device)
            self.states = [blank for _ in self.layers]
        symbols, targets = (ids[self.position].long() for ids in self.window)
        x = self.first(one_hot(symbols, self.task.n_inputs).float())
        for i, layer in enumerate(self.layers):
            x, self.states[i] = layer(x, self.states[i])
        loss = cross_entropy(self.head(x), targets)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.position += 1


class GatedLayer(torch.nn.Module):
    """One gated layer: (x, s), (B, H) each -> the output and the new, detached state, (B, H) each."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.content = torch.nn.Linear(2 * size, size)
        self.state_gate = torch.nn.Linear(3 * size, size)
        self.forget_gate = torch.nn.Linear(3 * size, size)
        self.out = torch.nn.Linear(2 * size, size)

    def forward(self, x: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n = torch.tanh(self.content(torch.cat([x, s], 1)))
        z = torch.sigmoid(self.state_gate(torch.cat([x, s, n], 1)))
        n = z * n + (1 - z) * s
        n = torch.sigmoid(self.forget_gate(torch.cat([x, s, n], 1))) * n
        return torch.nn.functional.silu(self.out(torch.cat([n, x], 1))), n.detach()


def _grad(tensor: torch.Tensor) -> torch.Tensor:
    """Return the gradient that a backward pass has left."""
    assert tensor.grad is not None
    return tensor.grad


def _one_hot(batch: Batch, symbols: int, device: str) -> torch.Tensor:
    return one_hot(torch.from_numpy(batch.inputs).to(device).long(), symbols).float()


def _targets(batch: Batch, device: str) -> torch.Tensor:
    return torch.from_numpy(batch.targets).to(device)

"""The gated cell written plainly with torch.nn.Linear, one run, for autograd: the oracle of rnnctl.cells.gated."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from rnnctl.cells.gated.equations import Gated
from rnnctl.cells.gated.section import GatedSection


def every_choice_of_flags():
    """Sets of flags with new_state, old_state or both."""
    for chosen in itertools.product([False, True], repeat=len(GatedSection.flag_names)):
        on = dict(zip(GatedSection.flag_names, chosen, strict=True))
        if on["new_state"] or on["old_state"]:
            yield frozenset(flag for flag, value in on.items() if value)


class PlainLayer(nn.Module):
    def __init__(self, flags, size):
        super().__init__()
        self.flags = flags
        self.a, self.b, self.c = (nn.Linear(2 * size, size) for _ in range(3))
        self.d, self.e = (nn.Linear(3 * size, size) for _ in range(2))
        read = size * sum(flag in flags for flag in ("new_state", "old_state", "residual"))
        self.f, self.g = nn.Linear(read, size), nn.Linear(size + read, size)

    def forward(self, x, s):
        flags, gates = self.flags, {}
        c, old = torch.cat([x, s], 1), s
        if "input_gate" in flags:
            gates["a"], gates["b"] = torch.sigmoid(self.a(c)), torch.sigmoid(self.b(c))
            old = gates["b"] * s
            c = torch.cat([gates["a"] * x, old], 1)
        n = torch.tanh(self.c(c))
        if "state_gate" in flags:
            gates["z"] = z = torch.sigmoid(self.d(torch.cat([c, n], 1)))
            n = z * n + (1 - z) * s
        if "forget_gate" in flags:
            gates["f"] = torch.sigmoid(self.e(torch.cat([c, n], 1)))
            n = gates["f"] * n
        if "old_state" not in flags:
            o_in = n
        elif "new_state" not in flags:
            o_in = old
        else:
            o_in = torch.cat([n, old], 1)
        if "residual" in flags:
            o_in = torch.cat([o_in, x], 1)
        o = self.f(o_in)
        if "output_gate" in flags:
            gates["g"] = torch.sigmoid(self.g(torch.cat([o, o_in], 1)))
            return o * gates["g"], n, gates
        return nn.functional.silu(o), n, gates


class PlainGated(nn.Module):
    def __init__(self, model: Gated):
        super().__init__()
        self.model = model
        self.first = nn.Linear(model.inputs, model.hidden)
        self.layers = nn.ModuleList(PlainLayer(model.flags, model.hidden) for _ in range(model.layers))
        self.head = nn.Linear(model.hidden, model.outputs)

    def named(self):
        """The modules by the suffix of their weights' names."""
        maps = {f"{letter}{i}": layer.get_submodule(letter.lower())
                for i, layer in enumerate(self.layers, start=1) for letter in self.model.maps}  # fmt: skip
        return {"x": self.first, **maps, "y": self.head}

    def load(self, flat_N):
        weights = self.model.layout.views(flat_N.unsqueeze(0))
        with torch.no_grad():
            for name, linear in self.named().items():
                w, b = self.names(name)
                linear.weight.copy_(weights[w][0].T)
                linear.bias.copy_(weights[b][0])
        return self

    @staticmethod
    def names(name):
        return {"x": ("W_ux", "b_x"), "y": ("W_hy", "b_hy")}.get(name, (f"W_{name}", f"b_{name}"))

    def gradients(self):
        """By our names and in our orientation; None where autograd knows of no path."""
        actual = {}
        for name, linear in self.named().items():
            w, b = self.names(name)
            actual[w] = None if linear.weight.grad is None else linear.weight.grad.T
            actual[b] = linear.bias.grad
        return actual

    def step(self, u, states):
        """One symbol a sequence, (B,): the outputs (B, H), the layers' next states and the gates, (B, L * H) each."""
        x = self.first(nn.functional.one_hot(u, self.model.inputs).to(self.first.weight.dtype))
        after, gates = [], []
        for layer, s in zip(self.layers, states, strict=True):
            x, n, own = layer(x, s)
            after.append(n)
            gates.append(own)
        return x, after, {name: torch.cat([own[name] for own in gates], 1) for name in gates[0]}

    def run(self, symbols, state=None, *, detached=False):
        """Outputs, states s_0..s_T of each layer (tensors whose gradients are kept) and gates; from `state`, (B, L *
        H). detached: each step starts from constants.
        """
        model = self.model
        if state is None:
            state = torch.zeros(symbols.shape[1], model.state_size, dtype=self.first.weight.dtype)
        states = [[s.detach().clone().requires_grad_() for s in state.chunk(model.layers, 1)]]
        outputs, gates = [], []
        for u in symbols:
            before = [s.detach() for s in states[-1]] if detached else states[-1]
            out, after, own = self.step(u, before)
            for s in after:
                s.retain_grad()
            outputs.append(out)
            states.append(after)
            gates.append(own)
        return outputs, states, gates

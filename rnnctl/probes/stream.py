"""A trained network that reads one long text, its state carried from the first symbol to the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rnnctl.cells.base.heads import read
from rnnctl.cells.base.passes import make_tape
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.training.member import network_of
from rnnctl.training.validation import as_tensor

STEPS = 1000  # symbols that are read at a time


class Stream:
    """The network of a spec with weights (N,), for texts that are read from a state of zeros."""

    def __init__(self, spec: RunSpec, task: Task, weights_N: torch.Tensor) -> None:
        model = network_of(spec.model, task)
        self.weights = model.layout.views(weights_N.unsqueeze(0))
        self.to = {"dtype": getattr(torch, spec.train.dtype), "device": "cpu"}
        self.tape = make_tape(model, 1, STEPS, 1, **self.to)

    def hidden(self, ids_T: np.ndarray) -> np.ndarray:
        """Return what the head reads after each symbol of a text, (T, H) float64.

        Raise FloatingPointError if it is not finite.
        """
        hidden: list[np.ndarray] = []
        state = None
        for start in range(0, len(ids_T), STEPS):
            state = self._pass(ids_T[start : start + STEPS], state)
            # A copy: the buffers of the tape are written again by the next pass.
            hidden.append(np.array(self.tape.out(0)[:, 0].numpy(), dtype=np.float64))
        h_TH = np.concatenate(hidden)
        if not np.isfinite(h_TH).all():
            raise FloatingPointError("the network's hidden states are not finite")
        return h_TH

    def log_probabilities(self, h_TH: np.ndarray) -> np.ndarray:
        """Return the log-probabilities of the next symbol (nats) after hidden states, (T, V) float64."""
        h_1TH = torch.from_numpy(h_TH).to(self.to["dtype"]).unsqueeze(0)
        return read(self.weights, h_1TH)[0].double().log_softmax(1).numpy()

    def states(self, ids_T: np.ndarray, lengths: Sequence[int]) -> torch.Tensor:
        """Return the state after the first n symbols of a text for each of `lengths`, which rise from at least 1.

        The states are (len(lengths), C), for rnnctl.probes.stepper.Stepper to go on from.
        """
        states: list[torch.Tensor] = []
        state, start = None, 0
        for stop in lengths:
            while start < stop:
                state = self._pass(ids_T[start : min(stop, start + STEPS)], state)
                start = min(stop, start + STEPS)
            assert state is not None, "a length of 0 has no state"
            states.append(state)
        return torch.cat(states)

    def _pass(self, ids_T: np.ndarray, state: torch.Tensor | None) -> torch.Tensor:
        with torch.no_grad():
            inputs = as_tensor(ids_T[:, None].astype(np.int64), **self.to)
            self.tape.forward(self.weights, [inputs], None if state is None else [state])
            return self.tape.state(0)

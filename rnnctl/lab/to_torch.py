"""A trained run as a layer of torch.nn and a linear head, for programs that know nothing of rnnctl. Loads torch."""

from __future__ import annotations

from typing import Any

import torch

from rnnctl.lab.errors import Code, LabError
from rnnctl.training.trained import Trained
from rnnctl.weights import BEST, in_words


class TorchNetwork(torch.nn.Module):
    """A recurrent layer of torch.nn and what reads its states. Time is the first axis, as in torch.nn by default.

    rnn: torch.nn.RNN or torch.nn.LSTM, of V inputs and H units. head: torch.nn.Linear, from H to O outputs.
    """

    def __init__(self, rnn: torch.nn.RNNBase, head: torch.nn.Linear) -> None:
        super().__init__()
        self.rnn, self.head = rnn, head

    def forward(self, inputs: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Return the outputs of every step, (T, B, O), and the state after the last step, as torch.nn has it.

        inputs: (T, B) symbols, or (T, B, V) real numbers. state: to begin with; zero if left out.
        """
        if not inputs.is_floating_point():
            numbers = torch.nn.functional.one_hot(inputs.long(), self.rnn.input_size)
            inputs = numbers.to(self.head.weight.dtype)
        states, last = self.rnn(inputs, state)
        return self.head(states), last


def to_torch(trained: Trained, weights: str = BEST) -> TorchNetwork:
    """Return the network of a run with its weights of a name, whose outputs are the run's to rounding.

    weights: `best`, `last`, or the update of a snapshot in decimal. Raise LabError if the run has no weights of this
    name, or if torch.nn has no layer with the equations of its cell; the message says in what they differ.
    """
    if weights not in trained.weights:
        raise LabError(f"run {trained.run_id} has no {in_words(weights)}", Code.NOTHING)
    try:
        views = trained.views(trained.weights[weights])
        rnn = trained.cell.torch_layer(views)
    except ValueError as error:
        raise LabError(f"run {trained.run_id}: {error}", Code.FAILURE) from None
    w_HO = views["W_hy"]
    head = torch.nn.Linear(w_HO.shape[0], w_HO.shape[1], dtype=w_HO.dtype)
    head.load_state_dict({"weight": w_HO.T, "bias": views["b_hy"]})
    return TorchNetwork(rnn, head)

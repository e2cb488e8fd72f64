"""Passes of a plain recurrent network through time."""

import pytest
import torch

from rnnctl.cells.base.heads import backpropagate
from rnnctl.cells.rnn.equations import Rnn, RnnTape
from rnnctl.cells.rnn.fused import FusedRnnTape
from rnnctl.question import Question


def problem(rng, lengths, *, hidden=7, batch=3, activation="tanh", inputs=6, outputs=4, scale=0.5):
    model = Rnn(inputs, hidden, outputs, activation)
    flat = torch.from_numpy(scale * rng.standard_normal((len(lengths), model.layout.size)))
    symbols = [torch.from_numpy(rng.integers(inputs, size=(n, batch))) for n in lengths]
    targets = torch.from_numpy(rng.integers(outputs, size=(len(lengths), batch)))
    return model, flat, symbols, targets


def tape_for(kind, model, symbols, dtype=torch.float64):
    return kind(model, len(symbols), max(map(len, symbols)), symbols[0].shape[1], dtype=dtype, device="cpu")


def through(model, flat, symbols, targets, kind=RnnTape):
    """A pack's losses, gradients and tape, the way the trainer makes them."""
    tape = tape_for(kind, model, symbols, flat.dtype)
    grads_flat = torch.zeros_like(flat)
    losses, _ = pass_through(tape, model.layout.views(flat), symbols, targets, model.layout.views(grads_flat))
    return losses, grads_flat, tape


def pass_through(tape, weights, symbols, targets, grads, regularisers=None):
    """Writes the gradients. Returns each row's loss and Omega."""
    tape.forward(weights, symbols)
    losses, direct = backpropagate(Question(), weights, tape, targets, grads)
    return losses, tape.backward(weights, direct, grads, regularisers)


both_tapes = pytest.mark.parametrize("kind", [RnnTape, FusedRnnTape])

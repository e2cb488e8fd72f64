"""The GPU kernels of the vanilla RNN, interpreted, against the passes in torch: drawn shapes, ragged packs, Omega."""

from __future__ import annotations

import random

import pytest
import torch

from rnnctl.cells.base.activations import ACTIVATIONS
from rnnctl.cells.rnn.gpu import BLOCK
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.kernels.gpu.launch import TILE
from tests.interpreted.drawn_passes import TOLERANCES, Pack, check, drawn

# kernels, reals, every, seed. Each kind of kernels has both values of each; the seeds draw three runs of different
# lengths, and the second one the states that they start from.
CASES = [
    ("registers", False, False, 20),
    ("registers", True, True, 30),
    ("tiles", False, True, 30),
    ("tiles", True, False, 20),
]


def of_an_rnn(
    seed: int, hidden: int, activation: str, dtype: torch.dtype, batch: int, *, reals: bool = False, every: bool
) -> Pack:
    section = RnnSection(hidden=hidden, init={"name": "orthogonal"}, activation=activation)
    return drawn(seed, section.network, dtype, batch, reals=reals, every=every)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("kernels", "reals", "every", "seed"), CASES)
def test_small_networks(kernels, reals, every, seed, activation, dtype, monkeypatch):
    rng = random.Random(seed)
    if kernels == "tiles":
        monkeypatch.setattr(RnnSection, "units_in_registers", 0)
    hidden, batch = rng.randint(1, 20), rng.randint(1, 4)
    check(of_an_rnn(seed, hidden, activation, dtype, batch, reals=reals, every=every))


@pytest.mark.parametrize(("dtype", "every"), [(torch.float32, True), (torch.float64, False)], ids=str)
def test_several_tiles_and_blocks(dtype, every):
    """A matrix that does not stay in registers; its last block is not full, nor is the last tile of sequences."""
    hidden, batch = RnnSection.units_in_registers + 2, TILE + 3
    assert hidden > 2 * BLOCK
    check(of_an_rnn(7, hidden, "tanh", dtype, batch, every=every))

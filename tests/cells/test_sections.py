"""What sections tell of a cell without making its network."""

from __future__ import annotations

import random

import pytest

from rnnctl.cells.catalogue import CELLS
from tests.language import drawn_spec


@pytest.mark.parametrize("cell", CELLS.names)
def test_a_section_counts_the_weights_of_its_network(cell):
    for seed in range(20):
        model = drawn_spec(random.Random(seed), ["stdlib"], {"model": cell, "task": "permutation"}).model
        assert model.weights(7, 3) == model.network(7, 3).layout.size


@pytest.mark.parametrize("cell", CELLS.names)
def test_a_section_names_the_weights_of_its_network(cell):
    for seed in range(20):
        model = drawn_spec(random.Random(seed), ["stdlib"], {"model": cell, "task": "permutation"}).model
        assert model.weight_names == tuple(name for name, _ in model.network(7, 3).layout.shapes)

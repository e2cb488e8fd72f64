"""Layers of torch.nn with the weights of a run, for cells whose equations are those of such a layer.

torch.nn keeps all gates of a layer in one matrix, in its own order and transposed, and has two biases for each gate,
of which the second stays 0 here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.names import bias_name


def filled(
    kind: Callable[..., torch.nn.RNNBase], weights: Weights, branches: Sequence[str], **options: Any
) -> torch.nn.RNNBase:
    """Return a layer with the weights of one run: (V, H) input and (H, H) recurrent matrices and (H,) biases by name.

    branches: the gates in the order in which torch.nn keeps them. options: of the layer's constructor.
    """
    inputs, hidden = weights[f"W_u{branches[0]}"].shape
    layer = kind(inputs, hidden, dtype=weights["W_hh"].dtype, **options)
    layer.load_state_dict(
        {
            "weight_ih_l0": torch.cat([weights[f"W_u{branch}"] for branch in branches], 1).T,
            "weight_hh_l0": torch.cat([weights[f"W_h{branch}"] for branch in branches], 1).T,
            "bias_ih_l0": torch.cat([weights[bias_name(branch)] for branch in branches]),
            "bias_hh_l0": torch.zeros(len(branches) * hidden, dtype=weights["W_hh"].dtype),
        }
    )
    return layer

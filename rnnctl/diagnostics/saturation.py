"""How close hidden units are to the limits of their activation.

The saturation distance is 1 - |h| for tanh and for the gated cells, whose h lies between -1 and 1 as well, and
min(h, 1 - h) for sigmoid; relu and identity have no two limits, and no figure.
"""

from __future__ import annotations

import numpy as np
import torch

from rnnctl.models.activations import Activation


def saturation(
    h_TBH: torch.Tensor, phi: Activation, threshold: float
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Scalars and traces of one run's hidden states h_1..h_T, (T, B, H).

    saturation: mean distance; saturation_p10, saturation_p90: over units, steps and sequences; saturated_units: share
    of all units at all steps nearer to a limit than `threshold`; saturated_steps: share of steps whose mean distance
    is below it. saturation_time: (T,) mean distance at each step; slope_time: (T,) mean phi'(h_t), where h_t is phi of
    something; hidden_std: over everything.
    """
    scalars, traces = {"hidden_std": float(h_TBH.std(correction=0))}, {}
    if phi.slope is not None:
        slope_T = phi.slope(h_TBH, torch.empty_like(h_TBH)).mean((1, 2))
        traces["slope_time"] = slope_T.float().cpu().numpy()
    if phi.saturation is None:
        return scalars, traces
    distance = phi.saturation(h_TBH).cpu().numpy()
    distance_T = distance.mean((1, 2))
    low, high = np.quantile(distance, [0.1, 0.9])
    scalars |= {
        "saturation": float(distance.mean()),
        "saturation_p10": float(low),
        "saturation_p90": float(high),
        "saturated_units": float((distance < threshold).mean()),
        "saturated_steps": float((distance_T < threshold).mean()),
    }
    return scalars, {**traces, "saturation_time": distance_T.astype(np.float32)}

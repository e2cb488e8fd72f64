"""How close hidden units and gates are to their limits.

The saturation distance is 1 - |h| for tanh and for the gated cells, whose h lies between -1 and 1 as well, and
min(h, 1 - h) for sigmoid; relu and identity have no two limits, and no figure. Of a gate, whose value v lies between 0
and 1, it is min(v, 1 - v): near 0 the gate is shut or open for good, at .5 it is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rnnctl.cells.base.activations import Activation

BINS = 50
GATE_LIMIT = 0.5  # the greatest distance of a gate


def saturation(
    h_TBH: torch.Tensor, phi: Activation, threshold: float
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Scalars and traces of one run's hidden states h_1..h_T, (T, B, H).

    saturation: mean distance; saturation_p10, saturation_p90: over units, steps and sequences; saturated_units: share
    of all units at all steps nearer to a limit than `threshold`; saturated_steps: share of steps whose mean distance
    is below it; hidden_std: over everything. saturation_time: (T,) mean distance at each step; saturation_hist: (BINS,)
    counts of the distance in equal bins from 0 to phi.furthest; slope_time: (T,) mean phi'(h_t), where h_t is phi of
    something.
    """
    scalars, traces = {"hidden_std": float(h_TBH.std(correction=0))}, {}
    if phi.slope is not None:
        slope_T = phi.slope(h_TBH, torch.empty_like(h_TBH)).mean((1, 2))
        traces["slope_time"] = slope_T.float().cpu().numpy()
    if phi.saturation is None:
        return scalars, traces
    mean, found, more = _distances(phi.saturation(h_TBH).cpu().numpy(), threshold, phi.furthest)
    scalars |= {"saturation": mean, **{_hidden_name(name): value for name, value in found.items()}}
    return scalars, {**traces, **{f"saturation_{name}": trace for name, trace in more.items()}}


def _hidden_name(name: str) -> str:
    return name if name.startswith("saturated") else f"saturation_{name}"


def gate_saturation(
    gates: Mapping[str, torch.Tensor], threshold: float
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Scalars and traces of one run's gates g at t = 1..T, (T, B, H) each.

    gate_g: mean value; gate_g_distance, _distance_p10, _distance_p90, _saturated_units, _saturated_steps, and the
    traces gate_g_time and gate_g_hist as of hidden units, with GATE_LIMIT the greatest distance.
    """
    scalars, traces = {}, {}
    for gate, v_TBH in gates.items():
        distance = torch.minimum(v_TBH, 1 - v_TBH).cpu().numpy()
        mean, found, more = _distances(distance, threshold, GATE_LIMIT)
        scalars |= {f"gate_{gate}": float(v_TBH.mean()), f"gate_{gate}_distance": mean}
        scalars |= {f"gate_{gate}_{_gate_name(name)}": value for name, value in found.items()}
        traces |= {f"gate_{gate}_{name}": trace for name, trace in more.items()}
    return scalars, traces


def _gate_name(name: str) -> str:
    return name if name.startswith("saturated") else f"distance_{name}"


def _distances(
    distance_TBH: np.ndarray, threshold: float, furthest: float
) -> tuple[float, dict[str, float], dict[str, np.ndarray]]:
    """Mean, other scalars and traces of distances to the limits."""
    distance_T = distance_TBH.mean((1, 2))
    low, high = np.quantile(distance_TBH, [0.1, 0.9])
    scalars = {
        "p10": float(low),
        "p90": float(high),
        "saturated_units": float((distance_TBH < threshold).mean()),
        "saturated_steps": float((distance_T < threshold).mean()),
    }
    # Not what is no number: a run that has diverged leaves such states.
    counts, _ = np.histogram(distance_TBH[np.isfinite(distance_TBH)], BINS, (0.0, furthest))
    traces = {"time": distance_T.astype(np.float32), "hist": counts.astype(np.uint32)}
    return float(distance_TBH.mean()), scalars, traces

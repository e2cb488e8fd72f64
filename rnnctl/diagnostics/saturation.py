"""The saturation distance of hidden units and gates: how close they are to their limits.

It is 1 - |h| for tanh and for the gated cells, whose h is between -1 and 1 too, and min(h, 1 - h) for sigmoid. Relu and
identity are not bounded on both sides and have no saturation distance. For a gate with value v between 0 and 1 it is
min(v, 1 - v): near 0 the gate is closed or open, at .5 it is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rnnctl.cells.base.activations import Activation, Bounds
from rnnctl.diagnostics.histogram import GATE_LIMIT

BINS = 50

Measured = tuple[dict[str, float], dict[str, np.ndarray]]  # scalars and traces, by name


def saturation(h_TBH: torch.Tensor, bounds: Bounds, threshold: float) -> Measured:
    """Return the scalars and the traces of one run's hidden states.

    h_TBH: h_1..h_T, (T, B, H). bounds: the cell's, or its activation. threshold: the distance below which a unit counts
    as saturated.

    Scalars: hidden_std, the standard deviation over all time steps, sequences and units; saturation, the mean distance;
    saturation_p10 and saturation_p90, its percentiles; saturated_units, the share of all distances below `threshold`;
    saturated_steps, the share of time steps whose mean distance is below it.
    Traces: saturation_time, the mean distance at each time step, (T,) float32; saturation_hist, counts of distances in
    equal bins from 0 to bounds.furthest, (BINS,) uint32; slope_time, the mean of phi'(h_t), (T,) float32.

    Without a saturation distance there are only hidden_std and slope_time; slope_time is missing if h_t is not a value
    of an activation phi, as in the gated cells.
    """
    scalars = {"hidden_std": float(h_TBH.std(correction=0))}
    traces: dict[str, np.ndarray] = {}
    if isinstance(bounds, Activation):
        slope_T = bounds.slope(h_TBH, torch.empty_like(h_TBH)).mean((1, 2))
        traces["slope_time"] = slope_T.float().cpu().numpy()
    if bounds.saturation is None:
        return scalars, traces
    distances = _Distances(bounds.saturation(h_TBH).cpu().numpy(), threshold, bounds.furthest)
    scalars |= distances.scalars("saturation", shares="")
    return scalars, traces | distances.traces("saturation_")


def gate_saturation(gates: Mapping[str, torch.Tensor], threshold: float) -> Measured:
    """Return the scalars and the traces of one run's gates.

    gates: name -> values at t = 1..T, (T, B, H) each. threshold: as for `saturation`.

    Scalars of a gate g: gate_g, the mean value; gate_g_distance, gate_g_distance_p10, gate_g_distance_p90,
    gate_g_saturated_units and gate_g_saturated_steps, as for hidden units.
    Traces: gate_g_time and gate_g_hist, as for hidden units, with GATE_LIMIT as the greatest distance.
    """
    scalars: dict[str, float] = {}
    traces: dict[str, np.ndarray] = {}
    for gate, v_TBH in gates.items():
        distances = _Distances(torch.minimum(v_TBH, 1 - v_TBH).cpu().numpy(), threshold, GATE_LIMIT)
        scalars[f"gate_{gate}"] = float(v_TBH.mean())
        scalars |= distances.scalars(f"gate_{gate}_distance", shares=f"gate_{gate}_")
        traces |= distances.traces(f"gate_{gate}_")
    return scalars, traces


class _Distances:
    """Saturation distances, (T, B, H), between 0 and `furthest`."""

    def __init__(self, distance_TBH: np.ndarray, threshold: float, furthest: float) -> None:
        self.distance_TBH, self.threshold, self.furthest = distance_TBH, threshold, furthest
        self.distance_T = distance_TBH.mean((1, 2))

    def scalars(self, name: str, *, shares: str) -> dict[str, float]:
        """Return the mean as `name`, its percentiles, and the saturated shares with the prefix `shares`."""
        low, high = np.quantile(self.distance_TBH, [0.1, 0.9])
        return {
            name: float(self.distance_TBH.mean()),
            f"{name}_p10": float(low),
            f"{name}_p90": float(high),
            f"{shares}saturated_units": float((self.distance_TBH < self.threshold).mean()),
            f"{shares}saturated_steps": float((self.distance_T < self.threshold).mean()),
        }

    def traces(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the mean at each time step and the histogram; non-finite states of diverged runs are not counted."""
        finite = self.distance_TBH[np.isfinite(self.distance_TBH)]
        counts, _ = np.histogram(finite, BINS, (0.0, self.furthest))
        return {
            f"{prefix}time": self.distance_T.astype(np.float32),
            f"{prefix}hist": counts.astype(np.uint32),
        }

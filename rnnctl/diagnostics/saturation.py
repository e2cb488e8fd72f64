"""The saturation distance of hidden units and gates: how close they are to their limits.

It is 1 - |h| for tanh and for the gated cells, whose h is between -1 and 1 too, and min(h, 1 - h) for sigmoid. Relu and
identity are not bounded on both sides and have no saturation distance. For a gate with value v between 0 and 1 it is
min(v, 1 - v): near 0 the gate is closed or open, at .5 it is undecided.

Figures are defined here once; statistics compute them, of one run (ONE_RUN) or of many at once on a device
(rnnctl.diagnostics.many_runs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from rnnctl.cells.base.activations import Activation, Bounds
from rnnctl.diagnostics.histogram import GATE_LIMIT

BINS = 50
PERCENTILES = (0.1, 0.9)

Scalar = TypeVar("Scalar")
Trace = TypeVar("Trace")


@dataclass(frozen=True)
class Distances(Generic[Scalar, Trace]):
    """Figures of saturation distances.

    mean, p10, p90: the mean and percentiles. saturated_units, saturated_steps: shares of distances, and of time steps'
    mean distances, below a threshold. time: the mean distance at each time step, float32. counts: of finite distances
    in BINS equal bins.
    """

    mean: Scalar
    p10: Scalar
    p90: Scalar
    saturated_units: Scalar
    saturated_steps: Scalar
    time: Trace
    counts: Trace

    def scalars(self, name: str, *, shares: str) -> dict[str, Scalar]:
        """Return the mean as `name`, its percentiles, and the saturated shares with the prefix `shares`."""
        return {
            name: self.mean,
            f"{name}_p10": self.p10,
            f"{name}_p90": self.p90,
            f"{shares}saturated_units": self.saturated_units,
            f"{shares}saturated_steps": self.saturated_steps,
        }

    def traces(self, prefix: str) -> dict[str, Trace]:
        """Return the mean at each time step and the histogram."""
        return {f"{prefix}time": self.time, f"{prefix}hist": self.counts}


class Statistics(Protocol[Scalar, Trace]):
    """Statistics of values at time steps, sequences and units: of one run, (T, B, H), or of each of many."""

    def mean(self, values: torch.Tensor) -> Scalar:
        """Return the mean over all values of a run."""
        ...

    def std(self, values: torch.Tensor) -> Scalar:
        """Return the standard deviation (divided by the number of values) over all values of a run."""
        ...

    def mean_in_time(self, values: torch.Tensor) -> Trace:
        """Return the mean at each time step, (T,) float32."""
        ...

    def distances(self, values: torch.Tensor, threshold: float, furthest: float) -> Distances[Scalar, Trace]:
        """Return the figures of saturation distances between 0 and `furthest`."""
        ...


def saturation(
    h: torch.Tensor, bounds: Bounds, threshold: float, statistics: Statistics[Scalar, Trace]
) -> tuple[dict[str, Scalar], dict[str, Trace]]:
    """Return the scalars and the traces of hidden states.

    h: h_1..h_T, (T, B, H) of one run, or whatever the statistics take. bounds: the cell's, or its activation.
    threshold: the distance below which a unit counts as saturated.

    Scalars: hidden_std, the standard deviation over all time steps, sequences and units; saturation, the mean distance;
    saturation_p10 and saturation_p90, its percentiles; saturated_units, the share of all distances below `threshold`;
    saturated_steps, the share of time steps whose mean distance is below it.
    Traces: saturation_time, the mean distance at each time step, (T,) float32; saturation_hist, counts of distances in
    equal bins from 0 to bounds.furthest, (BINS,) uint32; slope_time, the mean of phi'(h_t), (T,) float32.

    Without a saturation distance there are only hidden_std and slope_time; slope_time is missing if h_t is not a value
    of an activation phi, as in the gated cells.
    """
    scalars = {"hidden_std": statistics.std(h)}
    traces: dict[str, Trace] = {}
    if isinstance(bounds, Activation):
        traces["slope_time"] = statistics.mean_in_time(bounds.slope(h, torch.empty_like(h)))
    if bounds.saturation is None:
        return scalars, traces
    distances = statistics.distances(bounds.saturation(h), threshold, bounds.furthest)
    scalars |= distances.scalars("saturation", shares="")
    return scalars, traces | distances.traces("saturation_")


def gate_saturation(
    gates: Mapping[str, torch.Tensor], threshold: float, statistics: Statistics[Scalar, Trace]
) -> tuple[dict[str, Scalar], dict[str, Trace]]:
    """Return the scalars and the traces of gates.

    gates: name -> values at t = 1..T, (T, B, H) each, or whatever the statistics take. threshold: as for `saturation`.

    Scalars of a gate g: gate_g, the mean value; gate_g_distance, gate_g_distance_p10, gate_g_distance_p90,
    gate_g_saturated_units and gate_g_saturated_steps, as for hidden units.
    Traces: gate_g_time and gate_g_hist, as for hidden units, with GATE_LIMIT as the greatest distance.
    """
    scalars: dict[str, Scalar] = {}
    traces: dict[str, Trace] = {}
    for gate, values in gates.items():
        distances = statistics.distances(torch.minimum(values, 1 - values), threshold, GATE_LIMIT)
        scalars[f"gate_{gate}"] = statistics.mean(values)
        scalars |= distances.scalars(f"gate_{gate}_distance", shares=f"gate_{gate}_")
        traces |= distances.traces(f"gate_{gate}_")
    return scalars, traces


class OneRun:
    """Statistics of one run: values are (T, B, H). Percentiles and histograms are NumPy's."""

    def mean(self, values: torch.Tensor) -> float:
        return float(values.mean())

    def std(self, values: torch.Tensor) -> float:
        return float(values.std(correction=0))

    def mean_in_time(self, values: torch.Tensor) -> np.ndarray:
        array: np.ndarray = values.mean((1, 2)).float().cpu().numpy()
        return array

    def distances(self, values: torch.Tensor, threshold: float, furthest: float) -> Distances[float, np.ndarray]:
        distance_TBH = values.cpu().numpy()
        distance_T = distance_TBH.mean((1, 2))
        low, high = np.quantile(distance_TBH, PERCENTILES)
        # Non-finite states of diverged runs are not counted.
        counts, _ = np.histogram(distance_TBH[np.isfinite(distance_TBH)], BINS, (0.0, furthest))
        return Distances(
            mean=float(distance_TBH.mean()),
            p10=float(low),
            p90=float(high),
            saturated_units=float((distance_TBH < threshold).mean()),
            saturated_steps=float((distance_T < threshold).mean()),
            time=distance_T.astype(np.float32),
            counts=counts.astype(np.uint32),
        )


ONE_RUN = OneRun()

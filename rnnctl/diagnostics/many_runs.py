"""The figures of many runs at once, on a device: those of rnnctl.diagnostics.gradients and .saturation, where they are
defined, with runs as the first axis.

Bits: a run's figures depend on its own numbers alone, and not on which other runs are measured with it. Operations are
elementwise, sorting and counting are exact, and sums are `tree_sum`, whose order follows from the shape of one run.

Given the same norms and distances, shares, histograms and percentiles are exactly NumPy's. Means and standard
deviations, which are added in float64 here, equal those of one run on the CPU to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from rnnctl.diagnostics.gradients import decay
from rnnctl.diagnostics.histogram import log10_cuts
from rnnctl.diagnostics.saturation import BINS, PERCENTILES, Distances

# Scalars are (R,), traces (R, X) of the type that they are stored in; counts are int64.
Figures = dict[str, torch.Tensor]
STORED = {torch.float32: np.float32, torch.float64: np.float64, torch.int64: np.uint32}


def tree_sum(values: torch.Tensor) -> torch.Tensor:
    """Return the sum over the last axis, added by halves: elements i and n / 2 + i, until one is left."""
    while (size := values.shape[-1]) > 1:
        if size % 2:
            values = torch.nn.functional.pad(values, (0, 1))
        half = values.shape[-1] // 2
        values = values[..., :half] + values[..., half:]
    return values[..., 0]


def through_time(d_RTBH: torch.Tensor, bounds_R: torch.Tensor) -> Figures:
    """Return the figures of the gradient through time but for its decay, and reach.

    d_RTBH: dL/dh_t for t = 1..T. bounds_R: the squared norm from which on a step counts as reached, in the dtype of d.
    """
    squares_RTB = tree_sum(d_RTBH.double().square())
    norms_RTB = squares_RTB.sqrt()
    norms_RN = norms_RTB.flatten(1)
    below_RX = _counts_below(_without_nan(norms_RN.sort().values), log10_cuts())
    # In the dtype of the run: what underflows there reaches nothing.
    reached_RN = squares_RTB.to(d_RTBH.dtype).flatten(1) >= bounds_R.unsqueeze(1)
    places = norms_RN.shape[1]
    return {
        "grad_zero_share": below_RX[:, 0].double() / places,
        "reach": reached_RN.sum(1).double() / places,
        "grad_time": tree_sum(norms_RTB) / norms_RTB.shape[2],
        "grad_hist": below_RX.diff(),
    }


class ManyRuns:
    """Statistics (see rnnctl.diagnostics.saturation) of many runs: values are (R, T, B, H)."""

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        return tree_sum(_in_time(values)) / values[0].numel()

    def std(self, values: torch.Tensor) -> torch.Tensor:
        off = values.double() - self.mean(values)[:, None, None, None]
        return self.mean(off.square()).sqrt()

    def mean_in_time(self, values: torch.Tensor) -> torch.Tensor:
        return (_in_time(values) / values[0, 0].numel()).float()

    def distances(
        self, values: torch.Tensor, threshold: float, furthest: float
    ) -> Distances[torch.Tensor, torch.Tensor]:
        kind = np.empty(0, np.float32 if values.dtype == torch.float32 else np.float64).dtype
        edges = np.histogram_bin_edges(np.empty(0, kind), BINS, (0.0, furthest))
        edges[-1] = np.nextafter(edges[-1], kind.type(np.inf))  # the last bin contains its upper edge
        sorted_RN = values.flatten(1).sort().values
        quantiles_R2 = _quantiles(sorted_RN)
        below_RX = _counts_below(_without_nan(sorted_RN), np.append(edges, kind.type(threshold)))
        sums_RT = _in_time(values)
        distance_RT = (sums_RT / values[0, 0].numel()).to(values.dtype)
        return Distances(
            mean=tree_sum(sums_RT) / values[0].numel(),
            p10=quantiles_R2[:, 0],
            p90=quantiles_R2[:, 1],
            saturated_units=below_RX[:, -1].double() / values[0].numel(),
            saturated_steps=(distance_RT < threshold).sum(1).double() / values.shape[1],
            time=distance_RT.float(),
            counts=below_RX[:, :-1].diff(),
        )


MANY_RUNS = ManyRuns()


def _in_time(values_RTBH: torch.Tensor) -> torch.Tensor:
    """Return the sums at each time step, (R, T) float64."""
    return tree_sum(values_RTBH.flatten(2).double())


def _without_nan(sorted_RN: torch.Tensor) -> torch.Tensor:
    """Return sorted numbers with infinity in place of NaN, which is sorted last and counted nowhere."""
    return sorted_RN.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)


def _counts_below(sorted_RN: torch.Tensor, cuts_X: np.ndarray) -> torch.Tensor:
    """Return how many numbers of each run are below each cut, (R, X) int64."""
    cuts = torch.from_numpy(cuts_X).to(sorted_RN)
    return torch.searchsorted(sorted_RN, cuts.expand(len(sorted_RN), -1).contiguous())


def _quantiles(sorted_RN: torch.Tensor) -> torch.Tensor:
    """Return PERCENTILES of each run, (R, 2) float64, interpolated as NumPy does; NaN for a run that has a NaN."""
    last, columns = sorted_RN.shape[1] - 1, []
    for share in PERCENTILES:
        place = last * share
        before = int(place)
        low, high = sorted_RN[:, before], sorted_RN[:, min(before + 1, last)]
        # NumPy takes the difference in the dtype of the numbers, and starts from the nearer one.
        apart, way = (high - low).double(), place - before
        columns.append(high.double() - apart * (1 - way) if way >= 0.5 else low.double() + apart * way)
    return torch.where(sorted_RN[:, -1:].isnan(), torch.nan, torch.stack(columns, 1))


def on_host(groups: Sequence[Mapping[str, torch.Tensor]]) -> list[tuple[dict[str, float], dict[str, np.ndarray]]]:
    """Return the scalars and traces of each run of each group, grad_decay included. All are copied in one transfer.

    Groups may have different figures.
    """
    rows = [torch.cat([values.reshape(len(values), -1).double() for values in group.values()], 1) for group in groups]
    numbers = torch.cat([row.flatten() for row in rows]).cpu().numpy()
    parts = np.split(numbers, np.cumsum([row.numel() for row in rows])[:-1])
    return [
        _unpacked(own, group)
        for group, row, part in zip(groups, rows, parts, strict=True)
        for own in part.reshape(row.shape)
    ]


def _unpacked(row: np.ndarray, figures: Mapping[str, torch.Tensor]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    scalars: dict[str, float] = {}
    traces: dict[str, np.ndarray] = {}
    start = 0
    for name, values in figures.items():
        if values.dim() == 1:
            scalars[name] = float(row[start])
            start += 1
        else:
            end = start + values.shape[1]
            traces[name] = row[start:end].astype(STORED[values.dtype])
            start = end
    return {**scalars, "grad_decay": decay(traces["grad_time"])}, traces

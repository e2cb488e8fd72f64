"""Figures of many runs at once against those of each run by NumPy."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnnctl.cells.base.activations import ACTIVATIONS
from rnnctl.diagnostics.gradients import gradient_norms, reach
from rnnctl.diagnostics.gradients import through_time as through_time_of_one
from rnnctl.diagnostics.histogram import LOG10_EDGES, log10_cuts, log10_histogram
from rnnctl.diagnostics.many_runs import MANY_RUNS, on_host, through_time, tree_sum
from rnnctl.diagnostics.saturation import BINS, ONE_RUN, gate_saturation, saturation

STEPS, BATCH, HIDDEN = 11, 5, 7
THRESHOLD, BOUND = 0.05, 1e-20
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
# Counted or picked, and not added up.
EXACT = ("zero_share", "reach", "hist", "p10", "p90", "units", "steps")


class Measured(NamedTuple):
    """Numbers of several runs, (R, T, B, H) each."""

    d: torch.Tensor
    h: torch.Tensor
    gate: torch.Tensor


def drawn(dtype: torch.dtype, seed: int = 0) -> Measured:
    """Draw ordinary runs, and some of each kind that is not: diverged, zero, constant, on edges."""
    rng = np.random.default_rng(seed)
    shape = (9, STEPS, BATCH, HIDDEN)
    d = rng.standard_normal(shape) * 10.0 ** rng.uniform(-25, 6, (*shape[:3], 1))
    h, gate = np.tanh(rng.normal(0, 2, shape)), rng.uniform(0, 1, shape)
    d[1], h[1], gate[1] = 0, 0, 0.5
    d[2], h[2], gate[2] = 1e-30, 1, 1
    d[3, 4:], h[3, 4:], gate[3, 4:] = np.nan, np.nan, np.nan
    d[4, :2, 3], h[4, 2, :3], h[4, 3, 1], gate[4, 1] = np.inf, np.inf, -np.inf, np.inf
    h[5], gate[5] = (rng.integers(0, BINS + 1, shape[1:]) / steps for steps in (BINS, 2 * BINS))
    d[5] = 0
    d[5, ..., 0] = 10.0 ** rng.choice(LOG10_EDGES[20:-20:2], shape[1:3])
    d[6, rng.uniform(size=shape[1:3]) < 0.5] = 0
    h[7], gate[7] = h[7] > 0, gate[7] > 0.5
    h[8, ...] = np.float32(1 - THRESHOLD)
    return Measured(*(torch.from_numpy(x).to(dtype) for x in (d, h, gate)))


def together(numbers: Measured, activation: str):
    parts = [
        saturation(numbers.h, ACTIVATIONS[activation], THRESHOLD, MANY_RUNS),
        gate_saturation({"z": numbers.gate}, THRESHOLD, MANY_RUNS),
    ]
    figures = through_time(numbers.d, torch.full((len(numbers.d),), BOUND, dtype=numbers.d.dtype))
    for scalars, traces in parts:
        figures |= scalars | traces
    return on_host([figures])


def alone(numbers: Measured, r: int, activation: str):
    d_TBH = torch.cat((torch.zeros_like(numbers.d[r, :1]), numbers.d[r]))
    parts = [
        through_time_of_one(gradient_norms(d_TBH)),
        ({"reach": float(reach(d_TBH, BOUND))}, {}),
        saturation(numbers.h[r], ACTIVATIONS[activation], THRESHOLD, ONE_RUN),
        gate_saturation({"z": numbers.gate[r]}, THRESHOLD, ONE_RUN),
    ]
    return tuple({name: x for part in parts for name, x in part[i].items()} for i in range(2))


def assert_close(actual: Mapping[str, object], expected: Mapping[str, object], tolerance: float) -> None:
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert np.asarray(actual[name]).dtype == np.asarray(value).dtype, name
        if name.endswith(EXACT):
            np.testing.assert_array_equal(actual[name], value, err_msg=name)
        else:
            np.testing.assert_allclose(actual[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_figures_are_those_of_each_run_by_numpy(dtype, activation):
    numbers = drawn(dtype)
    for r, (scalars, traces) in enumerate(together(numbers, activation)):
        expected_scalars, expected_traces = alone(numbers, r, activation)
        assert_close(scalars, expected_scalars, TOLERANCES[dtype])
        assert_close(traces, expected_traces, TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_run_has_the_same_bits_in_any_company(dtype):
    numbers = drawn(dtype)
    expected = together(numbers, "tanh")
    for rows in ([4], [8, 0], [3, 2, 1, 6, 5, 7]):
        actual = together(Measured(*(x[rows] for x in numbers)), "tanh")
        for r, (scalars, traces) in zip(rows, actual, strict=True):
            np.testing.assert_equal((scalars, traces), expected[r])


def test_runs_of_several_groups_come_in_their_order():
    groups = [{"a": torch.tensor(values), "grad_time": torch.ones(len(values), 3)} for values in ([1.0, 2.0], [3.0])]
    assert [scalars["a"] for scalars, _ in on_host(groups)] == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_a_tree_sum_is_the_sum(size):
    values = torch.randint(-1000, 1000, (4, 3, size)).double()
    assert torch.equal(tree_sum(values), values.sum(2))


def test_cuts_are_where_numpys_logarithms_reach_an_edge():
    cuts = log10_cuts()
    near = np.concatenate([cuts[:-1], np.nextafter(cuts[:-1], 0), np.nextafter(cuts[:-1], np.inf), [1e-300, 1e300]])
    for value in near:
        expected = log10_histogram(np.array([value]))
        np.testing.assert_array_equal(np.diff((value < cuts).astype(int)), expected, err_msg=repr(value))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11, 101])
def test_percentiles_are_numpys(size):
    values = torch.from_numpy(np.random.default_rng(size).uniform(0, 1, (6, size)).astype(np.float32))
    distances = MANY_RUNS.distances(values[:, :, None, None], THRESHOLD, 1.0)
    expected = np.quantile(values.numpy(), [0.1, 0.9], axis=1)
    np.testing.assert_array_equal(torch.stack((distances.p10, distances.p90)), expected)

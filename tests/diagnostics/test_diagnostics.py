"""Diagnostics against plain numpy and against cases with known results."""

import numpy as np
import pytest
import torch

from rnnctl.cells.base.activations import ACTIVATIONS
from rnnctl.diagnostics.gradients import gradient_norms, through_time
from rnnctl.diagnostics.histogram import LOG10_EDGES, log10_histogram
from rnnctl.diagnostics.saturation import ONE_RUN, saturation
from rnnctl.diagnostics.spectrum import spectrum


def test_gradient_trace_is_the_batch_mean_of_norms_from_step_one():
    d = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 4, 3)))
    scalars, traces = through_time(gradient_norms(d))
    expected = np.linalg.norm(d.numpy(), axis=2).mean(1)[1:]
    np.testing.assert_allclose(traces["grad_time"], expected, rtol=1e-6)
    assert scalars["grad_decay"] == pytest.approx(np.log10(expected[0] / expected[-1]) / 4)
    assert traces["grad_hist"].sum() == 20


def test_exact_zeros_are_counted_separately_and_in_no_bin():
    d = torch.full((5, 2, 3), 1e-60, dtype=torch.float64)
    d[2, 0] = 0
    scalars, traces = through_time(gradient_norms(d))
    assert scalars["grad_zero_share"] == pytest.approx(1 / 8)
    assert traces["grad_hist"].sum() == 7
    assert traces["grad_hist"][0] == 7  # below the first edge: in the first bin, and not zero


def test_histogram_puts_a_value_into_the_bin_of_its_logarithm():
    for exponent in (-19.9, -12.3, -0.2, 3.8):
        counts = log10_histogram(np.array([10.0**exponent]))
        (bin_,) = np.flatnonzero(counts)
        assert LOG10_EDGES[bin_] <= exponent < LOG10_EDGES[bin_ + 1]
    assert log10_histogram(np.array([0.0, np.nan, np.inf])).sum() == 0


def test_gradients_in_float32_are_small_without_being_zero():
    """Squares of 1e-20 underflow in float32; the norm must not."""
    scalars, _ = through_time(gradient_norms(torch.full((3, 1, 2), 1e-25)))
    assert scalars["grad_zero_share"] == 0


def test_a_stored_trace_neither_underflows_nor_overflows():
    for size in (1e-60, 2e39):
        _, traces = through_time(torch.full((3, 1), size, dtype=torch.float64))
        assert traces["grad_time"].tolist() == [size] * 3


@pytest.mark.parametrize(
    ("name", "distance"), [("tanh", lambda h: 1 - np.abs(h)), ("sigmoid", lambda h: np.minimum(h, 1 - h))]
)
def test_saturation_distance_follows_its_definition(name, distance):
    rng = np.random.default_rng(1)
    h = rng.uniform(0.0, 1.0, (5, 3, 4))
    scalars, traces = saturation(torch.from_numpy(h), ACTIVATIONS[name], 0.2, ONE_RUN)
    expected = distance(h)
    assert scalars["saturation"] == pytest.approx(expected.mean())
    assert scalars["saturated_units"] == pytest.approx((expected < 0.2).mean())
    assert scalars["saturated_steps"] == pytest.approx((expected.mean((1, 2)) < 0.2).mean())
    np.testing.assert_allclose(traces["saturation_time"], expected.mean((1, 2)), rtol=1e-6)


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_unbounded_activations_have_no_saturation(name):
    scalars, traces = saturation(torch.rand(4, 2, 3), ACTIVATIONS[name], 0.05, ONE_RUN)
    assert "saturation" not in scalars
    assert "saturation_time" not in traces


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "identity"])
def test_slopes_equal_autograd(name):
    a = torch.linspace(-3, 3, 51, dtype=torch.float64).requires_grad_()
    plain = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda x: x * 1}[name]
    h = plain(a)
    h.sum().backward()
    phi = ACTIVATIONS[name]
    torch.testing.assert_close(phi.phi_(a.detach().clone()), h.detach(), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(phi.slope(h.detach(), torch.empty_like(h.detach())), a.grad, rtol=1e-12, atol=1e-14)


def test_spectrum_of_known_matrices():
    rotation = np.array([[0.0, -2.0], [2.0, 0.0]])
    assert spectrum(rotation) == pytest.approx({"rho": 2.0, "sigma_max": 2.0})
    shear = np.array([[0.0, 3.0], [0.0, 0.0]])
    assert spectrum(shear) == pytest.approx({"rho": 0.0, "sigma_max": 3.0})
    assert np.isnan(spectrum(np.array([[np.nan]]))["rho"])

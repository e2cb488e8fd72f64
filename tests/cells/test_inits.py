"""Initial weights against their definitions."""

import numpy as np
import pytest

from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, XavierInit, spectral_radius
from rnnctl.cells.rnn.section import BasicTanhInit, SigmoidInit, SmartTanhInit

SHAPES = {"W_uh": (6, 100), "W_hh": (100, 100), "W_hy": (100, 4)}


def draw(spec, seed=0, shapes=SHAPES):
    return spec.draw(np.random.default_rng(seed), list(shapes.items()), ["W_hh"])


@pytest.mark.parametrize(
    ("spec", "std"), [(SigmoidInit(), 0.01), (BasicTanhInit(), 0.1), (BasicTanhInit(std=0.3), 0.3)]
)
def test_gaussian_inits_have_their_standard_deviation_everywhere(spec, std):
    for matrix in draw(spec).values():
        error = std * 5 / np.sqrt(2 * matrix.size)
        assert matrix.std() == pytest.approx(std, abs=error)
        assert abs(matrix.mean()) < 5 * std / np.sqrt(matrix.size)


@pytest.mark.parametrize(("connections", "count"), [(15, 15), (1, 1), (0.3, 30), (1.0, 100), (0.001, 1)])
def test_smart_tanh_keeps_its_count_of_entries_in_every_row(connections, count):
    w = draw(SmartTanhInit(connections=connections))["W_hh"]
    assert ((w != 0).sum(1) == count).all()
    assert spectral_radius(w) == pytest.approx(0.95, rel=1e-9)


@pytest.mark.parametrize(
    ("share", "hidden", "count"),
    [(0.29, 100, 29), (0.57, 100, 57), (0.3, 25, 8), (0.1, 25, 2), (0.33, 5, 2), (0.01, 50, 1), (1e-300, 50, 1)],
)
def test_a_share_of_connections_is_rounded_from_the_exact_product_half_to_even(share, hidden, count):
    assert SmartTanhInit(connections=share).count(hidden) == count


def test_smart_tanh_scatters_its_entries_over_all_columns():
    """Rows have exactly 15 entries, columns only on average: which end is fixed is the program's choice, not the
    paper's.
    """
    counts = np.sum([(draw(SmartTanhInit(), seed)["W_hh"] != 0).sum(0) for seed in range(40)], axis=0)
    assert counts.sum() == 40 * 1500
    assert counts.std() < 3 * np.sqrt(40 * 15)
    assert (draw(SmartTanhInit())["W_hh"] != 0).sum(0).std() > 1


def test_smart_tanh_has_the_singular_values_that_were_computed_for_it():
    """sigma_max near 1.85 at H = 50, so gradients need not vanish although rho is .95."""
    shapes = {**SHAPES, "W_hh": (50, 50)}
    largest = [np.linalg.norm(draw(SmartTanhInit(), seed, shapes)["W_hh"], 2) for seed in range(10)]
    assert np.mean(largest) == pytest.approx(1.85, abs=0.1)


@pytest.mark.parametrize(("hidden", "rho"), [(50, 0.74), (100, 1.05), (200, 1.46)])
def test_basic_tanh_has_the_spectral_radius_that_was_computed_for_it(hidden, rho):
    shapes = {**SHAPES, "W_hh": (hidden, hidden)}
    radii = [spectral_radius(draw(BasicTanhInit(), seed, shapes)["W_hh"]) for seed in range(10)]
    assert np.mean(radii) == pytest.approx(rho, rel=0.05)


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal_recurrence_keeps_norms(gain):
    w = draw(OrthogonalInit(gain=gain))["W_hh"]
    np.testing.assert_allclose(w @ w.T, gain**2 * np.eye(100), atol=1e-12)


def test_orthogonal_draw_has_no_preferred_sign():
    traces = [np.trace(draw(OrthogonalInit(), seed)["W_hh"]) for seed in range(60)]
    assert abs(np.mean(traces)) < 5 / np.sqrt(60)  # the trace of a uniform draw has mean 0 and variance 1


def test_xavier_is_uniform_within_its_bound():
    for matrix in draw(XavierInit()).values():
        bound = np.sqrt(6 / sum(matrix.shape))
        assert np.abs(matrix).max() <= bound
        assert matrix.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


def test_xavier_normal_has_the_deviation_of_its_formula():
    for matrix in draw(XavierInit(distribution="normal", gain=2.0)).values():
        assert matrix.std() == pytest.approx(2 * np.sqrt(2 / sum(matrix.shape)), rel=0.1)
        bound = 2 * np.sqrt(6 / sum(matrix.shape))
        assert (np.abs(matrix) > bound).mean() == pytest.approx(0.0833, abs=0.03)  # 2 (1 - Phi(sqrt 3)): no uniform


def test_both_xaviers_of_64_units_begin_with_a_spectral_radius_above_1():
    """And random matrices of standard deviation 0.1 with one below 1."""
    shapes = {"W_hh": (64, 64)}
    for distribution in ("uniform", "normal"):
        radii = [
            spectral_radius(draw(XavierInit(distribution=distribution), seed, shapes)["W_hh"]) for seed in range(200)
        ]
        assert np.mean(radii) == pytest.approx(1.055, abs=0.01)  # its standard error is 0.0035
        assert np.std(radii) == pytest.approx(0.05, abs=0.01)
    radii = [spectral_radius(draw(RandomInit(), seed, shapes)["W_hh"]) for seed in range(200)]
    assert np.mean(radii) == pytest.approx(0.845, abs=0.01)
    assert np.std(radii) == pytest.approx(0.04, abs=0.01)


def test_random_has_its_deviation_in_all_matrices():
    for matrix in draw(RandomInit(std=0.2)).values():
        assert matrix.std() == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("radius", [0.5, 1.5])
def test_random_is_rescaled_to_its_spectral_radius(radius):
    as_drawn, rescaled = (draw(RandomInit(spectral_radius=rho)) for rho in (None, radius))
    assert spectral_radius(rescaled.pop("W_hh")) == pytest.approx(radius)
    as_drawn.pop("W_hh")
    assert {name: w.tobytes() for name, w in rescaled.items()} == {name: w.tobytes() for name, w in as_drawn.items()}


def test_random_rescales_every_recurrent_matrix_of_a_gated_cell():
    init = RandomInit(spectral_radius=0.9)
    shapes = [("W_uz", (6, 30)), ("W_hz", (30, 30)), ("W_hh", (30, 30))]
    weights = init.draw(np.random.default_rng(1), shapes, ["W_hz", "W_hh"])
    assert [spectral_radius(weights[name]) for name in ("W_hz", "W_hh")] == pytest.approx([0.9, 0.9])

"""What happens in a network while it reads: what is drawn is what was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plots.internals import Reading, reading

RNG = np.random.default_rng(1)
H, NETWORK = RNG.normal(size=(4, 3)), RNG.dirichlet(np.ones(5), size=4)
EIGENVALUES = np.array([1 + 0.5j, 1 - 0.5j, -0.2])
ALONE = Reading("abca", "abcde", H, NETWORK, np.array([0.1, 0.0, 3.0]), EIGENVALUES)
BOTH = Reading("abca", "abcde", H, NETWORK, np.array([0.1, 0.2, 3.0]), EIGENVALUES, NETWORK[::-1], EIGENVALUES / 2)


def image(axes):
    (drawn,) = axes.images
    return np.asarray(drawn.get_array())


def test_states_probabilities_gradient_and_eigenvalues_have_a_panel_each(read):
    figure = read(reading(BOTH, title="t"))
    states, network, grammar, gradient, eigenvalues, product = figure.panels
    np.testing.assert_array_equal(image(states), H[:, np.argsort(H.mean(0))].T)
    np.testing.assert_array_equal(image(network), NETWORK.T)
    np.testing.assert_array_equal(image(grammar), NETWORK[::-1].T)
    assert [tick.get_text() for tick in network.get_xticklabels()] == list("abca")
    assert [tick.get_text() for tick in network.get_yticklabels()] == list("abcde")
    np.testing.assert_array_equal(figure.points("next", 1), [(0, 1), (1, 2), (2, 0)])
    np.testing.assert_array_equal(figure.points("gradient", 3), [(1, 0.1), (2, 0.2), (3, 3.0)])
    assert gradient.get_yscale() == "log"
    np.testing.assert_array_equal(
        figure.points("eigenvalues", 4), np.column_stack([EIGENVALUES.real, EIGENVALUES.imag])
    )
    roots = np.sqrt(np.abs(EIGENVALUES) / 2)  # two Jacobians lead from h_1 to h_3
    np.testing.assert_allclose(figure.points("per step", 5), np.column_stack([[1, 2, 3], roots]))
    assert eigenvalues.get_title(loc="left") != product.get_title(loc="left")


def test_the_product_of_many_jacobians_is_drawn_as_a_factor_per_step(read):
    """The moduli lie between 1e-22 and 1e-3; the least one is rounding, and left out."""
    text = "the man sees the glass and the cat"
    network = np.tile(NETWORK[:1], (len(text), 1))
    product = np.array([1e-3j, -1e-4, 1e-8, 1e-22])
    shown = Reading(text, "abcde", np.tile(H[:1], (len(text), 1)), network, np.ones(len(text) - 1), EIGENVALUES)
    panel = read(reading(replace(shown, product=product)))
    expected = [10 ** (-power / 32) for power in (3, 4, 8)]
    np.testing.assert_allclose(panel.points("per step", 4)[:, 1], [*expected, np.nan])
    assert "$T$ = 32" in panel.panels[4].get_ylabel()
    assert panel.panels[4].get_xlim() == (0, 5)


def test_without_a_grammar_and_a_product_there_are_no_panels_of_them(read):
    figure = read(reading(ALONE))
    assert len(figure.panels) == 4
    np.testing.assert_array_equal(figure.points("gradient", 2)[:, 1], [0.1, np.nan, 3.0])


def test_symbols_that_are_never_likely_are_left_out(read):
    network = np.array([[0.5, 0.5, 0.001]])
    figure = read(reading(Reading("a", "abc", H[:1], network, np.array([]), EIGENVALUES)))
    assert [tick.get_text() for tick in figure.panels[1].get_yticklabels()] == ["a", "b"]

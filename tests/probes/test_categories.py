"""Categories of words: a structure that was planted is recovered, and labels without one are named as often as chance
says.
"""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics import silhouette_score

from rnnctl.grammars.lexicons import GRAMMARS
from rnnctl.probes.categories import held_out_accuracy, separation, silhouette, spelled

SIZES = {"NOUN_A": 6, "NOUN_B": 5, "VERB_A": 6, "VERB_B": 4}
LABELS = [name for name, size in SIZES.items() for _ in range(size)]
WORDS = [f"{'xyzw'[i % 4]}{chr(97 + i)}" for i in range(len(LABELS))]


def planted(distance, seed=1, hidden=12):
    """States around a centre for each category, (W, H); distance: of centres, in deviations within a category."""
    rng = np.random.default_rng(seed)
    centres = distance * rng.standard_normal((len(SIZES), hidden))
    return centres[[list(SIZES).index(label) for label in LABELS]] + rng.standard_normal((len(LABELS), hidden))


def test_a_planted_structure_is_recovered():
    numbers = separation(planted(8.0), WORDS, LABELS).numbers
    assert numbers["silhouette"] > 0.7
    assert numbers["accuracy"] == numbers["accuracy_nouns"] == numbers["accuracy_verbs"] == 1
    assert numbers["chance"] == 6 / 21
    assert (numbers["chance_nouns"], numbers["chance_verbs"]) == (6 / 11, 6 / 10)


def test_labels_without_a_structure_are_named_by_chance():
    """Of 15 shuffles: the mean share has a standard error of about .025."""
    rng = np.random.default_rng(1)
    states = planted(8.0)
    labels = [rng.permutation(LABELS) for _ in range(15)]
    accuracies = [held_out_accuracy(states, shuffled) for shuffled in labels]
    assert 0.1 < np.mean(accuracies) < 6 / 21 + 0.05
    assert np.mean([silhouette(states, shuffled) for shuffled in labels]) < 0


@pytest.mark.parametrize("seed", range(5))
def test_the_silhouette_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    states, labels = rng.standard_normal((15, 4)), rng.integers(0, 4, 15)
    labels[labels == 3] = np.arange((labels == 3).sum()) + 3  # categories of a single word
    assert silhouette(states, labels.astype(str)) == pytest.approx(silhouette_score(states, labels), abs=1e-12)


def test_states_that_are_all_the_same_have_no_silhouette():
    assert silhouette(np.ones((6, 3)), np.array(list("aabbcc"))) == 0


def test_a_held_out_word_is_not_known():
    """Words with states of their own, and nothing in common, are named no better than by chance."""
    labels = np.array(["a"] * 8 + ["b"] * 8)
    assert held_out_accuracy(np.eye(16), labels) <= 0.5


def test_spelling_is_known_where_it_tells_categories_apart():
    """Verbs end in s, and of the nouns `glass` alone does."""
    lab = GRAMMARS["lab"]
    words = [word for word in lab.words if lab.category_of(word)]
    labels = np.array([lab.category_of(word)[:4] for word in words])
    assert held_out_accuracy(spelled(words), labels) >= 0.9
    codes = spelled(["ab", "cab", "b"])
    assert codes.shape == (3, 9)
    assert codes.sum(1).tolist() == [2, 3, 1]
    np.testing.assert_array_equal(codes[0, :6], codes[1, :6])


def test_the_projection_keeps_distances_in_a_plane_and_merges_are_average_linkage():
    rng = np.random.default_rng(2)
    plane = rng.standard_normal((21, 2)) @ rng.standard_normal((2, 12)) + 3.0
    result = separation(plane, WORDS, LABELS)
    np.testing.assert_allclose(pdist(result.projection), pdist(plane), rtol=1e-9)
    assert result.explained == pytest.approx(1)
    again = separation(plane, WORDS, LABELS).projection
    np.testing.assert_array_equal(result.projection, again)
    full = np.column_stack([result.merges, linkage(plane, "average")[:, 3]])
    np.testing.assert_allclose(cophenet(full), cophenet(linkage(plane, "average")))


def test_too_few_categories_of_a_kind_are_not_scored():
    numbers = separation(planted(8.0)[:12], WORDS[:12], LABELS[:12]).numbers
    assert numbers["accuracy_verbs"] is numbers["silhouette_verbs"] is numbers["chance_verbs"] is None
    assert numbers["accuracy_nouns"] == 1

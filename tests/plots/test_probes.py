"""Figures of probes of texts: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.text import Text

from plots.exposure import SplitCurves, binned, exposure_figure
from plots.novel_word import WordPanel, novel_word_figure
from plots.scores import Score, score_figure
from plots.words import WordMap, leaf_order, word_maps

MERGES = np.array([[0, 2, 1.0], [1, 3, 2.0], [4, 5, 3.0]])  # words 0 and 2, words 1 and 3, then both


def word_map(**changed):
    plane = np.array([[0.0, 0], [4, 4], [1, 0], [4, 5]])
    return WordMap(**{
        "label": "a", "words": list("wxyz"), "categories": ["N", "V", "N", "V"], "projection": plane, "merges": MERGES,
        "explained": 0.5, **changed,
    })  # fmt: skip


def test_each_run_is_a_point_in_the_row_of_its_configuration_with_a_bar_at_their_mean(read):
    shares, losses = Score("real", [[0.2, 0.4], [0.5, np.nan]], is_share=True), Score("nats", [[1, 2], [3, 5]])
    figure = read(score_figure([("a", "a"), ("b", "b")], [shares, losses], title="t"))
    assert [line.get_xydata().tolist() for line in figure.lines("runs")][0] == [[0.2, 0], [0.4, 0]]
    assert figure.points("mean").tolist() == [[pytest.approx(0.3), 0]]
    assert figure.points("mean", 1).tolist() == [[1.5, 0], [4, 1]]
    assert figure.panels[0].get_xlim() == (0, 1)
    assert [tick.get_text() for tick in figure.panels[0].get_yticklabels()] == ["a", "b"]
    assert "a point for each run" in figure.notes


def test_a_score_can_have_a_level_and_has_as_many_rows_as_there_are_configurations(read):
    figure = read(score_figure([("a", "a")], [Score("nats", [[1.0]], level=(0.3, "entropy"))]))
    (line,) = [line for line in figure.panels[0].lines if line.get_label() == "entropy"]
    assert list(line.get_xdata()) == [0.3, 0.3]
    with pytest.raises(ValueError, match="nats has 2 configurations, allowed: 1"):
        score_figure([("a", "a")], [Score("nats", [[1.0], [2.0]])])


def test_surprise_is_binned_and_variation_is_drawn_step_by_step(read):
    free, variation = np.arange(40.0), np.linspace(1, 0, 40)
    split = SplitCurves("held-out", [("a", "a", free)], np.full(40, 0.3), [("a", "a", variation)])
    figure = read(exposure_figure([split, split], margin=0.05, title="t"))
    assert len(figure.panels) == 4
    np.testing.assert_allclose(
        figure.points("free"), np.column_stack([np.arange(20) * 2 + 1.5, np.arange(20) * 2 + 0.5])
    )
    np.testing.assert_allclose(figure.points("variation", 1), np.column_stack([np.arange(1, 41), variation]))
    assert figure.level("margin", 1) == 0.05
    np.testing.assert_allclose(figure.points("forced")[:, 1], 0.3)
    assert [part.tolist() for part in binned(np.array([1.0, 5]))] == [[1, 2], [1, 5]]


def test_words_stand_where_they_are_projected_and_leaves_in_an_order_without_crossings(read):
    assert leaf_order(MERGES) == [0, 2, 1, 3]
    figure = read(word_maps([word_map()], title="t"))
    left, right = figure.panels
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["w", "y", "x", "z"]
    merges = [line.get_xydata().tolist() for line in figure.lines("merge")]
    assert merges[0] == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert merges[2] == [[1, 0.5], [3, 0.5], [3, 2.5], [2, 2.5]]
    np.testing.assert_array_equal(figure.points("word", 1), word_map().projection)
    assert {text.get_text() for text in right.texts} == set("wxyz")
    assert figure.legend == ["N", "V"]


def test_words_of_a_dense_cluster_do_not_cover_each_other(read):
    """As drawn: 20 words within a tenth of the panel, and two that are far away."""
    rng = np.random.default_rng(1)
    words = [f"{'abcdef'[i % 6]}{'wordings'[: 2 + i % 6]}{i}" for i in range(22)]
    projection = np.concatenate([rng.uniform(0, 0.1, (20, 2)), [[0, 1], [1, 0]]])
    merges = np.array([[i + 20 if i else 0, i + 1, i + 1.0] for i in range(21)])
    merges[1:, 0] = np.arange(22, 42)
    figure = read(word_maps([WordMap("a", words, ["N"] * 22, projection, merges, 0.5)]))
    texts = figure.panels[1].texts
    assert [text.get_text() for text in texts] == words
    renderer = figure.figure.canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer).padded(-1) for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert [text.arrow_patch is None for text in texts[-2:]] == [True, True]
    assert any(text.arrow_patch is not None for text in texts)


@pytest.mark.parametrize("changed", [{"merges": MERGES[:2]}, {"categories": ["N"]}, {"projection": np.zeros((4, 3))}])
def test_maps_that_do_not_fit_their_words_are_refused(changed):
    with pytest.raises(ValueError, match="WordMap 'a': 4 words"):
        word_map(**changed)


def test_similarities_stand_by_place_between_the_two_ends(read):
    ends = {"same word": np.array([0.9, 1.0]), "other": np.array([0.1, 0.2])}
    panel = WordPanel("man", ["last", "space"], [("a", "a", np.array([0.5, 0.6]))], ends)
    figure = read(novel_word_figure([panel, panel], "zog", title="t"))
    assert figure.points("run").tolist() == [[0, 0.5], [1, 0.6]]
    assert figure.points("end", 1).tolist() == [[0, 0.9], [1, 1.0], [0, 0.1], [1, 0.2]]
    assert [tick.get_text() for tick in figure.panels[0].get_xticklabels()] == ["last", "space"]
    assert "solid black: same word, dotted: other" in figure.notes


def test_without_a_run_figures_say_so(read):
    assert "No run was probed." in read(exposure_figure([], margin=0.1)).words
    assert "No run was probed." in read(novel_word_figure([], "zog")).words
    assert "No run was probed." in read(word_maps([])).words
    assert "No run has a score." in read(score_figure([], [])).words

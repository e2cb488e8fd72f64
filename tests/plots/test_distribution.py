"""The histogram of the gradient through time."""

import numpy as np
import pytest

from plots import Histogram, Trace, gradient_histogram


def bars(axes, gid):
    return [bar for bar in axes.patches if bar.get_gid() == gid]


def outlines(axes):
    """(values, edges) of every check's histogram."""
    return [(patch.get_data().values, patch.get_data().edges) for patch in bars(axes, "check")]


def test_shares_of_counts_and_of_exact_zeros_add_up_to_one_and_stand_apart(read):
    histogram = Histogram("a", "g", [0, 20], [-4, -2, 0], [[1, 1], [0, 3]], [2, 1])
    axes = read(gradient_histogram([histogram])).panels[0]
    (first, edges), (second, _) = outlines(axes)
    assert first.tolist() == [0.25, 0.25]
    assert edges.tolist() == [-4, -2, 0]
    assert second.tolist() == [0.75]
    zeros = bars(axes, "zero")
    assert [bar.get_height() for bar in zeros] == [0.5, 0.25]
    assert max(bar.get_x() + bar.get_width() for bar in zeros) <= -4
    assert "zero" in [text.get_text() for text in axes.get_xticklabels()]


def test_empty_bins_at_both_sides_are_not_drawn_but_those_between_are(read):
    histogram = Histogram("a", "g", [0], [0, 1, 2, 3, 4, 5], [[0, 1, 0, 1, 0]], [0])
    ((values, edges),) = outlines(read(gradient_histogram([histogram])).panels[0])
    assert values.tolist() == [0.5, 0, 0.5]
    assert edges.tolist() == [1, 2, 3, 4]


def test_no_zeros_are_bars_of_no_height(read):
    axes = read(gradient_histogram([Trace("a", "g", [0], [[1.0, 0.1]])])).panels[0]
    assert [bar.get_height() for bar in bars(axes, "zero")] == [0]


def test_zeros_only_are_one_full_bar_and_no_outline(read):
    seen = read(gradient_histogram([Trace("a", "g", [0, 20], np.zeros((2, 50)))]))
    assert [bar.get_height() for bar in bars(seen.panels[0], "zero")] == [1, 1]
    assert outlines(seen.panels[0]) == []


def test_overflows_have_a_bar_at_the_right_only_where_they_occur(read):
    calm = Trace("calm", "g", [0], [[1.0, 1.0]])
    wild = Trace("wild", "h", [0], [[np.inf, 1e30]])
    seen = read(gradient_histogram([calm, wild]))
    assert [bar.get_height() for bar in bars(seen.panels[1], "overflow")] == [0.5]
    assert bars(seen.panels[1], "overflow")[0].get_x() > 30
    assert "overflows at the right" in seen.notes
    alone = read(gradient_histogram([calm]))
    assert bars(alone.panels[0], "overflow") == []
    assert "overflows" not in alone.notes


def test_the_regions_of_vanished_and_exploded_gradients_are_in_view_and_shaded(read):
    seen = read(gradient_histogram([Trace("a", "g", [0], [[0.1, 1.0]])], limits=(-8, 2)))
    low, high = seen.panels[0].get_xlim()
    assert low < -8
    assert high > 2
    spans = [bar for bar in seen.panels[0].patches if bar.get_gid() is None]
    reach = sorted((span.get_x(), span.get_x() + span.get_width()) for span in spans)
    assert reach[0][1] == -8
    assert reach[1][0] == 2
    assert "vanished" in seen.notes
    assert "exploded" in seen.notes


def test_a_few_checks_are_drawn_from_light_to_dark_in_every_panel(read):
    values = 10.0 ** np.random.default_rng(1).normal(-3, 1, (40, 50))
    runs = [Trace(f"r{i}", f"g{i}", 20 * np.arange(40), values) for i in range(2)]
    seen = read(gradient_histogram(runs, checks=3))
    for axes in seen.panels:
        labels = [patch.get_label() for patch in bars(axes, "check")]
        assert labels == ["update 0", "update 400", "update 780"]
        assert len(bars(axes, "zero")) == 3
    assert seen.legend == ["update 0", "update 400", "update 780"]
    assert seen.panels[0].get_ylim() == seen.panels[1].get_ylim()


def test_too_many_runs_are_counted_in_a_note(read):
    seen = read(gradient_histogram([Trace(f"r{i}", f"g{i}", [0], [[1.0]]) for i in range(200)], most=3))
    assert len(seen.panels) == 3
    assert "3 of 200 runs shown, 197 left out" in seen.notes
    assert "at update 0" in seen.notes


def test_a_check_with_nothing_to_count_makes_a_figure(read):
    axes = read(gradient_histogram([Trace("a", "g", [0], [[np.nan, np.nan]])])).panels[0]
    assert outlines(axes) == []
    assert [bar.get_height() for bar in bars(axes, "zero")] == [0]


@pytest.mark.parametrize("name", ["checks", "most"])
def test_fewer_than_one_check_or_run_is_refused(name):
    with pytest.raises(ValueError, match=f"gradient_histogram: {name} is 0, allowed: 1 or more"):
        gradient_histogram([Trace("a", "g", [0], [[1.0]])], **{name: 0})


def test_ticks_of_a_narrow_range_have_labels_of_their_own(read):
    edges = -2.0 + 0.1 * np.arange(9)
    runs = [Histogram("a", "a", [0.0], edges, np.ones((1, 8)))]
    labels = [text.get_text() for text in read(gradient_histogram(runs)).panels[0].get_xticklabels()]
    assert len(labels) > 3
    assert len(set(labels)) == len(labels)

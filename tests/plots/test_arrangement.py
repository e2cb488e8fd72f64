"""Which checks and runs share a panel: chosen updates, runs overlaid."""

import numpy as np
import pytest

from plots import (
    Histogram,
    Trace,
    distance_histogram,
    gradient_histogram,
    gradient_through_time,
    saturation_through_time,
)

LAST = np.inf


def trace(label="a", group="g", updates=(20, 1000, 50_000), quantity=""):
    values = np.arange(1, len(updates) + 1)[:, None] * np.ones((1, 3))
    return Trace(label, group, updates, values, quantity)


def distances(label="a", group="g", updates=(20, 40), quantity=""):
    return Histogram(label, group, updates, [0, 0.25, 0.5], [[1, 3]] * len(updates), quantity=quantity)


def outlines(axes):
    return [patch for patch in axes.patches if patch.get_gid() == "check"]


@pytest.mark.parametrize(
    ("at", "labels"),
    [
        ([0, 1000, LAST], ["update 20", "update 1,000", "update 50,000"]),
        ([LAST], ["update 50,000"]),
        ([0, 1, 2], ["update 20"]),
        ([510], ["update 1,000"]),  # halfway: the later check
        ([10**9], ["update 50,000"]),
    ],
)
def test_the_checks_nearest_to_chosen_updates_are_drawn_each_once(read, at, labels):
    seen = read(gradient_through_time([trace()], at=at))
    assert [line.get_label() for line in seen.lines("check")] == labels


def test_chosen_checks_that_lie_close_together_still_have_colours_far_apart(read):
    seen = read(gradient_through_time([trace()], at=[0, 1000, LAST]))
    first, second, third = (np.array(line.get_color()[:3]) for line in seen.lines("check"))
    assert np.linalg.norm(first - second) > 0.3
    assert np.linalg.norm(second - third) > 0.3
    assert seen.legend == ["update 20", "update 1,000", "update 50,000"]


def test_a_histogram_shows_chosen_checks_too(read):
    seen = read(gradient_histogram([trace()], at=[0, LAST]))
    assert [patch.get_label() for patch in outlines(seen.panels[0])] == ["update 20", "update 50,000"]


@pytest.mark.parametrize("update", [-1, np.nan, -np.inf])
def test_an_invalid_update_is_refused(update):
    with pytest.raises(ValueError, match="gradient_through_time: at is .* allowed: updates of 0 or more"):
        gradient_through_time([trace()], at=[update])


def test_overlaid_runs_share_a_panel_at_their_last_check_and_replicates_a_colour(read):
    runs = [trace("a 1", "a"), trace("a 2", "a"), trace("b 1", "b", updates=(20, 60))]
    seen = read(gradient_through_time(runs, overlay=True))
    (axes,) = seen.panels
    assert axes.get_title(loc="left") == "last check"
    lines = seen.lines("check")
    assert [line.get_label() for line in lines] == ["a 1", "a 2", "b 1"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in lines], np.log10([3, 3, 2]))
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[1] != colours[2]
    assert seen.legend == ["a (2 runs)", "b"]
    assert seen.bars == []


def test_overlaid_runs_have_a_panel_for_each_chosen_check_that_says_which(read):
    runs = [trace("a 1", "a"), trace("b 1", "b", updates=(20, 900, 50_000))]
    seen = read(saturation_through_time(runs, overlay=True, at=[0, 1000, LAST]))
    titles = [axes.get_title(loc="left") for axes in seen.panels]
    assert titles == ["update 20", "check nearest to update 1,000", "update 50,000"]
    assert [line.get_ydata()[0] for panel in range(3) for line in seen.lines("check", panel)] == [1, 1, 2, 2, 3, 3]


def test_overlaid_quantities_have_a_row_each(read):
    runs = [distances(label, label, quantity=f"gate {gate}") for label in ("gru 1", "gru 2") for gate in "zr"]
    seen = read(distance_histogram(runs, xlabel="d", overlay=True, at=[0, LAST]))
    titles = [axes.get_title(loc="left") for axes in seen.panels]
    assert titles == ["gate z, update 20", "gate z, update 40", "gate r, update 20", "gate r, update 40"]
    assert all(len(outlines(axes)) == 2 for axes in seen.panels)


def test_a_group_has_the_colour_that_it_has_among_all(read):
    alone = read(gradient_through_time([trace("b 1", "b")], overlay=True, groups=["a", "b"]))
    both = read(gradient_through_time([trace("a 1", "a"), trace("b 1", "b")], overlay=True))
    assert alone.lines("check")[0].get_color() == both.lines("check")[1].get_color()
    many = [f"g{i}" for i in range(40)]
    few, more = (
        read(gradient_through_time([trace(f"{group} 1", group) for group in shown], overlay=True, groups=many))
        for shown in (["g31"], ["g7", "g31"])
    )
    assert few.lines("check")[0].get_color() == more.lines("check")[1].get_color()
    assert few.lines("check")[0].get_color() != more.lines("check")[0].get_color() or (
        few.lines("check")[0].get_marker() != more.lines("check")[0].get_marker()
    )


def test_distances_are_shares_in_their_bins_with_words_at_both_ends(read):
    seen = read(distance_histogram([distances()], xlabel="d", ends=("saturated", "undecided"), threshold=0.05, at=[40]))
    (axes,) = seen.panels
    ((values, edges),) = [(patch.get_data().values, patch.get_data().edges) for patch in outlines(axes)]
    assert values.tolist() == [0.25, 0.75]
    assert edges.tolist() == [0, 0.25, 0.5]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert (labels[0], labels[-1]) == ("0\nsaturated", "0.5\nundecided")
    (line,) = [line for line in axes.lines if line.get_gid() == "threshold"]
    assert line.get_xdata() == [0.05, 0.05]
    assert "below 0.05" in seen.notes
    assert axes.get_xlabel() == "d"


def test_a_distance_that_is_told_its_limit_goes_up_to_it(read):
    seen = read(saturation_through_time([Trace("a", "g", [20], [[0.1, 0.2]])], limit=0.5))
    assert 0.5 < seen.panels[0].get_ylim()[1] < 0.6
    assert 0.5 in seen.panels[0].get_yticks()


def test_an_exploded_run_has_a_separate_scale(read):
    calm = Trace("calm", "a", [20], [[1e-4, 1.0]])
    wild = Trace("wild", "b", [20], [[1e30, 1.0]])
    for figure in (gradient_through_time, gradient_histogram):
        seen = read(figure([calm, wild]))
        assert "on a separate scale" in seen.notes
        ranges = [axes.get_ylim() if figure is gradient_through_time else axes.get_xlim() for axes in seen.panels]
        assert ranges[0][1] < 1
        assert ranges[1][1] >= 30
        alone = read(figure([wild]))
        assert "scale" not in alone.notes

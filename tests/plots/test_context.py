"""Loss against context: what is drawn is what was given."""

import numpy as np
import pytest

from plots import style
from plots.context import ByContext, by_context

STATES = {"as trained": (2.0, 0.1), "zeroed": (2.8, 0.1), "shuffled": (3.5, 0.2)}
RUNS = [
    ByContext("a seed=1", "a", [0, 1, 2, 64], [2.8, 2.4, 2.1, 2.0], [0.1, 0.1, 0.1, 0.1], STATES),
    ByContext("a seed=2", "a", [0, 1, 2, 64], [2.7, 2.3, 2.2, 2.1], [0.1, 0.1, 0.1, 0.1], STATES),
    ByContext("b", "b", [0], [2.5], [0.1], STATES),
]
FLOORS = ((3.2, "unigram"), (2.5, "bigram"))


def test_every_run_is_a_line_through_its_points_and_a_point_in_each_state(read):
    figure = read(by_context(RUNS, floors=FLOORS, title="t", note="100 targets"))
    lines = figure.lines("run")
    for line, states, run in zip(lines, figure.lines("states", 1), RUNS, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([run.contexts, run.losses]))
        np.testing.assert_array_equal(states.get_xydata()[:, 1], [2.0, 2.8, 3.5])
        np.testing.assert_array_equal(states.get_xydata()[:, 0].round(), [0, 1, 2])
        assert states.get_color() == line.get_color()
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert figure.panels[0].get_ylabel() == "loss (nats)"
    assert [tick.get_text() for tick in figure.panels[1].get_xticklabels()] == list(STATES)
    for panel in (0, 1):
        assert (figure.level("unigram", panel), figure.level("bigram", panel)) == (3.2, 2.5)
    assert figure.legend == ["a (2 runs)", "b"]
    assert "100 targets" in figure.notes


def test_as_many_groups_as_have_names_differ_in_their_points_alone(read):
    """Right panel: no lines, so no dashes. Hollow points there have a dashed line in the left panel and the legend."""
    figure = read(by_context([ByContext(g, g, [0, 1], [2, 1], [0.1, 0.1], STATES) for g in "abcdefghijkl"]))
    assert len(figure.legend) == style.NAMED_GROUPS == 12
    left, right, legend = (
        [(line.get_markeredgecolor(), line.get_markerfacecolor(), line.get_marker()) for line in lines]
        for lines in (figure.lines("run"), figure.lines("states", 1), figure.figure.legends[0].legend_handles)
    )
    assert left == right == legend
    assert len(set(left)) == 12
    dashed = [line.get_linestyle() != "-" for line in figure.lines("run")]
    assert dashed == [face == "white" for _, face, _ in left] == [False] * 6 + [True] * 6
    assert [edge for edge, *_ in left] == [line.get_color() for line in figure.lines("run")]


def test_contexts_have_places_from_0_on_and_floors_are_in_the_panel(read):
    figure = read(by_context(RUNS[:1], floors=((5.0, "unigram"), (1.0, "bigram"))))
    axes = figure.panels[0]
    places = axes.transData.transform([(k, 2.0) for k in (0, 1, 3, 7)])[:, 0]
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "2", "64"]
    low, high = axes.get_ylim()
    assert low < 1 < 5 < high


def test_many_contexts_do_not_crowd_the_axis(read):
    contexts = np.arange(40)
    figure = read(by_context([ByContext("a", "a", contexts, contexts, 0 * contexts, STATES)]))
    ticks = [tick.get_text() for tick in figure.panels[0].get_xticklabels()]
    assert len(ticks) <= 12
    assert (ticks[0], ticks[-1]) == ("0", "39")


def test_without_a_run_it_says_so(read):
    assert "No run was probed." in read(by_context([])).words


@pytest.mark.parametrize(
    ("contexts", "losses"), [([], []), ([0, 0], [1, 1]), ([0], [1, 2]), ([-1, 1], [1, 1]), ([4, 1], [1, 1])]
)
def test_unfit_arrays_are_refused(contexts, losses):
    with pytest.raises(ValueError, match="ByContext 'x'"):
        ByContext("x", "x", contexts, losses, losses, STATES)

"""The hyper-parameter scatter."""

import math

import numpy as np
import pytest

from plots import Point, Scatter, hyperparameters, style
from plots.parameter_axis import ratio_spaced, spread


def points(name, values, losses=None, ended="budget"):
    losses = np.linspace(1, 2, len(values)) if losses is None else losses
    return [
        Point(f"r{i}", f"g{value}", i, loss, {name: value}, ended)
        for i, (value, loss) in enumerate(zip(values, losses, strict=True))
    ]


def drawn(runs, parameters=None, *, threshold=None, scale="auto", title="", notes=(), **lines):
    """Draw runs that can all be compared with one another."""
    shown = [Scatter(runs, parameters, **lines)]
    return hyperparameters(shown, threshold=threshold, scale=scale, title=title, notes=notes)


def test_each_hyper_parameter_that_varies_has_a_panel_and_the_rest_a_note(read):
    runs = [
        Point(f"r{i}", "g", i, 1.0, {"lr": lr, "hidden": hidden, "task": "torder", "batch": 20})
        for i, (lr, hidden) in enumerate([(0.01, 50), (0.1, 50), (0.01, 100)])
    ]
    seen = read(drawn(runs, title="t"))
    assert [axes.get_title(loc="left") for axes in seen.panels] == ["lr", "hidden"]
    assert "the same in all runs: task, batch" in seen.notes


def test_named_parameters_are_taken_in_their_order(read):
    runs = [Point("a", "g", 1, 1.0, {"x": 1, "y": 1}), Point("b", "g", 1, 2.0, {"x": 2, "y": 2})]
    seen = read(drawn(runs, ["y", "x"]))
    assert [axes.get_title(loc="left") for axes in seen.panels] == ["y", "x"]
    assert [axes.get_title(loc="left") for axes in read(drawn(runs, ["x"])).panels] == ["x"]


def test_losses_stand_at_their_values(read):
    seen = read(drawn(points("x", [1.0, 2.0, 3.0], [0.5, 0.7, 0.9])))
    assert seen.points("runs:budget").tolist() == [[1, 0.5], [2, 0.7], [3, 0.9]]
    assert seen.panels[0].get_ylabel() == "loss"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1e-4, 1e-3, 1e-2], "log"),
        ([0.01, 0.1], "log"),
        ([16, 32, 64, 128], "log"),
        ([50, 100, 200], "log"),
        ([0.01, 0.05], "linear"),
        ([1, 2, 3], "linear"),
        ([100, 200, 300], "linear"),
        ([0, 0.5, 1, 2], "symlog"),
        ([0, 1, 2, 3], "linear"),
        ([-1, 1, 100], "linear"),
        ([5, 5.5, 6], "linear"),
        (list(np.geomspace(1e-5, 1e-1, 40)), "log"),
        (list(np.linspace(1, 2, 40)), "linear"),
    ],
)
def test_numbers_get_a_log_axis_where_it_fits(read, values, scale):
    axes = read(drawn(points("x", values))).panels[0]
    assert axes.get_xscale() == scale
    low, high = axes.get_xlim()
    assert low < min(values)
    assert high > max(values)


def test_few_numbers_are_the_ticks_themselves(read):
    axes = read(drawn(points("hidden", [16, 64, 256]))).panels[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16", "64", "256"]


def test_strings_booleans_none_and_missing_values_are_categories_in_a_fixed_order(read):
    runs = points("x", ["tanh", None, True, 0.5, False, "relu", 10])
    runs.append(Point("r", "g", 1, 1.0, {"y": 1}))
    axes = read(drawn(runs, ["x"])).panels[0]
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["false", "true", "0.5", "10", "relu", "tanh", "none", "not set"]
    assert sorted(axes.get_xticks()) == list(range(8))


def test_true_is_not_one_and_one_is_not_a_word(read):
    axes = read(drawn(points("x", [True, 1]))).panels[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["true", "1"]


def in_pixels(seen, panel=0, gid="runs:budget"):
    return seen.panels[panel].transData.transform(seen.points(gid, panel))


def test_markers_of_runs_do_not_overlap_where_there_is_room(read):
    """Brute force over all pairs, in pixels of the figure as drawn; the losses of half of the runs are equal."""
    losses = np.r_[np.full(30, 1.0), np.random.default_rng(0).uniform(0, 1, 30)]
    seen = read(drawn(points("init", ["a", "b", "c"] * 20, losses)))
    places = in_pixels(seen)
    marker = seen.lines("runs:budget")[0].get_markersize() * seen.figure.dpi / 72
    between = np.linalg.norm(places[:, None] - places, axis=2)[np.triu_indices(60, 1)]
    assert between.min() > 0.8 * marker  # the size of a panel is estimated before it is drawn


def test_runs_at_one_value_stay_in_their_column_in_the_same_way_each_time(read):
    runs = points("init", ["a", "b"] * 400, np.round(np.linspace(0, 1, 800) ** 3, 1))
    first, second = (read(drawn(runs)).points("runs:budget") for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert set(np.round(first[:, 0])) == {0, 1}
    assert np.abs(first[:, 0] - np.round(first[:, 0])).max() <= 0.4
    assert len(np.unique(first, axis=0)) == 800


@pytest.mark.parametrize("values", [[16.0, 256.0] * 30, [0.0, 1.0] * 30])
def test_equal_runs_at_one_number_are_spread_around_it_without_reaching_the_next(read, values):
    x = read(drawn(points("x", values, np.ones(60)))).points("runs:budget")[:, 0]
    assert len(np.unique(x)) == 60
    low, high = np.array(values) == min(values), np.array(values) == max(values)
    assert x[low].max() < x[high].min()


def test_lanes_go_outward_from_the_middle_and_are_free_again_above_a_marker():
    marker = {"width": 0.1, "height": 0.2}
    assert spread(["a"], np.array([0.5]), **marker).tolist() == [0.0]
    assert spread(["a"] * 4, np.array([0.5, 0.5, 0.6, 0.71]), **marker) == pytest.approx([0, 0.1, -0.1, 0])
    assert spread(["a", "b"], np.array([0.5, 0.5]), **marker).tolist() == [0, 0]  # columns are independent
    assert spread(["a"] * 2, np.array([0.9, 0.1]), **marker).tolist() == [0, 0]


def test_a_crowd_takes_the_room_between_lanes_and_no_more():
    shares = spread(["a"] * 500, np.zeros(500), width=0.1, height=0.1)
    assert len(np.unique(shares)) == 500
    assert np.abs(shares).max() < 0.4
    assert sorted(shares[:6]) == pytest.approx([-0.2, -0.1, 0, 0.1, 0.2, 0.3])


def test_ratio_spacing_needs_three_values_or_a_decade():
    assert ratio_spaced(np.array([1.0, 2.0, 4.0]))
    assert ratio_spaced(np.array([1.0, 10.0]))
    assert not ratio_spaced(np.array([1.0, 2.0]))
    assert not ratio_spaced(np.array([0.0, 10.0]))


def test_means_are_marked_with_their_errors_at_their_values(read):
    means = {"x": {"a": (2.0, 0.5), "b": (5.0, None), "gone": (1.0, 1.0)}}
    seen = read(drawn(points("x", ["a", "a", "b", "c"]), means=means, notes=["x also says y"]))
    assert seen.points("mean").tolist() == [[0, 2.0], [1, 5.0]]
    assert seen.points("error").tolist() == [[0, 1.5], [0, 2.5]]
    assert "mean ± standard error over seeds" in seen.legend
    assert seen.notes == "x also says y"
    alone = read(drawn(points("x", ["a", "b"])))
    assert alone.lines("mean") == []
    assert "mean ± standard error over seeds" not in alone.legend


def test_runs_without_a_finite_loss_are_crosses_at_the_top_edge(read):
    seen = read(drawn(points("x", [1, 2, 3], [1.0, np.nan, np.inf], "diverged")))
    (crosses,) = seen.lines("no loss")
    assert crosses.get_xydata().tolist() == [[2, 1], [3, 1]]
    assert crosses.get_marker() == "x"
    assert crosses.get_transform() == seen.panels[0].get_xaxis_transform()
    assert len(seen.points("runs:diverged")) == 1
    assert "2 of 3 runs have no finite loss" in seen.notes


def test_no_finite_loss_at_all_still_makes_a_figure(read):
    seen = read(drawn(points("x", [1, 2], [np.nan, np.nan]), floor=math.log(4)))
    assert len(seen.points("no loss")) == 2
    assert read(drawn(points("x", [1, 2], [np.nan, np.nan]))).lines("runs:budget") == []


def test_floor_and_threshold_are_lines_in_every_panel_and_in_the_legend(read):
    runs = [Point("a", "g", 1, 1.0, {"x": 1, "y": 1}), Point("b", "g", 1, 2.0, {"x": 2, "y": 2})]
    seen = read(drawn(runs, floor=math.log(4), floor_label="floor ln 4", threshold=1.0))
    for panel in (0, 1):
        assert seen.level("floor ln 4", panel) == math.log(4)
        assert seen.level("threshold 1", panel) == 1.0
    assert seen.legend == ["not ended", "floor ln 4", "threshold 1"]


def test_endings_have_their_own_markers(read):
    runs = points("x", [1, 2], ended="solved") + points("x", [1, 2]) + points("x", [3], [9.0], "diverged")
    seen = read(drawn(runs))
    markers = {seen.lines(f"runs:{end}")[0].get_marker() for end in ("solved", "budget", "diverged")}
    assert len(markers) == 3
    assert seen.legend[:3] == ["solved", "budget used up", "diverged"]


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 2), (7, 3, 3), (20, 7, 3)])
def test_many_panels_wrap_and_only_the_left_ones_name_the_loss(read, count, rows, columns):
    runs = [Point(f"r{i}", "g", i, 1.0 + i, {f"p{j}": i for j in range(count)}) for i in range(3)]
    seen = read(drawn(runs))
    assert len(seen.panels) == count
    assert seen.panels[0].get_subplotspec().get_gridspec().get_geometry() == (rows, columns)
    assert sum(bool(axes.get_ylabel()) for axes in seen.panels) == rows


def test_nothing_that_varies_is_said_in_words(read):
    assert "varies over the one run shown" in read(drawn(points("x", [1]))).words[0]
    assert "varies over the 3 runs shown" in read(drawn(points("x", [1, 1, 1]))).words[0]


def test_many_categories_keep_readable_labels(read):
    axes = read(drawn(points("x", [f"a rather long name {i:03}" for i in range(200)]))).panels[0]
    labels = axes.get_xticklabels()
    assert len(labels) <= 24
    assert all(len(text.get_text()) <= 18 for text in labels)
    assert labels[0].get_rotation() == 35


def test_losses_and_lines_that_are_close_are_seen_from_near(read):
    runs = points("x", [1, 2], [1.6, 2.0])
    assert read(drawn(runs)).panels[0].get_ylim()[0] > 1.5
    assert read(drawn(runs, floor=2.0)).panels[0].get_ylim()[0] > 1.5
    assert read(drawn(runs, floor=5.0)).panels[0].get_ylim()[0] <= 0
    assert read(drawn(points("x", [1, 2], [0.1, 2.0]))).panels[0].get_ylim()[0] <= 0


def test_losses_that_diverged_bend_the_axis_as_in_the_curves(read):
    runs = points("x", [1, 2, 3], [1.3, 0.1, 1e8], "diverged")
    assert read(drawn(runs, floor=math.log(4))).panels[0].get_yscale() == "symlog"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"parameters": ["lr", "y"]}, "hyperparameters: no run has the parameter 'lr', allowed: x"),
        ({"floor": np.nan}, "hyperparameters: floor is nan, allowed: finite numbers"),
        ({"threshold": np.inf}, "hyperparameters: threshold is inf, allowed: finite numbers"),
        ({"scale": "sqrt"}, "hyperparameters: scale is 'sqrt', allowed: auto, linear, log"),
    ],
)
def test_wrong_arguments_are_answered_with_the_figure_the_variable_and_what_is_allowed(arguments, says):
    with pytest.raises(ValueError, match="hyperparameters") as caught:
        drawn(points("x", [1, 2]), **arguments)
    assert str(caught.value) == says


def test_points_have_the_colours_of_their_groups_and_the_markers_of_their_endings(read):
    runs = [Point(f"r{i}", f"g{i % 2}", i, 1.0 + i, {"x": i % 2}, ("solved", "budget")[i // 2]) for i in range(4)]
    study = ["g5", "g0", "g1"]
    seen = read(hyperparameters([Scatter(runs)], groups=study))
    looks = style.looks(study)
    lines = seen.lines("runs:solved")
    assert [line.get_color() for line in lines] == [looks["g0"].colour, looks["g1"].colour]
    assert {line.get_marker() for line in lines} == {style.ENDINGS["solved"].marker}
    assert seen.legend[:4] == ["g0 (2 runs)", "g1 (2 runs)", "solved", "budget used up"]


def test_runs_that_cannot_be_compared_have_rows_of_panels_with_axes_of_their_own(read):
    order = Scatter(points("lr", [1, 2], [1.0, 1.2]), floor=1.4, ylabel="loss (nats)", title="order")
    runs = [Point(f"s{i}", "g", i, 0.1 * i, {"lr": i, "hidden": i}) for i in (1, 2)]
    addition = Scatter(runs, floor=0.2, ylabel="loss (MSE)", title="addition")
    seen = read(hyperparameters([order, addition]))
    titles = [axes.get_title(loc="left") for axes in seen.panels]
    assert titles == ["order: lr", "addition: lr", "addition: hidden"]
    assert [axes.get_ylabel() for axes in seen.panels] == ["loss (nats)", "loss (MSE)", ""]
    assert seen.panels[0].get_ylim() != seen.panels[1].get_ylim()
    assert [seen.level("floor 1.4", 0), seen.level("floor 0.2", 1)] == [1.4, 0.2]
    alone = Scatter([Point("a", "g", 1, 1.0, {"lr": 1})], title="xor")
    assert "xor: no hyper-parameter varies" in read(hyperparameters([order, alone])).notes


def test_points_whose_groups_cannot_be_told_apart_stand_for_endings(read):
    study = [f"g{i}" for i in range(20)]
    runs = [Point(f"r{i}", group, i, 1.0 + i, {"x": i}, "budget") for i, group in enumerate(["g7", "g13"])]
    seen = read(hyperparameters([Scatter(runs)], groups=study))  # both are orange and hollow
    assert seen.legend == ["budget used up"]
    hollow = read(hyperparameters([Scatter([*runs[:1], Point("r", "g1", 3, 2.0, {"x": 3}, "budget")])], groups=study))
    faces = {line.get_label(): line.get_markerfacecolor() for line in hollow.lines("runs:budget")}
    assert hollow.legend == ["g1", "g7", "budget used up"]
    assert len(set(faces.values())) == 2

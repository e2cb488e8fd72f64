"""Figures over training updates: curves, saturation, spectrum."""

import itertools
import math

import numpy as np
import pytest
from matplotlib.text import Text

from plots import Curves, Series, page, saturation, spectral
from plots import curves as draw

FLOOR = math.log(4)
HALF = math.log(2)


def run(group, seed, values, ended=None, **band):
    return Series(f"{group} seed {seed}", group, 20 * np.arange(len(values)), values, ended, **band)


def curves(series, ylabel, *, title="", **comparison):
    """The figure of one panel."""
    return draw([Curves(series, ylabel, **comparison)], title=title)


def three_methods():
    ends = {"SGD": [1.39, 1.38, 1.39], "SGD-C": [1.39, 1.0, 0.7], "SGD-CR": [1.39, 0.5, 0.01]}
    how = {"SGD": "budget", "SGD-C": "budget", "SGD-CR": "solved"}
    return [run(name, seed, values, how[name]) for name, values in ends.items() for seed in (1, 2)]


def test_curves_draw_every_run_as_it_is_and_seeds_of_a_group_in_one_colour(read):
    series = three_methods()
    seen = read(curves(series, "NLL", title="Temporal order"))
    lines = seen.lines("run")
    for shown, line in zip(series, lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.c_[shown.updates, shown.values])
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3
    assert seen.legend == ["SGD (2 runs)", "SGD-C (2 runs)", "SGD-CR (2 runs)", "solved"]
    assert seen.figure.get_suptitle() == "Temporal order"
    assert seen.panels[0].get_xlabel() == "updates"
    assert seen.panels[0].get_ylabel() == "NLL"


def test_floor_and_plateaus_are_drawn_and_named_at_their_lines(read):
    seen = read(curves(three_methods(), "NLL", floor=FLOOR, floor_label="floor ln 4", levels=[(HALF, "one known")]))
    assert seen.level("floor ln 4") == FLOOR
    assert seen.level("one known") == HALF
    assert {"floor ln 4", "one known"} <= set(seen.words)
    assert all(text.get_transform() == seen.panels[0].transAxes for text in seen.panels[0].texts)


def test_a_floor_without_a_label_is_named_by_its_value(read):
    assert "floor 1.38629" in read(curves(three_methods(), "NLL", floor=FLOOR)).words


def test_names_of_levels_that_lie_close_are_moved_apart(read):
    levels = [(1.0, "a"), (1.001, "b"), (1.002, "c")]
    seen = read(curves(three_methods(), "NLL", levels=levels))
    heights = sorted(text.get_position()[1] for text in seen.panels[0].texts)
    assert np.diff(heights).min() >= 0.05 - 1e-9


def test_a_linear_axis_of_losses_starts_at_zero(read):
    low, high = read(curves([run("a", 1, [1.40, 1.38])], "NLL")).panels[0].get_ylim()
    assert -0.1 < low <= 0
    assert 1.40 < high < 1.6


def test_ends_are_marked_by_outcome_at_the_last_finite_value(read):
    series = [
        run("a", 1, [1, 0.5, 0.1], "solved"),
        run("b", 1, [1, 2, np.inf], "diverged"),
        run("c", 1, [1, 1], "early_stop"),
        run("d", 1, [1, 1], "budget"),
        run("e", 1, [1, 1]),
    ]
    seen = read(curves(series, "NLL"))
    assert seen.points("end:solved").tolist() == [[40, 0.1]]
    assert seen.points("end:diverged").tolist() == [[20, 2]]
    assert seen.points("end:early_stop").tolist() == [[20, 1]]
    assert seen.legend[-3:] == ["solved", "stopped early", "diverged"]
    markers = {line.get_marker() for end in ("solved", "diverged", "early_stop") for line in seen.lines(f"end:{end}")}
    assert len(markers) == 3


def test_lines_break_where_values_are_not_finite_and_lone_values_are_dots(read):
    seen = read(curves([run("a", 1, [1, np.nan, 2, np.inf, 3, 4])], "NLL"))
    (line,) = seen.lines("run")
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, 2, np.nan, 3, 4])
    assert seen.points("lone").tolist() == [[0, 1], [40, 2]]


def test_a_run_that_never_was_finite_is_a_cross_at_the_top_edge_and_a_note(read):
    seen = read(curves([run("a", 1, [np.nan, np.inf], "diverged"), run("b", 1, [1, 1])], "NLL"))
    (cross,) = seen.lines("never finite")
    assert cross.get_xydata().tolist() == [[20, 1]]
    assert cross.get_transform() == seen.panels[0].get_xaxis_transform()
    assert "1 of 2 runs never had a finite value" in seen.notes


def test_twelve_groups_are_told_apart_by_colour_and_dash(read):
    series = [run(f"g{i}", 1, [2, 1]) for i in range(12)]
    seen = read(curves(series, "NLL"))
    looks = {(line.get_color(), str(line.get_linestyle())) for line in seen.lines("run")}
    assert len(looks) == 12
    assert seen.legend == [f"g{i}" for i in range(12)]
    assert seen.bars == []


def test_sixty_groups_have_a_colour_bar_of_the_last_value_instead_of_names(read):
    series = [run(f"g{i}", seed, [2, 1 + i / 60], "solved") for i in range(60) for seed in (1, 2)]
    seen = read(draw([Curves(series, "NLL")], each=True))
    assert len(seen.lines("run")) == 120
    assert seen.legend == ["solved"]
    (bar,) = seen.bars
    assert bar.get_ylabel() == "last NLL"
    colour = {line.get_label(): line.get_color() for line in seen.lines("run")}
    assert colour["g0 seed 1"] == colour["g0 seed 2"] != colour["g30 seed 1"]
    # The best is drawn last, on top.
    assert seen.lines("run")[-1].get_label().startswith("g0 ")


def test_more_than_eight_runs_are_means_over_seeds_with_bands_and_the_ends_of_all_runs(read):
    series = [run(f"g{i}", seed, [2, 2 - seed / 10]) for i in range(3) for seed in (1, 2, 3)]
    series[0] = run("g0", 1, [1, 0.1], "solved")
    series[1] = run("g0", 2, [2, 3, 4])
    series[2] = run("g0", 3, [np.nan, np.inf, np.nan], "diverged")
    seen = read(curves(series, "NLL"))
    means = {line.get_label(): line.get_ydata() for line in seen.lines("run")}
    assert list(means) == ["g0", "g1", "g2"]
    # The solved run keeps its last value, the diverged one has none.
    np.testing.assert_allclose(means["g0"], [1.5, 1.55, 2.05])
    np.testing.assert_allclose(means["g1"], [2, 1.8])
    assert len(seen.panels[0].collections) == 3
    assert seen.points("end:solved").tolist() == [[20, 0.1]]
    assert len(seen.lines("never finite")) == 1
    assert "bands: lowest to highest seed" in seen.notes
    assert "means over seeds" in seen.notes
    assert seen.legend[:3] == ["g0 (3 runs)", "g1 (3 runs)", "g2 (3 runs)"]


def test_each_run_is_drawn_if_asked_for_or_if_no_run_is_a_replicate(read):
    replicates = [run(f"g{i}", seed, [2, 1]) for i in range(3) for seed in (1, 2, 3)]
    assert len(read(draw([Curves(replicates, "NLL")], each=True)).lines("run")) == 9
    alone = [run(f"g{i}", 1, [2, 1]) for i in range(9)]
    assert len(read(curves(alone, "NLL")).lines("run")) == 9


def test_hundreds_of_lines_are_pixels_in_files_of_vectors(read):
    for count, pixels in ((150, False), (432, True)):
        seen = read(curves([run(f"g{i}", 1, [2, 1]) for i in range(count)], "NLL"))
        assert len(seen.lines("run")) == count
        assert {bool(line.get_rasterized()) for line in seen.lines("run")} == {pixels}


def test_a_linear_axis_can_be_asked_for(read):
    hot = Curves([run("hot", 1, [1.4, 50, 1e6])], "NLL", floor=FLOOR)
    assert read(draw([hot])).panels[0].get_yscale() == "symlog"
    seen = read(draw([hot], linear=True)).panels[0]
    assert seen.get_yscale() == "linear"
    assert seen.get_ylim()[1] > 1e6


def test_in_a_column_of_a_paper_panels_are_below_each_other_and_ticks_do_not_touch(read):
    series = [Series(f"a{i}", f"a{i}", [0, 60_000, 120_000], [1.4, 1.0, 0.5]) for i in range(3)]
    shown = [
        Curves(series, "validation loss (nats)", title=f"{i}", floor=FLOOR, levels=[(HALF, "half")]) for i in (1, 2)
    ]
    with page(3.3):
        seen = read(draw(shown, title="a title of more words than fit on one line of a column"))
    assert seen.figure.get_figwidth() == 3.3
    upper, lower = seen.panels
    assert upper.get_position().y0 > lower.get_position().y1
    assert upper.get_position().width > 0.7
    for axes in seen.panels:
        boxes = [tick.label1.get_window_extent() for tick in axes.xaxis.get_major_ticks() if tick.label1.get_text()]
        assert all(left.x1 + 4 < right.x0 for left, right in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))
    assert "\n" in seen.figure.get_suptitle()
    inside = upper.get_window_extent()
    assert all(inside.x0 < text.get_window_extent().x0 for text in upper.texts)
    assert all(text.get_window_extent().x1 < inside.x1 for text in upper.texts)
    assert read(draw(shown)).figure.get_figwidth() == 9.5


def test_long_titles_of_panels_are_no_wider_than_the_panels(read):
    names = [f"lr=0.0{i} hidden=10 omega=0.5 clip=none" for i in range(1, 7)]
    series = [run(name, seed, [2, 1]) for name in names for seed in (1, 2, 3)]
    seen = read(draw([Curves(series, "NLL", floor=FLOOR, levels=[(HALF, "1 of 2 symbols known")])], separate=True))
    boxes = [
        text.get_window_extent()
        for axes in seen.panels[:3]
        for text in axes.findobj(Text)
        if text.get_text() == axes.get_title(loc="left")
    ]
    assert len(boxes) == 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_of_many_groups_the_chosen_ones_have_panels(read):
    series = [run(f"g{i}", 1, [2, 1]) for i in range(40)]
    seen = read(draw([Curves(series, "NLL")], separate=True, chosen=["g39", "g20"]))
    titles = [axes.get_title(loc="left") for axes in seen.panels]
    assert len(titles) == 12
    assert {"g39", "g20", "g0"} <= set(titles)
    assert "12 of 40 panels shown, 28 left out" in seen.notes


def test_a_blown_up_run_does_not_take_all_the_colours(read):
    series = [run(f"g{i}", 1, [2, 1 + i / 40]) for i in range(40)] + [run("blown", 1, [2, 1e9], "diverged")]
    seen = read(curves(series, "NLL", floor=FLOOR))
    low, high = seen.bars[0].get_ylim()
    assert (low, round(high)) == (1, 2)
    colours = {line.get_label(): line.get_color() for line in seen.lines("run")}
    assert colours["g0 seed 1"] != colours["g20 seed 1"] != colours["g39 seed 1"]


def test_two_hundred_runs_without_one_finite_value_still_make_a_figure(read):
    seen = read(curves([run(f"g{i}", 1, [np.nan] * 3, "diverged") for i in range(200)], "NLL"))
    assert len(seen.lines("never finite")) == 200
    assert "200 of 200 runs never had" in seen.notes
    assert seen.bars == []


@pytest.mark.parametrize("values", [[], [1.0], [0.0], [np.nan]])
def test_a_single_run_with_one_check_or_none_makes_a_figure(read, values):
    seen = read(curves([run("a", 1, values)], "NLL"))
    low, high = seen.panels[0].get_xlim()
    assert low < high
    assert len(seen.points("lone")) == np.isfinite(values).sum()
    assert ("no check yet" in seen.notes) == (not values)


def test_beyond_ten_floors_the_axis_is_linear_to_above_the_floor_and_logarithmic_after(read):
    series = [*three_methods(), run("hot", 1, [1.4, 50, 1e6], "diverged")]
    axes = read(curves(series, "NLL", floor=FLOOR)).panels[0]
    assert axes.get_yscale() == "symlog"
    assert axes.get_ylabel() == "NLL (log above 2)"
    to_panel = axes.transData + axes.transAxes.inverted()
    heights = [to_panel.transform((0, value))[1] for value in (0, HALF, FLOOR, 2, 1e6)]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=1e-6)
    assert heights[3] == pytest.approx(0.62, abs=0.03)
    assert heights[4] < 1
    assert len(axes.get_yticks()) <= 10


def test_ten_floors_are_still_on_a_linear_axis(read):
    assert read(curves([run("a", 1, [1.0, 9.9])], "NLL", floor=1.0)).panels[0].get_yscale() == "linear"


def test_three_decades_without_a_level_go_on_a_log_axis(read):
    assert read(curves([run("a", 1, [1.0, 1e-3])], "MSE")).panels[0].get_yscale() == "log"
    assert read(curves([run("a", 1, [1.0, 2e-3])], "MSE")).panels[0].get_yscale() == "linear"
    assert read(curves([run("a", 1, [1.0, 1e-5])], "MSE", scale="linear")).panels[0].get_yscale() == "linear"


def test_a_log_axis_asked_for_shows_exact_zeros_below_a_linear_stretch(read):
    axes = read(curves([run("a", 1, [75.0, 0.5, 0.0])], "error", scale="log")).panels[0]
    assert axes.get_yscale() == "symlog"
    assert axes.get_ylabel() == "error (linear below 0.5)"
    assert axes.get_ylim()[0] <= 0
    assert read(curves([run("a", 1, [75.0, 0.5])], "error", scale="log")).panels[0].get_yscale() == "log"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scale": "cubic"}, "curves: scale is 'cubic', allowed: auto, linear, log"),
        ({"scale": "log"}, "curves: scale is 'log' but NLL reaches -1, allowed: auto, linear"),
        ({"floor": np.nan}, "curves: floor is nan, allowed: finite numbers"),
        ({"levels": [(np.inf, "top")]}, "curves: level 'top' is inf, allowed: finite numbers"),
    ],
)
def test_wrong_arguments_are_answered_with_the_figure_the_variable_and_what_is_allowed(arguments, says):
    with pytest.raises(ValueError, match="curves") as caught:
        curves([run("a", 1, [1, -1])], "NLL", **arguments)
    assert str(caught.value) == says


def test_dollar_signs_and_long_names_of_groups_stay_readable(read):
    seen = read(curves([run("cost in $ and $", 1, [1, 1]), run("x" * 200, 1, [1, 1])], "NLL", title="a $ b $"))
    assert seen.legend[0].replace(r"\$", "$") == "cost in $ and $"
    assert len(seen.legend[1]) == 48


def test_a_long_legend_makes_the_figure_taller_and_leaves_the_panel_its_height(read):
    short, long = (
        read(
            curves([run("name " * words + str(i), 1, [2, 1]) for i in range(12)], "NLL", title="t " * 150 * (words > 1))
        )
        for words in (1, 12)
    )
    assert len(long.legend) == 12
    assert long.figure.get_figheight() > short.figure.get_figheight()
    heights = [seen.panels[0].get_position().height * seen.figure.get_figheight() for seen in (short, long)]
    assert heights[1] > 0.7 * heights[0]


def test_saturation_draws_bands_for_few_runs_and_says_so_where_it_leaves_them_out(read):
    def some(count):
        return [run(f"g{i}", 1, [0.9, 0.5], low=[0.8, 0.4], high=[1, 0.6]) for i in range(count)]

    few = read(saturation([Curves(some(6), "d")], threshold=0.05))
    assert len(few.panels[0].collections) == 6
    band = few.panels[0].collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.4, 1.0)
    assert few.level("saturated\nbelow 0.05") == 0.05
    assert "10th to 90th percentile" in few.notes
    many = read(saturation([Curves(some(7), "d")]))
    assert len(many.panels[0].collections) == 0
    assert "left out: 7" in many.notes


def test_saturation_needs_no_band_and_refuses_a_threshold_that_is_not_finite(read):
    assert read(saturation([Curves([run("a", 1, [0.9, 0.1])], "d")])).lines("run")[0].get_ydata().tolist() == [0.9, 0.1]
    with pytest.raises(ValueError, match="saturation: threshold is nan, allowed: finite"):
        saturation([Curves([run("a", 1, [0.9])], "d")], threshold=np.nan)


def test_spectral_marks_one_in_a_panel_for_rho_and_one_for_sigma_max(read):
    seen = read(spectral([run("a", 1, [0.95, 1.2])], [run("a", 1, [1.85, 2.1])]))
    assert len(seen.panels) == 2
    assert [seen.level("1", panel) for panel in (0, 1)] == [1.0, 1.0]
    assert seen.words == ["1"]
    assert seen.lines("run", 1)[0].get_ydata().tolist() == [1.85, 2.1]
    assert seen.panels[0].get_title(loc="left") == "spectral radius"
    assert seen.panels[1].get_title(loc="left") == "largest singular value"
    assert seen.legend == ["a"]


def test_spectral_shows_an_exploded_radius_and_leaves_out_an_empty_panel(read):
    seen = read(spectral([run("a", 1, [1.0, 1732.0])]))
    (axes,) = seen.panels
    assert axes.get_yscale() == "symlog"
    assert axes.get_ylim()[1] > 1732


# --- several panels
# -------------------------------------------------------------------------------------------------------------------


def test_several_panels_have_the_same_colours_and_one_legend(read):
    before, after = ([run(g, 1, [v, 2 * v]) for g, v in (("a", 1), ("b", 2))] for _ in range(2))
    seen = read(draw([Curves(before, "before"), Curves(after[1:], "after")]))
    assert [axes.get_ylabel() for axes in seen.panels] == ["before", "after"]
    assert seen.lines("run", 0)[1].get_color() == seen.lines("run", 1)[0].get_color()
    assert seen.legend == ["a", "b"]


def test_panels_of_one_scale_share_it_and_others_do_not(read):
    shown = [Curves([run("a", 1, [1.0, 100.0])], "x", scale="log"), Curves([run("a", 1, [1.0, 1.0])], "y", scale="log")]
    shared, separate = read(draw(shown, same_scale=True)), read(draw(shown))
    assert shared.panels[0].get_ylim() == shared.panels[1].get_ylim()
    assert separate.panels[1].get_ylim()[1] < 2
    assert shared.panels[1].get_yscale() == "log"


def test_a_panel_without_runs_is_left_out(read):
    assert len(read(draw([Curves([], "x"), Curves([run("a", 1, [1, 2])], "y")])).panels) == 1


def test_each_panel_has_the_floor_and_the_label_of_its_own_runs(read):
    shown = [
        Curves([run("a", 1, [1.4, 1.0])], "loss (nats)", title="order", floor=FLOOR, floor_label="ln 4"),
        Curves([run("b", 1, [0.05, 0.01])], "loss (mean squared error)", title="product", floor=7 / 144),
    ]
    seen = read(draw(shown))
    assert seen.level("ln 4", 0) == FLOOR
    assert seen.level("floor 0.0486111", 1) == 7 / 144
    assert [axes.get_title(loc="left") for axes in seen.panels] == ["order", "product"]
    assert seen.panels[1].get_ylim()[1] < 0.06


def test_separate_groups_have_a_panel_each_and_lines_named_once(read):
    seen = read(draw([Curves(three_methods(), "NLL", floor=FLOOR, floor_label="ln 4")], separate=True))
    titles = [axes.get_title(loc="left") for axes in seen.panels]
    assert titles == ["SGD (2 runs)", "SGD-C (2 runs)", "SGD-CR (2 runs)"]
    assert [len(seen.lines("run", panel)) for panel in range(3)] == [2, 2, 2]
    assert len({axes.get_ylim() for axes in seen.panels}) == len({axes.get_xlim() for axes in seen.panels}) == 1
    assert [seen.level("ln 4", panel) for panel in range(3)] == [FLOOR] * 3
    assert seen.words == ["ln 4"]
    assert [axes.get_ylabel() for axes in seen.panels] == ["NLL", "", ""]


def test_more_than_twelve_separate_groups_are_counted(read):
    seen = read(draw([Curves([run(f"g{i}", 1, [2, 1]) for i in range(20)], "NLL")], separate=True))
    assert len(seen.panels) == 12
    assert "12 of 20 panels shown, 8 left out" in seen.notes


def test_a_level_above_the_floor_leaves_the_room_to_what_lies_below(read):
    below = {"floor": 0.1, "floor_label": "floor", "levels": [(1.79, "guess")]}
    calm = read(curves([run("a", 1, [0.11, 0.02])], "NLL", **below))
    assert calm.panels[0].get_ylim()[1] < 0.2
    assert "guess" not in calm.words
    late = read(curves([run("a", 1, [1.8, 0.02])], "NLL", **below))
    assert "guess" in late.words
    to_panel = late.panels[0].transData + late.panels[0].transAxes.inverted()
    assert to_panel.transform((0, 0.1))[1] > 0.4


def test_zeros_alone_stand_at_the_bottom_of_an_axis_to_one(read):
    low, high = read(curves([run("a", 1, [0.0, 0.0])], "share")).panels[0].get_ylim()
    assert -0.1 < low <= 0
    assert 1 <= high < 1.2


def test_a_unit_in_brackets_takes_the_remark_on_a_bent_axis(read):
    axes = read(curves([run("a", 1, [1, 1e6])], "loss (nats)", floor=FLOOR)).panels[0]
    assert axes.get_ylabel() == "loss (nats, log above 2)"


def test_groups_keep_the_colour_that_they_have_among_all(read):
    both = read(draw([Curves([run("a", 1, [1, 2]), run("b", 1, [1, 2])], "x")]))
    alone = read(draw([Curves([run("b", 1, [1, 2])], "x")], groups=["a", "b"]))
    assert alone.lines("run")[0].get_color() == both.lines("run")[1].get_color()
    assert alone.legend == ["b"]


def test_panels_of_groups_with_long_names_have_different_titles():
    names = [f"gru hidden=16 lr={lr} batch=20 omega=0.5" for lr in ("0.01", "0.02", "0.03")]
    runs = [Series(f"{name} {seed}", name, np.arange(3), np.ones(3)) for name in names for seed in (1, 2)]
    figure = draw([Curves(runs, "loss")], separate=True)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]
    assert titles == ["… lr=0.01 (2 runs)", "… lr=0.02 (2 runs)", "… lr=0.03 (2 runs)"]

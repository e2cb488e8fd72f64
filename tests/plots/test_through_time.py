"""Figures over time steps: gradient and saturation profiles, and the image of the gradient."""

import numpy as np
import pytest

from plots import Trace, gradient_image, gradient_through_time, saturation_through_time


def trace(group="g", seed=1, checks=5, steps=10, values=None):
    updates = 100 * np.arange(checks)
    if values is None:
        values = 10.0 ** -np.tile(np.arange(steps)[::-1], (checks, 1))
    return Trace(f"{group} seed {seed}", group, updates[: len(values)], values)


def dashes(axes):
    """The dashes of the strip, as one list of (time step, height) for each check."""
    return [
        [(segment[:, 0].mean(), segment[0, 1]) for segment in dashed.get_segments()]
        for dashed in axes.collections
        if dashed.get_gid() == "zero"
    ]


def test_the_gradient_is_drawn_as_its_decimal_logarithm_at_time_steps_from_one(read):
    seen = read(gradient_through_time([trace(checks=2, steps=3)], title="t"))
    for line in seen.lines("check"):
        assert line.get_xydata().tolist() == [[1, -2], [2, -1], [3, 0]]
    assert seen.panels[0].get_title(loc="left") == "g seed 1"
    assert seen.panels[0].get_xlabel() == "time step $t$"


def test_a_few_checks_are_drawn_first_and_last_among_them_from_light_to_dark(read):
    seen = read(gradient_through_time([trace(checks=101)], checks=3))
    lines = seen.lines("check")
    assert [line.get_label() for line in lines] == ["update 0", "update 5,000", "update 10,000"]
    brightness = [sum(line.get_color()[:3]) for line in lines]
    assert brightness == sorted(brightness, reverse=True)
    assert seen.legend == ["update 0", "update 5,000", "update 10,000"]
    assert seen.bars == []


def test_more_than_six_different_updates_have_a_colour_bar(read):
    seen = read(gradient_through_time([trace(checks=7)], checks=7))
    (bar,) = seen.bars
    assert bar.get_ylabel() == "updates"
    assert seen.legend == []


def test_one_check_is_the_last_and_is_said_in_a_note_instead_of_a_colour_bar(read):
    seen = read(gradient_through_time([trace(checks=101)], checks=1))
    assert len(seen.lines("check")) == 1
    assert seen.bars == []
    assert "at update 10,000" in seen.notes


def test_exact_zeros_are_dashes_in_a_strip_and_never_part_of_a_line(read):
    seen = read(gradient_through_time([trace(values=np.array([[0, 0, 1e-3, 1], [0, 1e-5, 1e-3, 1]]))]))
    first, second = seen.lines("check")
    np.testing.assert_array_equal(first.get_ydata(), [np.nan, np.nan, -3, 0])
    np.testing.assert_array_equal(second.get_ydata(), [np.nan, -5, -3, 0])
    early, late = dashes(seen.panels[0])
    assert [step for step, _ in early] == [1, 2]
    assert [step for step, _ in late] == [1]
    assert 0 < early[0][1] < late[0][1] < 0.11
    assert "exactly 0" in seen.words


def test_the_smallest_value_and_the_ticks_stay_clear_of_the_strip(read):
    axes = read(gradient_through_time([trace(values=np.array([[0, 1e-9, 1]]))])).panels[0]
    to_panel = axes.transData + axes.transAxes.inverted()
    assert to_panel.transform((1, -9))[1] > 0.12
    assert min(to_panel.transform((1, tick))[1] for tick in axes.get_yticks()) > 0.11


def test_small_values_are_drawn_where_they_are_however_small(read):
    seen = read(gradient_through_time([trace(values=np.array([[1e-300, 1e-12, 1]]))]))
    np.testing.assert_allclose(seen.lines("check")[0].get_ydata(), [-300, -12, 0])


def test_without_zeros_there_is_no_strip(read):
    seen = read(gradient_through_time([trace()]))
    assert dashes(seen.panels[0]) == []
    assert "exactly 0" not in seen.words


def test_only_zeros_make_a_full_strip_and_no_ticks(read):
    seen = read(gradient_through_time([trace(values=np.zeros((2, 30)))]))
    assert [len(row) for row in dashes(seen.panels[0])] == [30, 30]
    assert len(seen.panels[0].get_yticks()) == 0
    assert all(np.isnan(line.get_ydata()).all() for line in seen.lines("check"))


def test_overflows_are_triangles_at_the_top_edge(read):
    seen = read(gradient_through_time([trace(values=np.array([[np.inf, 1e30, 1]]))]))
    (line,) = seen.lines("overflow")
    assert line.get_marker() == "^"
    assert line.get_xdata().tolist() == [1]
    assert line.get_transform() == seen.panels[0].get_xaxis_transform()


def test_padding_is_a_gap_and_a_lone_value_a_dot(read):
    seen = read(gradient_through_time([trace(values=np.array([[1, np.nan, 1e-2, np.nan, np.nan]]))]))
    assert seen.points("lone").tolist() == [[1, 0], [3, -2]]


@pytest.mark.parametrize("value", [1.0, 0.0, np.nan, np.inf])
@pytest.mark.parametrize("figure", [gradient_through_time, saturation_through_time, gradient_image])
def test_a_single_time_step_at_a_single_check_makes_a_figure(read, figure, value):
    axes = read(figure([trace(values=np.array([[value]]))])).panels[0]
    assert axes.get_xlim() == (0.5, 1.5)


def test_all_panels_share_their_limits(read):
    runs = [trace("a", values=np.array([[1e-8, 1]])), trace("b", values=np.array([[1.0, 1, 1, 1e3]]))]
    seen = read(gradient_through_time(runs))
    assert seen.panels[0].get_ylim() == seen.panels[1].get_ylim()
    assert seen.panels[0].get_xlim() == seen.panels[1].get_xlim() == (0.5, 4.5)


@pytest.mark.parametrize("figure", [gradient_through_time, saturation_through_time, gradient_image])
def test_too_many_runs_show_one_of_each_group_first_and_say_how_many_were_left_out(read, figure):
    runs = [trace(group, seed) for group in "abc" for seed in (1, 2)]
    seen = read(figure(runs, most=4))
    assert [axes.get_title(loc="left") for axes in seen.panels] == [
        "a seed 1",
        "a seed 2",
        "b seed 1",
        "c seed 1",
    ]
    assert "4 of 6 runs shown, 2 left out" in seen.notes
    many = read(figure([trace(f"g{i}") for i in range(200)]))
    assert len(many.panels) == 6
    assert "6 of 200 runs shown, 194 left out" in many.notes


def test_a_run_without_a_check_is_left_out_and_counted(read):
    empty = Trace("empty", "e", [], np.empty((0, 5)))
    seen = read(gradient_through_time([empty, trace()]))
    assert len(seen.panels) == 1
    assert "1 of 2 runs shown, 1 left out" in seen.notes
    assert read(gradient_through_time([empty])).words == ["No traces to draw."]


def test_saturation_is_drawn_as_it_is_from_zero(read):
    seen = read(saturation_through_time([trace(values=np.array([[0.9, 0.0, 0.5]]))], ylabel="1 - |h|"))
    assert seen.lines("check")[0].get_ydata().tolist() == [0.9, 0.0, 0.5]
    axes = seen.panels[0]
    assert axes.get_ylim()[0] <= 0
    assert 0.0 in axes.get_yticks()
    assert axes.get_ylabel() == "1 - |h|"
    assert dashes(axes) == []


def test_the_image_has_a_cell_for_each_time_step_and_check(read):
    seen = read(gradient_image([trace(checks=4, steps=3)]))
    axes = seen.panels[0]
    (mesh,) = axes.collections
    np.testing.assert_array_equal(mesh.get_array(), np.tile([-2.0, -1.0, 0.0], (4, 1)))
    assert axes.get_xlim() == (0.5, 3.5)
    assert axes.get_ylim() == (-50, 350)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-2, 0)
    assert seen.bars[0].get_ylabel() == r"$\log_{10}\,g_t$"


def test_the_image_shows_zeros_overflows_and_padding_apart_from_the_colour_scale(read):
    seen = read(gradient_image([trace(values=np.array([[0, 0.1, np.nan], [np.inf, 10, 0]]))]))
    meshes = {mesh.get_gid(): mesh for mesh in seen.panels[0].collections}
    masks = {name: np.ma.getmaskarray(mesh.get_array()).tolist() for name, mesh in meshes.items()}
    assert masks["log g"] == [[True, False, True], [True, False, True]]
    assert masks["exactly 0"] == [[False, True, True], [True, True, False]]
    assert masks["overflow"] == [[True, True, True], [False, True, True]]
    assert (meshes["log g"].norm.vmin, meshes["log g"].norm.vmax) == (-1, 1)
    assert seen.legend == ["exactly 0", "overflow"]


def test_an_image_of_zeros_only_needs_no_colour_scale(read):
    seen = read(gradient_image([trace(values=np.zeros((3, 4)))]))
    assert seen.bars == []
    assert seen.legend == ["exactly 0"]


@pytest.mark.parametrize("figure", [gradient_through_time, saturation_through_time, gradient_image])
def test_negative_values_are_refused_with_the_figure_and_the_run(figure):
    with pytest.raises(ValueError, match=f"{figure.__name__}: values of 'g seed 1' are negative, allowed: norms"):
        figure([trace(values=np.array([[-1.0]]))])


def test_fewer_than_one_check_or_run_is_refused():
    with pytest.raises(ValueError, match="gradient_through_time: checks is 0, allowed: 1 or more"):
        gradient_through_time([trace()], checks=0)
    with pytest.raises(ValueError, match="gradient_image: most is 0, allowed: 1 or more"):
        gradient_image([trace()], most=0)

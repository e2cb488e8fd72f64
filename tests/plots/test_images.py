"""Images of a run's whole training: histograms of the gradient and of distances."""

import numpy as np
import pytest

from plots import Histogram, Trace, distance_image, gradient_histogram_image, gradient_image


def meshes(axes):
    return {mesh.get_gid(): mesh for mesh in axes.collections}


def gates(label, names, counts=((1, 3), (2, 2))):
    return [Histogram(label, label, [20, 40], [0, 0.25, 0.5], counts, quantity=f"gate {name}") for name in names]


def test_shares_are_at_their_update_and_bin_and_zeros_in_a_separate_row(read):
    run = Histogram("a", "g", [20, 40], [-4, -2, 0], [[1, 1], [0, 3]], [2, 1])
    axes = read(gradient_histogram_image([run])).panels[0]
    by_gid = meshes(axes)
    shares = by_gid["shares"].get_array()
    np.testing.assert_array_equal(shares.filled(0), [[0.25, 0], [0.25, 0.75]])
    assert np.ma.getmaskarray(shares).tolist() == [[False, True], [False, False]], "empty bins are blank"
    assert by_gid["zero"].get_array().tolist() == [[0.5, 0.25]]
    assert "overflow" not in by_gid
    assert "zero" in [text.get_text() for text in axes.get_yticklabels()]
    assert axes.get_xlim() == (10, 50)


def test_overflows_have_a_row_at_the_top(read):
    wild = Histogram("a", "g", [20], [-2, 0], [[1]], [0], [3])
    axes = read(gradient_histogram_image([wild])).panels[0]
    assert meshes(axes)["overflow"].get_array().tolist() == [[0.75]]
    assert axes.get_yticklabels()[-1].get_text() == r"$\infty$"


def test_limits_are_lines_in_view_and_the_remark_stands_above_the_panel(read):
    run = Histogram("a", "g", [20], [-1, 0], [[4]], remark="vanished: 0 %")
    seen = read(gradient_histogram_image([run], limits=(-8, 2)))
    axes = seen.panels[0]
    heights = [line.get_ydata()[0] for line in axes.lines if line.get_gid() == "limit"]
    assert heights == [-8, 2]
    assert axes.get_ylim()[0] < -8
    assert axes.get_ylim()[1] > 2
    assert "10^{-8}" in seen.notes
    (words,) = [text for text in axes.texts if text.get_text() == "vanished: 0 %"]
    assert words.get_transform() == axes.transAxes
    assert words.get_position()[1] > 1


def test_an_exploded_run_has_a_separate_scale(read):
    calm = Histogram("calm", "a", [20], [-4, -2, 0], [[1, 1]])
    wild = Histogram("wild", "b", [20], [-4, 0, 30], [[1, 1]])
    seen = read(gradient_histogram_image([calm, wild]))
    assert seen.panels[0].get_ylim()[1] == 0
    assert seen.panels[1].get_ylim()[1] == 30
    assert "on a separate scale" in seen.notes
    assert "scale" not in read(gradient_histogram_image([calm])).notes


def test_the_quantities_of_a_run_are_in_one_row_under_its_name(read):
    seen = read(distance_image([*gates("gru", "zr"), *gates("lstm", "ifo")], ylabel="d"))
    assert [axes.get_title(loc="left") for axes in seen.panels] == [
        "gru\ngate z", "gate r", "lstm\ngate i", "gate f", "gate o",
    ]  # fmt: skip
    tops = [round(axes.get_position().y1, 6) for axes in seen.panels]
    assert tops[0] == tops[1] > tops[2] == tops[3] == tops[4]
    assert [axes.get_ylabel() for axes in seen.panels] == ["d", "", "d", "", ""]
    assert [axes.get_xlabel() for axes in seen.panels] == ["", "", "updates", "updates", "updates"]


def test_distances_go_from_saturated_to_the_limit(read):
    axes = read(distance_image(gates("gru", "z"), ylabel="d", ends=("saturated", "undecided"))).panels[0]
    assert axes.get_ylim() == (0, 0.5)
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("saturated 0", "undecided 0.5")
    assert meshes(axes)["shares"].get_array().filled(0).tolist() == [[0.25, 0.5], [0.75, 0.5]]


def test_most_counts_runs_and_not_their_quantities(read):
    records = [record for i in range(3) for record in gates(f"r{i}", "zr")]
    seen = read(distance_image(records, ylabel="d", most=2))
    assert len(seen.panels) == 4
    assert "2 of 3 runs shown, 1 left out" in seen.notes


def test_two_runs_of_one_name_are_two_runs(read):
    seen = read(distance_image([*gates("a", "zr"), *gates("a", "zr")], ylabel="d"))
    assert [axes.get_title(loc="left") for axes in seen.panels] == ["a\ngate z", "gate r"] * 2


def test_of_more_checks_than_pixels_neighbours_are_counted_together_and_none_is_lost(read):
    updates = 20 * np.arange(1, 1203)
    counts = np.zeros((1202, 2))
    counts[:, 0] = 3
    counts[601, :] = [0, 9]  # a single check is different
    run = Histogram("a", "g", updates, [-2, -1, 0], counts, np.ones(1202))
    by_gid = meshes(read(gradient_histogram_image([run])).panels[0])
    shares = by_gid["shares"].get_array().filled(0)
    assert shares.shape == (2, 500)
    assert np.count_nonzero(shares[1]) == 1
    np.testing.assert_allclose(shares.sum(0) + by_gid["zero"].get_array()[0], 1)


def test_of_more_checks_than_pixels_an_image_of_values_draws_some_and_says_so(read):
    seen = read(gradient_image([Trace("a", "g", np.arange(1, 1202), np.ones((1201, 2)))]))
    assert meshes(seen.panels[0])["log g"].get_array().shape == (500, 2)
    assert "at most 500 checks per run are drawn, of up to 1,201" in seen.notes


def test_an_exploded_run_does_not_take_the_colours_of_an_image(read):
    calm = Trace("calm", "a", [20], [[1e-4, 1.0]])
    seen = read(gradient_image([calm, Trace("wild", "b", [20], [[1e30, 1.0]])]))
    (mesh,) = [mesh for mesh in seen.panels[0].collections if mesh.get_gid() == "log g"]
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-4, 0)
    alone = read(gradient_image([Trace("wild", "b", [20], [[1e30, 1e20]])]))
    (mesh,) = alone.panels[0].collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (20, 30)


@pytest.mark.parametrize("figure", ["gradient", "distance", "values"])
def test_a_single_check_is_named_once(read, figure):
    run = Histogram("a", "g", [2], [-2, -1], [[1]])
    drawn = {
        "gradient": lambda: gradient_histogram_image([run]),
        "distance": lambda: distance_image([Histogram("a", "g", [2], [0, 1], [[1]])], ylabel="d"),
        "values": lambda: gradient_image([Trace("a", "g", [2], [[1.0]])]),
    }
    axes = read(drawn[figure]()).panels[0]
    axis = axes.yaxis if figure == "values" else axes.xaxis
    assert [text.get_text() for text in axis.get_ticklabels()] == ["2"]


@pytest.mark.parametrize("figure", [gradient_histogram_image, lambda runs, **k: distance_image(runs, ylabel="d", **k)])
def test_too_many_runs_are_counted_and_fewer_than_one_is_refused(read, figure):
    runs = [Histogram(f"r{i}", f"g{i}", [20], [0, 1], [[1]]) for i in range(9)]
    assert "6 of 9 runs shown, 3 left out" in read(figure(runs)).notes
    with pytest.raises(ValueError, match="most is 0, allowed: 1 or more"):
        figure(runs, most=0)

"""The figure of main effects and importances."""

import pytest

from plots.effects import MOST, Effect, Importance, effects

SHOWN = [Effect("a", "0", 1.0, 0.5), Effect("a", "1", 2.0, 0.25), Effect("b", "x", 3.0)]


def test_a_row_for_each_value_with_its_mean_and_error(read):
    seen = read(effects(SHOWN, xlabel="mean loss", floor=1.5, floor_label="floor 1.5", title="t"))
    (panel,) = seen.panels
    means = seen.points("mean")
    assert means[:, 0].tolist() == [1, 2, 3]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["a   0", "1", "b   x"]
    assert panel.get_yticks().tolist() == means[:, 1].tolist()
    assert seen.points("error")[:, 0].tolist() == [0.5, 1.5, 1.75, 2.25]
    assert means[0, 1] < means[1, 1] < means[2, 1]
    assert panel.yaxis_inverted()
    low, high = panel.get_ylim()
    assert low > means[2, 1]
    assert high < means[0, 1]
    assert seen.legend == [
        "mean",
        "± standard error over seeds",
        "floor 1.5",
    ]


def test_bars_stand_beside_the_values_of_their_hyper_parameter(read):
    forest = Importance("forest", "R² lost", [0.5, -0.1], [0.2, 0.1])
    seen = read(effects(SHOWN, [forest, Importance("linear", "sd", [0.1, 0.9])], title="t", notes=["R² is so and so"]))
    assert [axes.get_title(loc="left") for axes in seen.panels[1:]] == ["forest", "linear"]
    bars = seen.panels[1].patches
    assert [bar.get_width() for bar in bars] == [0.5, -0.1]
    middles = [bar.get_y() + bar.get_height() / 2 for bar in bars]
    places = seen.points("mean")[:, 1]
    assert middles == pytest.approx([(places[0] + places[1]) / 2, places[2]])
    assert seen.points("importance error", 1)[:, 0] == pytest.approx([0.3, 0.7, -0.2, 0.0])
    assert seen.lines("importance error", 2) == []
    assert seen.notes == "R² is so and so"


def test_hyper_parameters_without_space_are_left_out_whole_and_counted_in_a_note(read):
    shown = [Effect(name, str(i), float(i)) for name in "abc" for i in range(MOST // 2)]
    seen = read(effects(shown, [Importance("f", "x", [1.0, 2.0, 3.0])]))
    assert len(seen.points("mean")) == MOST
    assert [bar.get_width() for bar in seen.panels[1].patches] == [1.0, 2.0]
    assert seen.notes == "1 of 3 hyper-parameters left out for lack of space"


def test_nothing_to_draw_is_said_in_words(read):
    assert read(effects([], title="t")).words == ["No effects to draw."]


def test_importances_for_another_number_of_hyper_parameters_are_refused():
    with pytest.raises(ValueError, match="effects: forest has 3 sizes, allowed: 2, one per hyper-parameter"):
        effects(SHOWN, [Importance("forest", "x", [1, 2, 3])])
    with pytest.raises(ValueError, match="effects: forest has 1 errors, allowed: 2"):
        effects(SHOWN, [Importance("forest", "x", [1, 2], [1])])

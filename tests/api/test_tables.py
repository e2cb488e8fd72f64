"""Leaderboards as a notebook shows them."""

from types import SimpleNamespace

from rnnctl.api.tables import leaderboard


def configuration(task, unit):
    row = {"task": task, "loss_unit": unit, "label": "a", "runs": 1, "loss": 1.0}
    return SimpleNamespace(study="s", task=task, loss_unit=unit, row=lambda: row)


def test_losses_of_several_units_are_shown_with_them():
    several = [configuration("temporal_order", "nats"), configuration("addition", "mean squared error")]
    html = leaderboard(SimpleNamespace(by="loss", configurations=several))._repr_html_()
    assert "<th>loss_unit</th>" in html
    assert "mean squared error" in html
    one = leaderboard(SimpleNamespace(by="loss", configurations=several[:1]))._repr_html_()
    assert "<th>loss_unit</th>" not in one

"""The verdict on gradients in words."""

import pytest

from rnnctl.report.gradients import in_words


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0, 0, 0), "ordinary"),
        ((0.2, 0.4, 0), "vanished 40 %, zero 20 %"),
        ((0, 0.001, 0.999), "vanished <1 %, exploded >99 %"),
    ],
)
def test_what_is_not_ordinary_is_said_in_a_few_words(shares, words):
    assert in_words(*shares) == words

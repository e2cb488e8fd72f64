from __future__ import annotations

import pytest

from tests.study.studies import study


@pytest.mark.parametrize(
    ("sections", "warnings"),
    [
        ("grid: {train.lr: [0.1]}\n", []),
        ("seeds: [1, 2, 1]\n", ["4: seeds: 1 is listed twice"]),
        ("grid: {train.lr:\n  [0.1,\n  0.10]}\n", ["6: grid.train.lr: 0.1 is listed twice"]),
        ("grid: {train.clip: [none, null]}\n", ["1: study: runs that equal earlier ones, merged with them: 1"]),
        (
            "cases:\n  A: {}\n  B: {train.lr: 0.01}\n",
            ["6: cases.B: has no run of its own: all are excluded or equal to earlier ones"],
        ),
        (
            "cases:\n  A: {train.lr: 0.5}\n  B: {}\ngrid:\n  train.lr: [1, 2]\n",
            [
                "5: cases.A.train.lr: has no effect: train.lr is varied for all cases",
                "6: cases.B: has no run of its own: all are excluded or equal to earlier ones",
            ],
        ),
        (
            "grid:\n  model.init:\n  - xavier\n  - {name: xavier, gain: 2}\nexclude: [{model.init.gain: 2}]\n",
            ["7: grid.model.init: the value xavier(gain=2) is in no run: `exclude` removes them all"],
        ),
        ("exclude: [{seed: 99}]\n", ["4: exclude[1]: matches no run"]),
        (
            "grid:\n  train.lr:\n  - 0.1\n  - 0.2\nexclude: [{train.lr: 0.2}]\n",
            ["7: grid.train.lr: the value 0.2 is in no run: `exclude` removes them all"],
        ),
        (
            "grid:\n  train.omega: [0, 1]\nwhen: {train.omega: {seed: 99}}\n",
            ["5: grid.train.omega: train.omega has no effect: `when` drops it from every run"],
        ),
        (
            "when: {train.omega: {seed: 1}}\n",
            ["4: when.train.omega: drops nothing: no run sets the key and fails the condition"],
        ),
        (
            "random:\n  n: 3\n  train.batch: {choice: [5]}\n",
            ["1: study: runs that equal earlier ones, merged with them: 2"],
        ),
    ],
)
def test_what_has_no_effect_is_said_with_its_place(sections, warnings):
    expected = [f"s.yaml:{text}" for text in warnings]
    assert list(study(sections).warnings) == expected

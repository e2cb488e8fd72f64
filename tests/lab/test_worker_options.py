import json
from pathlib import Path

import pytest

from rnnctl.lab.errors import LabError
from rnnctl.lab.worker_options import WorkerOptions


def test_options_survive_the_way_to_a_worker():
    options = WorkerOptions(
        Path("/some/space ü"), "cuda:0,cuda:1", 0.5, 100, 12, 4, 2, 1, studies=("ä",), runs=("r1-0", "r1-1")
    )
    text = options.to_json()
    assert "\n" not in text
    assert WorkerOptions.from_json(text) == options


def test_only_the_workspace_is_needed():
    assert WorkerOptions.from_json('{"workspace": "/w"}') == WorkerOptions(Path("/w"))


def test_six_beats_go_into_a_lease():
    settings = WorkerOptions(Path("/w"), lease=12.0).settings
    assert (settings.lease, settings.beat) == (12.0, 2.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "tpu"),
        ("device", "cuda:x"),
        ("device", None),
        ("checkpoint_seconds", -0.1),
        ("checkpoint_seconds", float("nan")),
        ("checkpoint_seconds", "20"),
        ("checkpoint_updates", 0),
        ("checkpoint_updates", 1.5),
        ("lease", 0.5),
        ("lease", 1e6),
        ("lease", True),
        ("pack", 0),
        ("pack", [1]),
        ("peers", 0),
        ("peers", None),
        ("slot", -1),
        ("slot", 1),
        ("slot", None),
        ("studies", "tiny"),
        ("runs", 7),
    ],
)
def test_a_value_that_is_not_allowed_is_told_with_those_that_are(name, value):
    text = json.dumps({"workspace": "/w", name: value})
    with pytest.raises(LabError) as error:
        WorkerOptions.from_json(text)
    line = str(error.value)
    assert line.startswith(f"{name.replace('_', '-')}: {value!r} is not allowed; allowed: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{'workspace': 1}", "not JSON"),
        ("[1]", "a JSON object, not [1]"),
        ("null", "a JSON object"),
        ("{}", "need a text `workspace`"),
        ('{"workspace": 3}', "need a text `workspace`"),
        ('{"workspace": "/w", "leese": 3}', "did you mean lease?"),
    ],
)
def test_a_text_that_holds_no_options_is_refused(text, words):
    with pytest.raises(LabError) as error:
        WorkerOptions.from_json(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)

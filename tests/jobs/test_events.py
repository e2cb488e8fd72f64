import json
import re
from pathlib import Path

import numpy as np
import pytest

from jobs import events


def test_an_event_survives_the_pipe():
    said = events.event("check", 12.5, "w", run="one", step=3, scalars={"loss": 0.25})
    line = events.encode(said)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert events.decode(line) == said


def test_non_finite_numbers_become_null():
    said = events.event("check", 1.0, "w", scalars={"loss": float("nan"), "g": [1.0, float("inf")]})
    text = events.encode(said)
    assert json.loads(text, parse_constant=pytest.fail)["scalars"] == {"loss": None, "g": [1.0, None]}


def test_values_that_json_does_not_know_do_not_stop_an_event():
    told = events.decode(events.encode(events.event("check", 1.0, "w", value=np.float32(0.5), path=Path("a/b"))))
    assert (told["value"], told["path"]) == (0.5, "a/b")


@pytest.mark.parametrize(
    "line", [b"", b"hello\n", b'{"event": "check", "at"', b"[1]\n", b'{"event": "unknown"}\n', b"\xff"]
)
def test_a_line_without_an_event_is_skipped(line):
    assert events.decode(line) is None


def test_unknown_event_names_are_refused():
    with pytest.raises(AssertionError):
        events.event("rescue", 1.0, "w")


def test_every_event_is_documented():
    documented = re.findall(r"^\| (\w+) \|", events.__doc__, flags=re.MULTILINE)
    assert set(documented) - {"event"} == events.EVENTS

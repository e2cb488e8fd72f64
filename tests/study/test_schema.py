from __future__ import annotations

import pytest

from rnnctl.study.lookup import UnknownKey, lookup
from rnnctl.study.schema import KEYS, short_name


def ending_with(tail):
    """Return the keys that a tail may stand for. Those marked NAMESAKE, which came later, count only alone."""
    matches = [path for path in KEYS if path[-len(tail) :] == tail]
    return [path for path in matches if not KEYS[path].is_namesake] or matches


def test_every_short_name_stands_for_one_key():
    assert len({short_name(path) for path in KEYS}) == len(KEYS)
    for path in KEYS:
        tail = tuple(short_name(path).split("."))
        assert tail == path or ending_with(tail) == [path]


def test_no_shorter_tail_would_have_done():
    for path in KEYS:
        words = short_name(path).split(".")
        if len(words) > 1:
            tail = tuple(words[1:])
            assert tail in KEYS or ending_with(tail) != [path] or KEYS[path].is_namesake


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("std.x", "there is no key std; "),
        ("lrr", "there is no key lrr; allowed: task, model, train, check, stop, seed; did you mean train.lr?"),
        (
            "train.beta1",
            "train.beta1: is train.optimizer.beta1 now; write for example train.optimizer: {name: adam, beta1: 0.95}",
        ),
        (
            "train.lr_decay",
            "train.lr_decay: is train.rate.name now; write for example train.rate: {name: 1/t, period: 1000}",
        ),
        ("lr_period", "lr_period: is train.rate.period now; write for example train.rate: "),
    ],
)
def test_a_name_that_is_no_key_is_answered_with_those_that_are(name, message):
    with pytest.raises(UnknownKey) as caught:
        lookup(tuple(name.split(".")))
    assert str(caught.value).startswith(message)

from __future__ import annotations

import pytest

from rnnctl.study.lookup import UnknownKey, lookup
from rnnctl.study.schema import KEYS, short_name


def test_every_short_name_stands_for_one_key():
    for path in KEYS:
        tail = tuple(short_name(path).split("."))
        assert tail == path or [other for other in KEYS if other[-len(tail) :] == tail] == [path]


def test_no_shorter_tail_would_have_done():
    for path in KEYS:
        words = short_name(path).split(".")
        if len(words) > 1:
            tail = tuple(words[1:])
            assert tail in KEYS or sum(other[-len(tail) :] == tail for other in KEYS) > 1


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

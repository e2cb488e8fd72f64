import pytest

from jobs.config import LONGEST_WAIT, Settings


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"lease": 0}, "lease"),
        ({"beat": 0.0}, "beat"),
        ({"beat": 20.1}, "third of the lease"),
        ({"lease": 29.0}, "third of the lease"),
        ({"rescue_every": -1.0}, "rescue_every"),
        ({"stall": 0.0}, "stall"),
        ({"stuck": 0.0}, "stuck"),
        ({"strike_limit": 0}, "strike_limit"),
        ({"crash_limit": 0}, "crash_limit"),
        ({"backoff": -0.1}, "backoff"),
        ({"lease": float("nan")}, "lease"),
    ],
)
def test_settings_that_would_break_a_promise_are_refused(setting, word):
    with pytest.raises(ValueError, match=word):
        Settings(**setting)


def test_waits_grow_from_nothing_to_a_minute():
    assert [Settings().wait(failures) for failures in (1, 2, 3, 4, 9)] == [0.0, 2.0, 4.0, 8.0, 60.0]
    assert Settings(backoff=0.0).wait(9) == 0.0
    assert Settings().wait(10_000) == LONGEST_WAIT

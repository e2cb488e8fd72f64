import threading

import pytest

from jobs.patience import patiently
from store import Busy, DiskFull


def test_a_busy_store_is_tried_again_and_told_once():
    errors, told = [Busy("locked"), Busy("locked still")], []

    def action():
        if errors:
            raise errors.pop(0)
        return "done"

    assert patiently(action, told.append, pause=0.0) == "done"
    assert [str(error) for error in told] == ["locked"]


def test_other_errors_are_not_waited_for():
    def action():
        raise DiskFull("no room")

    with pytest.raises(DiskFull):
        patiently(action, lambda error: None)


def test_whoever_is_told_to_stop_does_not_try_again():
    stop = threading.Event()

    def action():
        stop.set()
        raise Busy("locked")

    with pytest.raises(Busy):
        patiently(action, lambda error: None, stop)

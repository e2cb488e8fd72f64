"""Waiting for conditions instead of sleeping: generous with slow machines, quick on fast ones."""

import time

DEADLINE = 60.0  # seconds: far more than anything takes, so that only what never comes fails a test


def until(condition, what="the condition", deadline=DEADLINE):
    """Polls until `condition()` is truthy and returns what it gave; fails the test after the deadline."""
    end = time.monotonic() + deadline
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {deadline:g} s for {what}"
        time.sleep(0.01)
    return found

"""Waiting for conditions instead of sleeping: generous with slow machines, quick on fast ones."""

import time

DEADLINE = 120.0  # seconds; nothing that is waited for takes a tenth of it on a quiet machine


def until(condition, what="the condition", deadline=DEADLINE):
    """Poll until `condition()` is true and return its value; fail the test after the deadline."""
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {deadline:g} s for {what}"
        time.sleep(0.01)
    return result

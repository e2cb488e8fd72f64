"""How many examples tests draw: the same ones each time, more where more are asked for."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Multiplies the number of examples of every property test, and of packs in tests/slow/test_drawn_packs.py.
TIMES = int(os.environ.get("RNNCTL_TEST_EXAMPLES", 1))
LONG = 10  # times, from which on nothing is left out: `make test-long`


def examples(number: int) -> settings:
    """Return settings by which a property test draws a number of examples, times `TIMES`.

    The examples depend on the test alone, and the time that they take on nothing that is tested: others may use the
    machine too.
    """
    return settings(
        max_examples=number * TIMES,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )


def load_profile() -> None:
    """Make `examples(100)` what holds for property tests that say nothing."""
    settings.register_profile("rnnctl", examples(100))
    settings.load_profile("rnnctl")

"""Wait for a store that another program has locked, instead of giving up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from store import Busy

PAUSE = 1.0  # seconds between two tries

Result = TypeVar("Result")


def patiently(
    action: Callable[[], Result],
    tell: Callable[[Busy], None],
    stop: threading.Event | None = None,
    pause: float = PAUSE,
) -> Result:
    """Return what `action` returns, trying again for as long as the store is busy.

    tell: is called once, with the first error. stop: once set, Busy is raised instead of trying again.
    """
    stop = threading.Event() if stop is None else stop
    told = False
    while True:
        try:
            return action()
        except Busy as error:
            if stop.is_set():
                raise
            if not told:
                tell(error)
                told = True
        stop.wait(pause)

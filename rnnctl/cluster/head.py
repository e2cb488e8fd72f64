"""Whether the head of a cluster is there.

Without it Ray ends this process after a minute. Until then workers and the ledger still reach each other, so that all
runs can be saved.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

LOOK_EVERY = 5.0  # seconds
MOST_FAILURES = 3  # looks in a row that find nobody, after which the head counts as gone
TIMEOUT = 5.0  # seconds that a look may take


class Head:
    """Looks for the head at HOST:PORT from a thread of its own, inside `with`. gone: is set when it is not there.

    on_gone: is called then, once, in that thread.
    """

    def __init__(self, address: str, on_gone: Callable[[], None], every: float = LOOK_EVERY) -> None:
        host, _, port = address.rpartition(":")
        self.gone = threading.Event()
        self._place = host.strip("[]"), int(port)
        self._on_gone = on_gone
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="head", daemon=True)

    def __enter__(self) -> Head:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._over.wait(self._every):
            failures = 0 if self._answers() else failures + 1
            if failures == MOST_FAILURES:
                self.gone.set()
                self._on_gone()
                return

    def _answers(self) -> bool:
        try:
            socket.create_connection(self._place, TIMEOUT).close()
        except OSError:
            return False
        return True

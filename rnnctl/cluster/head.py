"""Whether the head of a cluster is there.

Without it Ray ends this process after a minute. Until then workers and the ledger still reach each other, so that all
runs can be saved.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from jobs.beside import Beside
from rnnctl.cluster.place import place_of

LOOK_EVERY = 5.0  # seconds
MOST_FAILURES = 3  # looks in a row that find nobody, after which the head counts as gone
TIMEOUT = 5.0  # seconds that a look may take


class Head(Beside):
    """Looks for the head at HOST:PORT from a thread of its own, inside `with`. gone: is set when it is not there.

    on_gone: is called then, once, in that thread.
    """

    def __init__(self, address: str, on_gone: Callable[[], None], every: float = LOOK_EVERY) -> None:
        super().__init__("head")
        place = place_of(address)
        assert place is not None, "Ray names its head"
        self.gone = threading.Event()
        self._place = place
        self._on_gone = on_gone
        self._every = every

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

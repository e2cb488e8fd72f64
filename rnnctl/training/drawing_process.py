"""The main function of a process that draws batches for the one that started it (see rnnctl.training.drawing).

    python -m rnnctl.training.drawing_process CONNECTION MEMORY

Both are file descriptors. The connection carries a pickled Share, and then an empty message for each block that is to
be drawn, which is answered with the places of the feeds after it. It ends when the other process closes it, or is gone
for any reason; signals that other processes obey are left to that one. An error is printed, and ends the process.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection


def main(connection_fd: int, memory_fd: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Imported here, so that the signals are ignored before this takes its time.
    import numpy as np

    from rnnctl.training.slots import Drawer

    memory = np.frombuffer(mmap.mmap(memory_fd, 0), np.uint8)
    os.close(memory_fd)
    connection = Connection(connection_fd)
    drawer: Drawer | None = None
    while (message := _next_message(connection)) is not None:
        if message:
            drawer = Drawer(memory, pickle.loads(message))
            continue
        assert drawer is not None
        answer = pickle.dumps(drawer.draw_block())
        try:
            connection.send_bytes(answer)
        except ConnectionError:
            return


def _next_message(connection: Connection) -> bytes | None:
    """Return the next message, None at the end."""
    try:
        return connection.recv_bytes()
    except (EOFError, ConnectionError):
        return None


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Whether the head of a cluster is there, seen from a driver."""

from __future__ import annotations

import socket
import threading

from rnnctl.cluster.head import Head


def test_a_head_that_no_longer_answers_is_gone_and_that_is_said_once() -> None:
    said: list[str] = []
    told = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def gone() -> None:
            said.append("gone")
            told.set()

        with Head(address, gone, every=0.01) as head:
            server.settimeout(10.0)
            for _ in range(3):  # it is asked again and again
                server.accept()[0].close()
            assert not head.gone.is_set()
            server.close()
            assert told.wait(10.0)
            assert head.gone.is_set()
    assert said == ["gone"]

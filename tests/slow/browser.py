"""The browser that tests open pages in, one at a time. As a program: say in one line what is missing."""

from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rnnctl.errors import NotFound
from rnnctl.report.page.pdf import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ProxySettings

OPTIONS = (
    "--no-sandbox",  # it opens our own pages, and tests may run as root
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the browser's own services ask nobody
)


class Network:
    """A proxy that answers nobody: a page that wants anything from a network, this machine too, comes here."""

    def __init__(self) -> None:
        lines: list[str] = []

        class Refusal(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                lines.append(self.rfile.readline().decode(errors="replace").strip())

        self.asked = lines  # how each connection began
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusal)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.proxy: ProxySettings = {
            "server": f"http://127.0.0.1:{self._server.server_address[1]}",
            "bypass": "<-loopback>",
        }

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser of this machine, and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_browser(), args=OPTIONS)
        try:
            yield started
        finally:
            started.close()


if __name__ == "__main__":
    try:
        find_browser()
    except NotFound:
        sys.exit("make test-slow opens pages in a browser, and there is none: install Chromium, Chrome or Edge")

"""Where the head of a cluster listens: the host and the port of HOST:PORT."""

from __future__ import annotations

LAST_PORT = 65535


def place_of(address: str) -> tuple[str, int] | None:
    """Return host and port of HOST:PORT; None if it is no such text. A host may be in brackets, as IPv6 has it."""
    host, _, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or "/" in host or not (port.isascii() and port.isdigit()) or len(port) > len(str(LAST_PORT)):
        return None
    return (host, int(port)) if 0 < int(port) <= LAST_PORT else None

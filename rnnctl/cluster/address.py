"""The address of a cluster, as a user gives it, and as Ray is told."""

from __future__ import annotations

import socket

from rnnctl.cluster.options import AUTO, LOCAL
from rnnctl.cluster.place import place_of
from rnnctl.lab.errors import Code, LabError
from rnnctl.words import cut, did_you_mean

CONNECT_TIMEOUT = 5.0  # seconds that an address may take to answer
USUAL_PORT = 6379  # of a head, if nothing else is said to `ray start`


def require_answer(address: str, what: str) -> None:
    """Raise LabError unless something answers at HOST:PORT. Ray itself would try for a minute.

    what: how the user named the cluster, for messages.
    """
    place = place_of(address)
    if place is None:
        hint = did_you_mean(address, (LOCAL, AUTO))
        if not hint and address and not set(address) & set(":/ "):
            hint = f"; did you mean {cut(address)}:{USUAL_PORT}?"
        raise LabError(
            f"{what} is not an address; allowed: {LOCAL}, {AUTO}, or HOST:PORT of the head of a cluster{hint}"
        )
    try:
        socket.create_connection(place, CONNECT_TIMEOUT).close()
    except (OSError, ValueError) as error:  # a ValueError is about a name that no host can have
        reason = getattr(error, "strerror", None) or str(error)
        raise LabError(f"{what}: nothing answers there ({reason})", Code.FAILURE) from error


def of_this_machine() -> str:
    """Return the address of the cluster that runs on this machine, or that RAY_ADDRESS names. Raise LabError."""
    from ray._private import services

    try:
        return str(services.canonicalize_bootstrap_address_or_die(AUTO))
    except (ConnectionError, ValueError, OSError) as error:
        raise LabError(
            "no cluster runs on this machine; `ray start --head` starts one, and --ray HOST:PORT names one elsewhere",
            Code.FAILURE,
        ) from error

"""The token of a cluster, which a process must have to be let in.

Ray looks for one in RAY_AUTH_TOKEN and in `~/.ray/auth_token`, but for the cluster at an address only if RAY_AUTH_MODE
says so. And where it starts a cluster for one process, it leaves a new token in the user's folder, which every cluster
that is started later would then ask for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnnctl.cluster.options import LOCAL
from rnnctl.lab.errors import Code, LabError

MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
ASKED_FOR = "token"  # the mode in which tokens are sent and asked for
BYTES = 32  # of a token of our own
REFUSED = (
    "it asks for a token that this machine does not have; copy ~/.ray/auth_token from the head, or set RAY_AUTH_TOKEN"
)


@contextmanager
def token_for(address: str, what: str) -> Iterator[None]:
    """Inside `with`, this process and those that it starts have the token of a cluster, if that asks for one.

    A cluster that is started here gets one of its own, unless RAY_AUTH_MODE is set. address: LOCAL or HOST:PORT. what:
    how the user named it, for messages. Raise LabError if the cluster asks for another token, or if what answers is no
    cluster.
    """
    before = {name: os.environ.get(name) for name in (MODE, TOKEN)}
    try:
        if address != LOCAL:
            _be_let_in(address, what)
        elif MODE not in os.environ:
            os.environ |= {MODE: ASKED_FOR, TOKEN: secrets.token_hex(BYTES)}
            _read_settings()
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _read_settings()


def _be_let_in(address: str, what: str) -> None:
    """Send the token of this machine from now on, if the cluster asks for one. Raise LabError."""
    if _lets_in(address, what):
        return
    if os.environ.get(MODE) is None and _raylet().AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
        os.environ[MODE] = ASKED_FOR
        _read_settings()
        if _lets_in(address, what):
            return
    raise LabError(f"{what}: {REFUSED}", Code.FAILURE)


def _lets_in(address: str, what: str) -> bool:
    """Return whether the head of a cluster lets this process in. Raise LabError if there is no head."""
    from ray import __version__
    from ray.exceptions import AuthenticationError, RpcError

    try:
        _raylet().GcsClient(address=address)
    except AuthenticationError:
        return False
    except RpcError as error:
        raise LabError(
            f"{what}: what answers there is no head of a cluster that Ray {__version__} can join", Code.FAILURE
        ) from error
    return True


def _read_settings() -> None:
    """Let Ray read the environment of this process again."""
    raylet = _raylet()
    raylet.AuthenticationTokenLoader.instance().reset_cache()
    raylet.Config.initialize("")


def _raylet() -> Any:
    """Return Ray's compiled part, of which its Python has no types."""
    from ray import _raylet

    return _raylet

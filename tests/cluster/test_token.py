"""The token that a process takes along to a cluster. What heads answer is made up here; real ones are in tests/slow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnctl.cluster import token
from rnnctl.cluster.options import LOCAL
from rnnctl.cluster.token import MODE, TOKEN, token_for
from rnnctl.lab.errors import LabError

pytest.importorskip("ray", reason="it is an extra: pip install 'rnnctl[ray]'")

OURS, OTHER = "a1" * 32, "b2" * 32


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, in which there is no token."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (MODE, TOKEN, "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    token._read_settings()
    return tmp_path


class Heads:
    """A head that asks for a token, or for none; it sees what the process would send."""

    def __init__(self, asks_for: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asks_for = asks_for
        self.sent: list[str | None] = []
        monkeypatch.setattr(token, "_lets_in", self.lets_in)

    def lets_in(self, address: str, what: str) -> bool:
        from ray._raylet import AuthenticationMode, AuthenticationTokenLoader, get_authentication_mode

        sends = get_authentication_mode() == AuthenticationMode.TOKEN
        self.sent.append(AuthenticationTokenLoader.instance().get_raw_token() if sends else None)
        return self.asks_for in (None, self.sent[-1])


def kept(home: Path, content: str) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(content)
    token._read_settings()


def test_the_token_of_this_machine_is_sent_to_a_cluster_that_asks_for_it(home, monkeypatch):
    kept(home, OURS)
    head = Heads(OURS, monkeypatch)
    with token_for("head:6379", "--ray head:6379"):
        assert os.environ[MODE] == "token"
    assert head.sent == [None, OURS]
    assert MODE not in os.environ
    assert not head.lets_in("", "")


def test_no_token_is_sent_to_a_cluster_that_asks_for_none(home, monkeypatch):
    kept(home, OURS)
    head = Heads(None, monkeypatch)
    with token_for("head:6379", "--ray head:6379"):
        assert MODE not in os.environ
    assert head.sent == [None]


@pytest.mark.parametrize("ours", [None, OURS])
def test_a_cluster_that_asks_for_another_token_is_one_line(home, monkeypatch, ours):
    if ours is not None:
        kept(home, ours)
    Heads(OTHER, monkeypatch)
    with pytest.raises(LabError, match="^--ray head:6379: it asks for a token that this machine does not have; copy"):
        token_for("head:6379", "--ray head:6379").__enter__()
    assert MODE not in os.environ


def test_a_cluster_of_this_machine_has_a_token_of_its_own_and_leaves_none(home):
    tokens = set()
    for _ in range(2):
        with token_for(LOCAL, ""):
            tokens.add((os.environ[MODE], os.environ[TOKEN]))
    assert len(tokens) == 2
    assert not {MODE, TOKEN} & os.environ.keys()
    assert list(home.iterdir()) == []


def test_what_the_user_has_set_stays(home, monkeypatch):
    monkeypatch.setenv(MODE, "disabled")
    with token_for(LOCAL, ""):
        assert (os.environ[MODE], TOKEN in os.environ) == ("disabled", False)
    assert os.environ[MODE] == "disabled"

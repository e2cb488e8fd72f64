"""Parts in a folder outside of the package. What the tests import is forgotten after each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forget, after a test, the users' parts that it imported, and keep its settings apart from the user's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    from tests.usercode.forgetting import forget  # loads numpy, for which the environment must be settled

    forget()

"""The folder in which rnnctl keeps what it can make again: vocabularies and compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return $RNNCTL_CACHE, else $XDG_CACHE_HOME/rnnctl, else ~/.cache/rnnctl. It may not exist.

    Raise OSError if the path names a home folder that does not exist.
    """
    path = Path(os.environ.get("RNNCTL_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "rnnctl")
    try:
        return path.expanduser()
    except RuntimeError:
        raise FileNotFoundError(None, "there is no such home folder", str(path)) from None

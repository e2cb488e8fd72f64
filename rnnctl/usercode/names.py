"""The names of users' parts: MODULE:CLASS."""

from __future__ import annotations

import re

FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_users(name: object) -> bool:
    """Return whether a name is that of a user's part, such as `my_lab.cells:Leaky`."""
    return isinstance(name, str) and ":" in name

"""Names of studies and cases: they are used as file names, in tables and on the command line."""

from __future__ import annotations

import re
import unicodedata

from rnnctl.study.errors import SpecError
from rnnctl.words import shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
NAME_RULE = "letters, digits and . _ + -, at most 64, the first a letter or digit"


def is_name(text: str) -> bool:
    """Return whether a study or a case can have this name."""
    return _NAME.fullmatch(text) is not None


def check_name(name: str, line: int, key: str) -> None:
    """Raise SpecError if a study or a case cannot have this name."""
    if not is_name(name):
        plain = "".join(c for c in unicodedata.normalize("NFKD", name) if c.isascii())
        meant = re.sub(r"[^A-Za-z0-9._+]+", "-", plain).strip("-._+")[:64]
        what = f"{shown(name)} is not a name"
        raise SpecError(what, line=line, key=key, allowed=[NAME_RULE], meant=meant if is_name(meant) else None)

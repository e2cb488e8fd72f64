"""What the page carries: the style sheets and scripts in assets/, and the policy that admits nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class Assets:
    """The texts of style sheets and scripts, and the content security policy of a page that has them."""

    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    policy: str


@cache
def assets() -> Assets:
    """Return all assets: libraries, which lie in folders of their own, before ours."""
    styles, scripts = (
        tuple(
            path.read_text(encoding="utf-8")
            for path in sorted(FOLDER.rglob(f"*.{suffix}"), key=lambda path: (path.parent == FOLDER, path))
        )
        for suffix in ("css", "js")
    )
    assert not any("</script" in text.lower() for text in scripts)
    assert not any("</style" in text.lower() for text in styles)
    return Assets(styles, scripts, _policy(scripts))


def _policy(scripts: tuple[str, ...]) -> str:
    """Return a policy that admits inline styles, these scripts, and images in the page: no address at all."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    admitted = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    rules = {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "script-src": admitted,
        "img-src": "data:",
        "font-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())

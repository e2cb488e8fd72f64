"""Find the studies that come with rnnctl, and say how many runs each has without reading it. Loads no pydantic.

Counting the runs of a study means to expand it, which takes seconds for all. The index beside the files has the
numbers, with a hash of each file: an entry whose file has changed does not count. `python -m rnnctl.docs` writes it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "studies"
INDEX = FOLDER / "index.json"


@dataclass(frozen=True)
class Entry:
    """What the index says of a study. packages: those beyond the ones rnnctl always needs."""

    about: str
    runs: int
    packages: tuple[str, ...]


def packaged_studies() -> dict[str, Path]:
    """Return the paths of the studies that come with rnnctl, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"), key=lambda path: path.stem)}


def indexed() -> dict[str, Entry]:
    """Return the entries of the index that are up to date and whose packages are installed, by name of the study."""
    try:
        index = json.loads(INDEX.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    entries = {}
    for name, path in packaged_studies().items():
        fields = dict(index.get(name, {}))
        if fields.pop("sha256", None) == _sha256(path):
            entry = Entry(fields["about"], fields["runs"], tuple(fields["packages"]))
            if all(map(importlib.util.find_spec, entry.packages)):
                entries[name] = entry
    return entries


def index_of(entries: dict[str, Entry]) -> str:
    """Return the text of the index with these entries."""
    paths = packaged_studies()
    index = {
        name: {"sha256": _sha256(paths[name]), "runs": entry.runs, "packages": entry.packages, "about": entry.about}
        for name, entry in entries.items()
    }
    return json.dumps(index, indent=2) + "\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

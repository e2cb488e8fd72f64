"""The folder of one workspace: database, checkpoints, logs, figures, files set aside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from store.errors import NoWorkspace

DATABASE = "rnnctl.db"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Workspace:
    """The paths inside one workspace folder. Nothing is created by naming them."""

    root: Path  # made absolute

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    @property
    def database(self) -> Path:
        return self.root / DATABASE

    @property
    def checkpoints(self) -> Path:
        """One folder for each run."""
        return self.root / CHECKPOINTS

    @property
    def set_aside(self) -> Path:
        """Files that nothing here needs, but that a lost database may have named."""
        return self.root / "set-aside"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def figures(self) -> Path:
        return self.root / "figures"

    @classmethod
    def find(cls, start: str | Path) -> Workspace:
        """Return the workspace that `start` is in: start itself, or the nearest folder above it with a database.

        Raises NoWorkspace.
        """
        start = Path(start).absolute()
        for folder in (start, *start.parents):
            if (folder / DATABASE).is_file():
                return cls(folder)
        raise NoWorkspace(f"no workspace in {start} or above it; make one with `rnnctl init`")

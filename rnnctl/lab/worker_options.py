"""WorkerOptions: how workers train, as one value that reaches each worker process as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl import devices
from rnnctl.lab.errors import LabError
from rnnctl.usercode.permission import permission
from rnnctl.words import cut, did_you_mean

if TYPE_CHECKING:
    from jobs.config import Settings
    from store.wanted import Wanted

BEATS_IN_A_LEASE = 6
LONGEST_LEASE = 86_400.0  # seconds
MOST_SLOTS = 4096  # workers on a cluster
MOST_CPUS = 4096.0  # that one of them asks for: more than any machine has
PRIORITIES = 1000  # the greatest priority of a run, and with a minus the smallest


@dataclass(frozen=True)
class WorkerOptions:
    """How the workers that are started together train. Raises LabError for a value that is not allowed."""

    workspace: Path  # its folder
    device: str = "auto"  # see rnnctl.devices.parse; of several cards, each worker has one
    checkpoint_seconds: float = 20.0  # every run is saved about this often
    checkpoint_updates: int | None = None  # and also each time it has done this many updates
    lease: float = 60.0  # seconds that a claim holds without a sign of life
    pack: int | None = None  # most runs that a worker trains together; None: by the size of the network
    peers: int = 1  # how many workers are started together
    slot: int = 0  # the place of the worker among them, from 0: it decides which card the worker has
    studies: tuple[str, ...] = ()  # train only runs of these studies, and `runs`; all runs if both are empty
    runs: tuple[str, ...] = ()  # ids
    # Whether all modules of users' parts may be imported; as in this process, if not said.
    allow_code: bool = field(default_factory=lambda: permission().everything)

    def __post_init__(self) -> None:
        self._check("workspace", isinstance(self.workspace, Path), "the path of a folder")
        self._check("device", isinstance(self.device, str), devices.FORMS)
        try:
            devices.parse(self.device)
        except ValueError as error:
            raise LabError(str(error), argument="device") from None
        self._check("checkpoint_seconds", is_number(self.checkpoint_seconds, 0.0), "a number of seconds, 0 or more")
        self._check(
            "checkpoint_updates", self.checkpoint_updates is None or is_count(self.checkpoint_updates), "1 or more"
        )
        self._check(
            "lease", is_number(self.lease, 1.0, LONGEST_LEASE), f"a number of seconds from 1 to {LONGEST_LEASE:.0f}"
        )
        self._check("pack", self.pack is None or is_count(self.pack), "1 or more")
        self._check("peers", is_count(self.peers), "1 or more")
        self._check("slot", is_count(self.slot, 0) and self.slot < self.peers, "0 or more, and below peers")
        self._check("allow_code", isinstance(self.allow_code, bool), "true or false")
        self._check("studies", _are_names(self.studies), "a list of names")
        self._check("runs", _are_names(self.runs), "a list of ids")

    def _check(self, name: str, allowed: bool, what: str) -> None:
        if not allowed:
            value = getattr(self, name)
            raise LabError(f"{value!r} is not allowed; allowed: {what}", argument=name.replace("_", "-"))

    @property
    def settings(self) -> Settings:
        """The times and limits that follow for workers and their pool."""
        from jobs.config import Settings

        return Settings(lease=self.lease, beat=self.lease / BEATS_IN_A_LEASE)

    @property
    def wanted(self) -> Wanted:
        """The runs that are trained."""
        from store.wanted import Wanted

        return Wanted(self.studies, self.runs)

    def to_json(self) -> str:
        """Return the options as one line of JSON; `from_json` reads it."""
        return json.dumps({**asdict(self), "workspace": str(self.workspace)})

    @classmethod
    def from_json(cls, text: str) -> WorkerOptions:
        """Return the options in a JSON text. Raises LabError for anything that `to_json` would not write."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition(";")[0]  # what follows is advice for programmers
            raise LabError(f"the options of a worker are not JSON: {reason}") from None
        if not isinstance(values, dict):
            raise LabError(f"the options of a worker are a JSON object, not {cut(text.strip())}")
        names = [each.name for each in fields(cls)]
        for name in values:
            if name not in names:
                hint = did_you_mean(name, names)
                raise LabError(f"unknown option {name!r} of a worker; allowed: {', '.join(names)}{hint}")
        if not isinstance(values.get("workspace"), str):
            raise LabError("the options of a worker need a text `workspace`, the path of its folder")
        for name in ("studies", "runs"):
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        return cls(**{**values, "workspace": Path(values["workspace"])})


def is_number(value: Any, least: float, most: float = math.inf) -> bool:
    """Return whether a value is a number from `least` to `most`, and not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def is_count(value: Any, least: int = 1) -> bool:
    """Return whether a value is a whole number of at least `least`, and not a truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)

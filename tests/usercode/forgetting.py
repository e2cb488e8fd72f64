"""What a process knows of users' parts is forgotten, as if another one had started."""

from __future__ import annotations

import sys

from rnnctl import parts
from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.probes.catalogue import PROBES
from rnnctl.report import specs
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.tasks.catalogue import TASKS
from rnnctl.usercode import modules

_CATALOGUES = (CELLS, OPTIMIZERS, PROBES, SCHEDULES, TASKS)


def known() -> bool:
    """Return whether there is anything to forget."""
    return bool(modules._LOADED) or any(catalogue._users for catalogue in _CATALOGUES)  # type: ignore[attr-defined]


def forget() -> None:
    """Forget all users' parts, and the modules that were imported for them."""
    for name in modules._LOADED:
        sys.modules.pop(name, None)
    sys.path[:] = [place for place in sys.path if place not in modules._OPENED]
    modules._LOADED.clear()
    modules._OPENED.clear()
    for catalogue in _CATALOGUES:
        catalogue._users.clear()  # type: ignore[attr-defined]
    specs._configuration.cache_clear()
    specs._TASKS.clear()
    for action in parts._CHANGED:
        action()

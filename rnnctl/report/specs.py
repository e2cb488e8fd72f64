"""Stored specs as RunSpec: the one place where the report reads them.

Thousands of runs share a configuration, so each configuration is validated once per process. Nothing is validated
before somebody asks for a spec.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rnnctl.report.parameters import parameters
from rnnctl.usercode.permission import Permission, permission, reading

if TYPE_CHECKING:
    from rnnctl.study.run import RunSpec
    from rnnctl.tasks.section import TaskSection

CONFIGURATIONS = 50_000  # kept in memory, a few kB each
# Runs of thousands of configurations have few tasks.
_TASKS: dict[tuple[bytes, Permission], TaskSection] = {}


def read_spec(stored: Mapping[str, Any]) -> RunSpec:
    """Return a spec that the store keeps as plain JSON values. Raise SpecError if this version cannot read it.

    A user's part whose code is missing is represented by its absent part (see rnnctl.parts).
    """
    return _configuration(_settings(stored), permission()).model_copy(update={"seed": stored["seed"]})


def read_task(stored: Mapping[str, Any]) -> TaskSection:
    """Return the task of a stored spec. Raise SpecError if this version cannot read the spec."""
    key = _key(stored["task"]), permission()
    if key not in _TASKS:
        if len(_TASKS) >= CONFIGURATIONS:
            _TASKS.clear()
        _TASKS[key] = read_spec(stored).task
    return _TASKS[key]


def read_loss_unit(stored: Mapping[str, Any]) -> str:
    """Return the unit of a stored spec's losses. Raise SpecError if this version cannot read the spec."""
    return read_task(stored).loss_unit


def read_parameters(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the hyper-parameters of a stored spec by dotted key. Raise SpecError if this version cannot read it."""
    return _parameters(_settings(stored))


def read_parameter_count(stored: Mapping[str, Any], summary: Mapping[str, Any]) -> int | None:
    """Return the number of weights of a run, as its training has recorded it or as its stored spec tells it.

    Return None if neither does: the symbols of a text are counted when it is read.
    """
    from rnnctl.study.errors import SpecError

    recorded: int | None = summary.get("parameter_count")
    if recorded is not None:
        return recorded
    try:
        return _parameter_count(_settings(stored))
    except SpecError:
        return None


def resolved(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a stored spec for a reader, with the values of all defaults.

    The store leaves out keys that were added later and have their default. A spec that this version cannot read is
    returned as it is stored.
    """
    from rnnctl.study.errors import SpecError

    try:
        return read_spec(stored).written_out()
    except SpecError:
        return stored


def _settings(stored: Mapping[str, Any]) -> bytes:
    """Return a key that the runs of a configuration share: it holds their spec without its seed."""
    return _key({key: value for key, value in stored.items() if key != "seed"})


def _key(values: dict[str, Any]) -> bytes:
    # Ten times as fast as JSON. Version 2 has no references, so equal values in one order have one key.
    return marshal.dumps(values, 2)


@lru_cache(maxsize=CONFIGURATIONS)
def _configuration(settings: bytes, _: Permission) -> RunSpec:
    """Return the run that settings make. _: what users' parts it can have depends on this."""
    from pydantic import ValidationError

    from rnnctl.study.errors import SpecError
    from rnnctl.study.run import RunSpec

    try:
        with reading():
            return RunSpec.model_validate(marshal.loads(settings))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise SpecError(
            f"a registered run cannot be read by this version of rnnctl: {problem['msg']}", key=where
        ) from None


@lru_cache(maxsize=CONFIGURATIONS)
def _parameter_count(settings: bytes) -> int | None:
    return _configuration(settings, permission()).parameter_count


@lru_cache(maxsize=CONFIGURATIONS)
def _parameters(settings: bytes) -> Mapping[str, Any]:
    return parameters(_configuration(settings, permission()))

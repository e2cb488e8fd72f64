"""Probes with settings, as questions of studies and callers name them: is there such a probe, and does it take them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rnnctl.lab.errors import LabError
from rnnctl.parts import names_of
from rnnctl.probes.base import Probe
from rnnctl.probes.catalogue import PROBES
from rnnctl.section import DERIVED
from rnnctl.study.errors import SpecError
from rnnctl.study.explain import Refuse
from rnnctl.study.loading import Reference, Study, load_studies
from rnnctl.study.quantities import ProbeNumber
from rnnctl.study.questions import Question
from rnnctl.study.settings import Setting
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.names import is_users
from rnnctl.usercode.permission import looking_in
from rnnctl.words import did_you_mean, nearest


def load_checked(
    references: Iterable[Reference],
    seeds: Sequence[int] | None = None,
    settings: Sequence[Setting] = (),
    *,
    refuse: Refuse | None = None,
) -> list[Study]:
    """Return studies as `load_studies` does, with their questions to probes checked. Raise SpecError."""
    studies = load_studies(references, seeds, settings, refuse=refuse)
    for study in studies:
        for question in study.questions:
            try:
                with looking_in(Path(study.file).parent, Path.cwd()):
                    probe_of(question)
            except SpecError as error:
                raise error.at(file=study.file) from None
    return studies


def probe_of(question: Question) -> Probe | None:
    """Return the probe of a question with its settings; None if its quantity is no number of a probe.

    Raise SpecError if there is no such probe, or if it does not take these settings.
    """
    quantity = question.quantity
    if not isinstance(quantity, ProbeNumber):
        return None
    try:
        return _made(quantity.probe, quantity.settings)
    except _Refused as why:
        key = f"{question.place}.measure" + (f".{why.value_of}" if why.value_of else "")
        meant = nearest(why.name, why.allowed) if why.allowed else None
        raise SpecError(why.message, line=quantity.line, key=key, allowed=why.allowed, meant=meant) from None


def probe_with(name: str, settings: Mapping[str, Any]) -> Probe:
    """Return the probe of a name with these settings. Raise LabError if there is none, or if it does not take them."""
    try:
        return _made(name, settings)
    except _Refused as why:
        hint = f"; allowed: {', '.join(why.allowed)}{did_you_mean(why.name, why.allowed)}" if why.allowed else ""
        raise LabError(f"{why.message}{hint}", argument=why.value_of or None) from None


class _Refused(Exception):
    """Why there is no such probe. name: what is not known, one of `allowed`. value_of: the setting that is wrong."""

    def __init__(self, message: str, name: str = "", allowed: Sequence[str] = (), value_of: str = "") -> None:
        super().__init__(message)
        self.message, self.name, self.allowed, self.value_of = message, name, tuple(allowed), value_of


def _made(name: str, settings: Mapping[str, Any]) -> Probe:
    """Return the probe of a name with these settings. Raise _Refused."""
    if name not in PROBES.names and not is_users(name):
        raise _Refused(f"there is no probe {name}", name, PROBES.names)
    try:
        kind = PROBES[name]
    except CodeError as error:
        raise _Refused(str(error)) from None
    allowed = [field for field, info in kind.model_fields.items() if field != "name" and DERIVED not in info.metadata]
    for setting in settings:
        if setting not in allowed:
            raise _Refused(f"the probe {name} has no setting {setting}", setting, allowed)
    values = {setting: tuple(value) if isinstance(value, list) else value for setting, value in settings.items()}
    try:
        return kind(name=names_of(kind)[0], **values)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        setting = str(details["loc"][0]) if details["loc"] else ""
        reason = details["msg"].removeprefix("Value error, ")
        raise _Refused(f"{reason[:1].lower()}{reason[1:]}", value_of=setting) from None

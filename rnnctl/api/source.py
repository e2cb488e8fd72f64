"""What a study from Python can be: a mapping, YAML, a file, or the name of a study that comes with rnnctl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnctl.api.border import named_errors
from rnnctl.api.taken import Seeds
from rnnctl.arguments import checked
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Reference, StudyText
from rnnctl.study.mapping import study_text, value_text

if TYPE_CHECKING:
    from rnnctl.lab.plan import Plan

Source = Mapping[str, Any] | str | PathLike[str]


def reference(study: Source) -> Reference:
    """Return a study as the study language reads it. Raise SpecError."""
    if isinstance(study, Mapping):
        return StudyText(study_text(study), lined=False)
    if isinstance(study, PathLike):
        return Path(fspath(study))
    return StudyText(study) if _is_yaml(study) else study


def _is_yaml(text: str) -> bool:
    """Return whether a text is a study, and not the name of one or of a file."""
    return "\n" in text or text.lstrip().startswith(("study:", "{"))


@contextmanager
def spec_errors_of(study: Source) -> Iterator[None]:
    """Inside `with`, leave lines out of errors in a mapping: only its keys are known to who wrote it."""
    try:
        yield
    except SpecError as error:
        if isinstance(study, Mapping):
            error.line = None
        raise


def settings_of(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Return settings as texts, such as `train.lr=0.1`."""
    if isinstance(settings, Mapping):
        return [f"{key}={value_text(value, key)}" for key, value in settings.items()]
    return list(settings)


@checked
def plan(
    study: Source,
    *,
    seeds: Seeds | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    device: str | None = None,
) -> Plan:
    """Return what a study would register, and roughly its cost, as `rnnctl plan --json` prints it.

    study, seeds, settings: as for `Workspace.add`. device: estimate the cost on this card, such as cuda, too. Raise
    SpecError.
    """
    return planned(study, seeds, settings, device, None)


def planned(
    study: Source,
    seeds: Seeds | None,
    settings: Mapping[str, Any] | Sequence[str],
    device: str | None,
    folder: Path | None,
) -> Plan:
    """Return the plan of a study. folder: the workspace with runs that its runs may go on from."""
    from rnnctl.lab.plan import plan

    with named_errors(), spec_errors_of(study):
        plans = plan([reference(study)], None if seeds is None else list(seeds), device, settings_of(settings), folder)
    return plans[0]

"""Runs of text: what the probes of texts need to know about them."""

from __future__ import annotations

from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Task
from rnnctl.tasks.windows import KnownText, Text, WindowsSection


def not_text(spec: RunSpec) -> str | None:
    """Return None for a run of text, of a corpus or of a grammar, else why it is not one."""
    return None if isinstance(spec.task, WindowsSection) else f"task {spec.task.name} is not text"


def window_of(spec: RunSpec) -> int:
    """Return the number of symbols in a window of a run of text."""
    assert isinstance(spec.task, WindowsSection)
    return spec.task.window


def text_of(task: Task) -> Text:
    """Return the task of a run of text."""
    assert isinstance(task, Text)
    return task


def known_text(task: Task) -> KnownText:
    """Return the text of a task as symbols. Raise ValueError if its corpus has changed."""
    return text_of(task).known

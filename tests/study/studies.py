"""Shortcuts for tests: a study on temporal order from the sections that a test is about."""

from __future__ import annotations

from rnnctl.study.loading import Study, read_study
from rnnctl.study.run import RunSpec

BASE = "task: {name: temporal_order, min_length: 20, max_length: 50}"


def study(sections: str = "", base: str = "") -> Study:
    """sections: YAML beside `study` and `base`. base: YAML lines added to BASE."""
    lines = "".join(f"  {line}\n" for line in (BASE + "\n" + base).splitlines() if line)
    return read_study(f"study: s\nbase:\n{lines}{sections}", "s.yaml")


def specs(sections: str = "", base: str = "") -> list[RunSpec]:
    return [run.spec for run in study(sections, base).runs]


def labels(sections: str = "", base: str = "") -> list[str]:
    return [run.label for run in study(sections, base).runs]

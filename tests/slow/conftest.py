"""Figures of slow tests: what each of them did, printed after the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FIGURES = "figures"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Return a function that notes a figure of the test, by name, for the end of the run."""
    return lambda name, value: record_property(FIGURES, f"{name} {value}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of all tests, of those in other processes too."""
    lines = [
        f"{report.nodeid}: {', '.join(noted)}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if (noted := [str(value) for key, value in report.user_properties if key == FIGURES])
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)

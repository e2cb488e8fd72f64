"""The test process runs in a worker's environment: bits are part of what is tested, and the maths library reads it
when it loads.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from rnnctl.determinism import BIT_VARIABLES

FIGURES = "figures"


def pytest_configure(config: pytest.Config) -> None:
    # A shell ignores Ctrl-C in what it starts in the background, and so would all processes that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "torch" in sys.modules or "numpy" in sys.modules:
        wrong = [name for name, value in BIT_VARIABLES.items() if os.environ.get(name) != value]
        assert not wrong, f"numpy or torch was loaded before {wrong} were set"
    os.environ.update(BIT_VARIABLES)
    from rnnctl.determinism import settle_torch

    settle_torch()
    from rnnctl.kernels.files import kernel_files

    kernel_files()  # chosen before tests change where vocabularies are cached
    if config.pluginmanager.hasplugin("hypothesispytest"):  # not where only tests on a GPU are run
        from tests.examples import load_profile

        load_profile()


@pytest.fixture(params=["kernels", "torch"])
def code_path(request, monkeypatch):
    """Passes through time and updates by the kernels, and as they are without numba."""
    if request.param == "torch":
        for module in ("cells.base.passes", "optimizers.section"):
            monkeypatch.setattr(f"rnnctl.{module}.kernel_compiler", lambda: None)


@pytest.fixture(autouse=True)
def users_parts_forgotten() -> Iterator[None]:
    """Forget, after a test, the users' parts that this process has learned of: the language has their keys."""
    yield
    if "rnnctl.parts" in sys.modules:
        from tests.usercode.forgetting import forget, known

        if known():
            forget()


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

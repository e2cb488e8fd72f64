"""Tests that need a GPU. Without one they are skipped, and the summary says why; with one, Triton has to be there."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import pytest


def trouble() -> str | None:
    """Return why no test can run here; None if there is a GPU."""
    import torch

    from rnnctl import devices

    if not torch.cuda.is_available():
        return "no GPU: this build of torch sees none"
    cards = devices.cards()
    return None if any(card.trouble is None for card in cards) else f"no usable GPU: {cards[0].name}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if "tests/gpu/" in item.path.as_posix()]
    if reason := trouble():
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))
    elif here:
        import triton  # noqa: F401  if it is missing, no test would run the kernels


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print where the tests ran."""
    import torch

    terminalreporter.section("environment")
    if reason := trouble():
        terminalreporter.write_line(f"every test is skipped: {reason}")
        return
    facts = torch.cuda.get_device_properties(0)
    terminalreporter.write_line(
        f"{torch.cuda.device_count()} x {facts.name}, compute capability {facts.major}.{facts.minor}, "
        f"{facts.total_memory / 2**30:.0f} GiB; torch {torch.__version__}, CUDA {torch.version.cuda}, "
        f"Triton {_version('triton')}, Python {platform.python_version()}"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"

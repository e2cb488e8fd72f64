"""The test process runs in a worker's environment: bits are part of what is tested, and the maths library reads it
when it loads.
"""

import os
import sys

import pytest

from rnnctl.determinism import BIT_VARIABLES


def pytest_configure():
    if "torch" in sys.modules or "numpy" in sys.modules:
        wrong = [name for name, value in BIT_VARIABLES.items() if os.environ.get(name) != value]
        assert not wrong, f"numpy or torch was loaded before {wrong} were set"
    os.environ.update(BIT_VARIABLES)
    from rnnctl.determinism import settle_torch

    settle_torch()


@pytest.fixture(params=["kernels", "torch"])
def code_path(request, monkeypatch):
    """Passes through time and Adam by the kernels, and as they are without numba."""
    if request.param == "torch":
        for module in ("cells.base.passes", "optimizers.adam"):
            monkeypatch.setattr(f"rnnctl.{module}.kernel_compiler", lambda: None)

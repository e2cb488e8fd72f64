"""What is loaded only where it is needed: help and the package itself come at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "matplotlib", "numba", "numpy", "sqlite_utils", "pydantic"}
HELP = """\
from rnnctl.cli.app import app
try:
    app(["--help"])
except SystemExit:
    pass"""
STUDY = """\
import importlib, pkgutil
import rnnctl.study
for module in pkgutil.iter_modules(rnnctl.study.__path__, "rnnctl.study."):
    importlib.import_module(module.name)"""


def loaded(code: str) -> set[str]:
    """The modules that a new interpreter has loaded after `code`."""
    code += "\nimport json, sys\nprint()\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", ["import rnnctl", "import jobs", HELP])
def test_nothing_heavy_is_loaded_by(code):
    assert loaded(code) & HEAVY == set()


def test_the_study_language_is_read_without_what_trains_it():
    assert loaded(STUDY) & {"torch", "matplotlib", "numba", "sqlite_utils", "jobs", "plots"} == set()


def test_each_package_says_that_it_is_typed():
    root = Path(__file__).parents[2]
    for package in ("rnnctl", "jobs", "store", "plots"):
        assert (root / package / "py.typed").exists()

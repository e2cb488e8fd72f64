"""What is loaded only where it is needed: help and the package itself come at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "matplotlib", "numba", "numpy", "sqlite_utils", "pydantic"}
HELP = """\
from rnnctl.cli.app import app
try:
    app(["--help"])
except SystemExit:
    pass"""
EVERY_MODULE = """\
import importlib, pkgutil
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(module.name)"""


def loaded(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after `code`."""
    code += "\nimport json, sys\nprint()\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


# What a notebook does first. Figures, networks and arrays are loaded when they are asked for.
WORKSPACES = """\
import tempfile, rnnctl
folder = tempfile.mkdtemp()
lab = rnnctl.Workspace(folder)
assert len(lab) == 0"""
STUDIES = "import rnnctl.lab.studies\nassert all(study.runs for study in rnnctl.lab.studies.packaged())"


@pytest.mark.parametrize("code", ["import rnnctl", "import jobs", HELP, STUDIES])
def test_nothing_heavy_is_loaded_by(code):
    assert loaded(code) & HEAVY == set()


def test_a_workspace_loads_neither_torch_nor_matplotlib():
    assert loaded(WORKSPACES) & {"torch", "matplotlib", "numba"} == set()


def test_importing_the_package_takes_less_than_a_tenth_of_a_second():
    code = "import time\nstart = time.process_time()\nimport rnnctl\nassert time.process_time() - start < 0.1"
    assert loaded(code) & HEAVY == set()


def test_a_command_loads_no_other_command():
    modules = loaded(HELP.replace('["--help"]', '["show", "--help"]'))
    assert "rnnctl.cli.status" in modules
    others = ("bench", "train", "examine", "plot", "manage", "setup")
    assert modules & {f"rnnctl.cli.{name}" for name in others} == set()


def test_training_on_this_machine_loads_nothing_of_a_cluster():
    modules = loaded("import rnnctl.cli.train, rnnctl.cli.progress, rnnctl.lab.train")
    assert [name for name in modules if name == "ray" or name.startswith("rnnctl.cluster")] == []


def test_tables_load_no_matplotlib():
    assert "matplotlib" not in loaded("import rnnctl.cli.examine, rnnctl.lab.examine, rnnctl.lab.effects")


def test_status_loads_no_numpy():
    assert "numpy" not in loaded("import rnnctl.cli.status, rnnctl.lab.status, rnnctl.lab.workspaces")


def test_the_classic_functions_load_numpy_alone():
    assert loaded("import rnnctl.classic") & HEAVY == {"numpy"}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("store", {"jobs", "plots", "rnnctl", "pydantic"}),
        ("jobs", {"plots", "rnnctl", "pydantic"}),
        ("rnnctl.study", {"jobs", "plots"}),
    ],
)
def test_no_module_of_the_package_loads_what_it_must_not_know(package, forbidden):
    modules = loaded(EVERY_MODULE.format(package=package))
    names = {path.stem for path in (ROOT / package.replace(".", "/")).glob("*.py")} - {"__init__"}
    assert {f"{package}.{name}" for name in names} <= modules  # so this is not a test of an empty package
    assert modules & ({"torch", "matplotlib", "numba", "sqlite_utils"} | forbidden) == set()


def test_each_package_says_that_it_is_typed():
    for package in ("rnnctl", "jobs", "store", "plots"):
        assert (ROOT / package / "py.typed").exists()

"""Kernels compiled by one process and loaded from disk by the next give the same bits.

Here those of one cell, which are compiled soonest; tests/slow has all cells.
"""

import subprocess
import sys
from pathlib import Path

from tests.cli.command_line import environment

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import hashlib
from rnnctl.study.run import RunSpec
from tests.training.memory import train

spec = RunSpec.model_validate(
    {
        "task": {"name": "memorization", "min_length": 6, "max_length": 9},
        "model": {"hidden": 9, "init": "orthogonal"},
        "train": {"updates": 8, "batch": 5, "lr": 0.05},
        "check": {"every": 4, "samples": 10, "chunk": 10, "diagnostic_batch": 3},
        "stop": {"solved": "never"},
    }
)
print(hashlib.sha256(train({"a": spec}).state("a")["weights"].numpy().tobytes()).hexdigest())
"""


def test_the_first_process_of_a_machine_trains_the_same_bits_as_the_next(tmp_path):
    compiled, loaded = (
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment(RNNCTL_CACHE=str(tmp_path / "cache")),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    assert list((tmp_path / "cache").rglob("*.kernel"))
    assert len(compiled.strip()) == 64
    assert compiled == loaded

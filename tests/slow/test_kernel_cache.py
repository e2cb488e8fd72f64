"""Kernels of every cell that a process has just compiled, and the same ones loaded from disk, have the same bits."""

import sys
from pathlib import Path

from tests.cli.command_line import in_a_process

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import hashlib
from rnnctl.study.run import RunSpec
from tests.training.memory import train

for cell in ("rnn", "gru", "lstm", "gated"):
    for optimizer in ("sgd", "adam"):
        spec = RunSpec.model_validate(
            {
                "task": {"name": "memorization", "min_length": 6, "max_length": 9},
                "model": {"name": cell, "hidden": 9, **({"init": "orthogonal"} if cell == "rnn" else {})},
                "train": {"updates": 8, "batch": 5, "lr": 0.05, "optimizer": optimizer},
                "check": {"every": 4, "samples": 10, "chunk": 10, "diagnostic_batch": 3},
                "stop": {"solved": "never"},
            }
        )
        weights = train({"a": spec}).state("a")["weights"]
        print(cell, optimizer, hashlib.sha256(weights.numpy().tobytes()).hexdigest())
"""


def test_the_first_process_of_a_machine_trains_the_same_bits_as_the_next(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    compiled, loaded = (in_a_process(sys.executable, "-c", PROGRAM, cwd=ROOT, check=0, **cache) for _ in range(2))
    assert list((tmp_path / "cache").rglob("*.nbc"))
    assert len(compiled.stdout.splitlines()) == 8
    assert compiled.stdout == loaded.stdout

"""The bench on a card: every comparison is made, and what it says of launches holds there."""

from __future__ import annotations

import json
import subprocess
import sys

from rnnctl.determinism import worker_environment


def test_every_comparison_is_made_and_none_fails(figure):
    """Times are looked at by nobody here: other tests run beside. `rnnctl bench` alone on the card gives good ones."""
    command = [sys.executable, "-P", "-m", "rnnctl", "bench", "--device", "cuda", "--repeats", "1", "--json"]
    done = subprocess.run(command, env=worker_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)
    assert len(measured["pairs"]) >= 8
    assert all(pair["ratio"] > 0 for pair in measured["pairs"])
    assert not any(each["failed"] for each in measured["left_out"])
    launches = [fact for fact in measured["facts"] if "launches" in fact["unit"]]
    assert launches
    assert all(0 < fact["value"] <= 60 for fact in launches)
    for fact in measured["facts"]:
        figure(fact["name"], f"{fact['value']} {fact['unit']}")

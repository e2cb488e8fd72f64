"""`runs` and `diff`, as a user types them."""

import json

from tests.cli.command_line import one_line, rnnctl, workspace


def test_runs_and_their_differences_are_printed(tmp_path):
    folder = workspace(tmp_path / "w")
    lines = rnnctl("runs", "tiny", "--where", "seed<=1", cwd=folder, check=0).stdout.splitlines()
    assert lines[0].split() == ["id", "run", "state", "updates", "best", "loss", "(nats)", "floor"]
    assert [line.split()[1:] for line in lines[2:]] == [
        [f"omega={omega}", "seed=1", "queued", "0", "of", "120", "-", "-"] for omega in ("0.0", "1.0")
    ]
    first, second = (line.split()[0] for line in lines[2:])
    listed = json.loads(rnnctl("runs", "--json", cwd=folder, check=0).stdout)
    assert [run["short"] for run in listed][::2] == [first, second]
    shown = rnnctl("diff", first, second, cwd=folder, check=0).stdout
    assert "first: tiny/omega=0.0 seed=1 (r1-" in shown
    assert "train.omega    0.0     1.0" in shown
    compared = json.loads(rnnctl("diff", first, second, "--json", cwd=folder, check=0).stdout)
    assert compared["keys"] == {"train.omega": [0.0, 1.0]}
    one_line(rnnctl("diff", first, "tinny", cwd=folder, check=3), "there is no run 'tinny'")
    one_line(rnnctl("runs", "--where", "omega>x", cwd=folder, check=2), "--where: 'omega>x' needs a number after >")
    one_line(rnnctl("runs", "--where", "omega>2", cwd=folder, check=3), "no run matches omega>2; train.omega is 0, 1")

"""Every study that comes with rnnctl can be planned, as a table and as JSON."""

import json

from tests.cli.command_line import rnnctl


def test_every_packaged_study_has_the_runs_that_it_is_listed_with(tmp_path, figure):
    listed = json.loads(rnnctl("studies", "--json", cwd=tmp_path, check=0).stdout)
    names = [study["study"] for study in listed]
    planned = json.loads(rnnctl("plan", *names, "--json", cwd=tmp_path, check=0).stdout)
    assert {study["study"]: len(study["runs"]) for study in planned} == {s["study"]: s["runs"] for s in listed}
    text = rnnctl("plan", *names, cwd=tmp_path, check=0).stdout
    assert all(f"{name}: " in text for name in names)
    assert not (tmp_path / "rnnctl.db").exists(), "plan registers nothing"
    figure("studies:", len(listed))
    figure("runs:", sum(study["runs"] for study in listed))

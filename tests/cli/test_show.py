"""`status` and `show`, and the runs that they are asked for."""

import json

import pytest

from tests.cli.command_line import (
    one_line,
    rnnctl,
)


def test_status_and_show_as_json(trained):
    status = json.loads(rnnctl("status", "--json", cwd=trained, check=0).stdout)
    assert status["counts"]["done"] == 4
    shown = json.loads(rnnctl("show", "omega=1.0 seed=1", "--json", cwd=trained, check=0).stdout)
    assert shown["outcome"] == "budget"
    assert [check["step"] for check in shown["checks"]] == [0, 20, 40, 60, 80, 100, 120]
    assert shown["attempts"][0]["environment"]["bits"]["threads"] == 1
    assert shown["attempts"][0]["ended_as"] == "done"
    prefix = json.loads(rnnctl("show", shown["run_id"][:8], "--json", cwd=trained, check=0).stdout)
    assert prefix["run_id"] == shown["run_id"]


def test_show_prints_spec_environment_attempts_and_checks(trained):
    shown = rnnctl("show", "omega=1.0 seed=1", cwd=trained, check=0).stdout
    for part in ("spec", "attempts", "environment", "checkpoints", "last 7 checks", "valid_loss", '"mkl_cbwr"'):
        assert part in shown


@pytest.mark.parametrize("command", ["show", "retry", "cancel"])
def test_an_unknown_run_is_told_with_what_comes_near(trained, command):
    one_line(rnnctl(command, "omega=1.0 seed=3", cwd=trained, check=3), "omega=1.0 seed=3", "did you mean")


def test_a_name_that_is_not_utf_8_is_told(trained):
    one_line(rnnctl("show", "\udcff", cwd=trained, check=2), r"'\udcff' is not valid UTF-8")


def test_an_ambiguous_run_is_told(trained):
    one_line(rnnctl("show", "r1-", cwd=trained, check=3), "could be 4 runs")


def test_show_gives_verdicts_in_words_and_units(trained):
    shown = rnnctl("show", "omega=1.0 seed=1", cwd=trained, check=0).stdout
    record = json.loads(rnnctl("show", "omega=1.0 seed=1", "--json", cwd=trained, check=0).stdout)
    topics = ["floor", "divergence", "gradient", "saturation", "spectral radius", "clipping"]
    assert [remark["topic"] for remark in record["remarks"]] == topics
    for remark in record["remarks"]:
        assert f"  {remark['topic']}: {remark['verdict']}. {remark['text']}\n" in shown
    assert record["loss_unit"] == "nats"
    assert f"best loss {record['summary']['best_loss']:.4g} nats at update" in shown

"""`rnnctl gradcheck` as a user types it, right and wrong."""

import json
import re

import pytest

from rnnctl.cells.gru.equations import GruTape
from tests.cli.command_line import one_line, rnnctl

QUICK = ("--hidden", "2", "--large", "0")


def test_a_table_has_the_largest_error_of_each_weight(tmp_path):
    done = rnnctl("gradcheck", "gru", *QUICK, cwd=tmp_path, check=0)
    assert re.search(r"^gru +W_hz +[0-9.]+e-\d\d +\d+ +ok$", done.stdout, re.M)
    assert re.search(r"^gru +dL/dh_t ", done.stdout, re.M)
    assert re.search(r"^[\d,]+ derivatives in 24 cases: all are within 1e-06$", done.stdout, re.M)
    assert done.stderr == "checking gru\n"


def test_json_has_every_case(tmp_path):
    checked = json.loads(rnnctl("gradcheck", "gru", *QUICK, "--json", cwd=tmp_path, check=0).stdout)
    assert checked["bound"] == 1e-6
    assert len(checked["comparisons"]) == 24 * 12
    first = checked["comparisons"][0]
    assert first["parameter"] == "W_uz"
    assert first["right"] is True
    assert first["case"]["loss"] == "cross entropy"


def test_a_wrong_gradient_is_an_exit_status(tmp_path, monkeypatch):
    right = GruTape._recurrent_gradients

    def wrong(self, grads, regularisers):
        values = right(self, grads, regularisers)
        grads["W_hz"].neg_()
        return values

    monkeypatch.setattr(GruTape, "_recurrent_gradients", wrong)
    done = rnnctl("gradcheck", "gru", *QUICK, cwd=tmp_path, check=1)
    assert re.search(r"^gru +W_hz .* wrong in 24 cases$", done.stdout, re.M)
    assert re.search(r"^gru W_hz: computed \S+, by differences \S+ \(.*, 2 units\)$", done.stdout, re.M)
    assert "not all are within 1e-06" in done.stdout
    assert re.search(r"^gru +W_hr .* ok$", done.stdout, re.M)


def test_the_bound_is_the_users(tmp_path):
    done = rnnctl("gradcheck", "gru", *QUICK, "--bound", "1e-16", cwd=tmp_path, check=1)
    assert "not all are within 1e-16" in done.stdout


@pytest.mark.parametrize(
    ("args", "fragments"),
    [
        (["grru"], ["there is no cell 'grru'", "did you mean gru?"]),
        (
            ["gru", "--set", "train.lr=1"],
            ["--set train.lr=1", "only keys of the cell can be set, such as model.layers=1"],
        ),
        (["gru", "--bound", "-1"], ["--bound"]),
        (["gru", "--hidden", "0"], ["--hidden"]),
    ],
)
def test_mistakes_are_told_in_a_line(args, fragments, tmp_path):
    one_line(rnnctl("gradcheck", *args, cwd=tmp_path, check=2), *fragments)

"""Rows of CSV and JSON lines, from rows and histories made by hand."""

import csv
import io
import json

import numpy as np

from rnnctl.report.export.table import check_rows, csv_lines, identities, json_lines
from store.history import History
from tests.report.export.runs import ODD, row, spec

nan = np.nan


def test_csv_read_back_has_the_same_floats_and_nothing_where_nothing_was():
    history = History(np.array([1, 2]), {"a": np.array([0.1, 1 / 3]), "b": np.array([nan, 1e-300])}, {})
    rows = list(csv.DictReader(io.StringIO("\n".join(csv_lines(["step", "a", "b"], check_rows(history, {}))))))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [float(row["a"]) for row in rows] == [0.1, 1 / 3]
    assert rows[0]["b"] == ""
    assert float(rows[1]["b"]) == 1e-300


def test_csv_quotes_what_has_a_comma():
    lines = list(csv_lines(["label"], [{"label": "init=smart_tanh(std=1,connections=3)", "other": 1}]))
    assert next(csv.reader(lines[1:])) == ["init=smart_tanh(std=1,connections=3)"]


def test_json_lines_have_traces_where_there_are_some_and_null_for_what_is_no_number():
    traces = {"g": [None, np.array([1.0, nan, np.inf])], "n": [np.array([[1, 2]], np.uint32), None]}
    history = History(np.array([1, 2]), {"a": np.array([nan, 2.0])}, traces)
    first, second = map(json.loads, json_lines(check_rows(history, {"label": "x"}, traces=True)))
    assert first == {"label": "x", "step": 1, "a": None, "traces": {"n": [[1, 2]]}}
    assert second == {"label": "x", "step": 2, "a": 2.0, "traces": {"g": [1.0, None, None]}}
    assert "traces" not in next(check_rows(history, {}))


def test_who_a_row_belongs_to_is_told_by_what_varies():
    runs = [
        row("lr=0.1 seed=1", spec(train={"lr": 0.1})),
        row("lr=0.2 seed=7", spec(seed=7, train={"lr": 0.2})),
        row("none", spec(train={"lr": 0.2, "clip": "none"})),
    ]
    assert [list(one) for one in identities(runs)] == [["study", "label", "run", "seed", "train.lr", "train.clip"]] * 3
    assert identities(runs)[1] == {"study": "s", "label": "lr=0.2 seed=7", "run": runs[1].run_id, "seed": 7,
                                   "train.lr": 0.2, "train.clip": 1.0}  # fmt: skip
    assert identities(runs)[2]["train.clip"] == "none"


def test_a_default_that_specs_leave_out_has_its_value_in_exports():
    runs = [row(f"{b}", spec(train={"optimizer": {"name": "adam", "beta1": b}})) for b in (0.9, 0.95)]
    assert "beta1" not in runs[0].spec["train"]["optimizer"]
    assert [one["train.optimizer.beta1"] for one in identities(runs)] == [0.9, 0.95]


def test_csv_has_no_character_that_a_terminal_obeys():
    text = "\n".join(csv_lines(["label", ODD], [{"label": ODD, ODD: 1.5}]))
    assert text.replace("\n", "").isprintable()
    assert list(csv.reader(io.StringIO(text))) == [
        ["label", r'\x1b[31m\x7f\n\u202e"'],
        [r'\x1b[31m\x7f\n\u202e"', "1.5"],
    ]

"""Every cell and every task from a study file to an examined result."""

import json

from store import Store, history, queries
from tests.cli.command_line import rnnctl, train_here, workspace
from tests.cli.studies import CELLS_CHECKS

TASKS = """\
study: tasks
base:
  task: {name: addition, min_length: 10, max_length: 14}
  model: {name: gru, hidden: 16}
  train: {updates: 50, batch: 8, lr: 0.1}
  check: {every: 25, samples: 96, chunk: 48, diagnostic_batch: 5}
  stop: {solved: never}
grid:
  task.name: [temporal_order, temporal_order_3, addition, multiplication, xor, permutation, memorization]
  model.name: [rnn, gru, lstm]
"""


def test_every_cell_trains_and_leaves_its_history(cells):
    with Store.open(cells, readonly=True) as store:
        rows = queries.runs_of(store)
        assert [row.outcome for row in rows] == ["budget"] * 6
        for row in rows:
            past = history.read(store, [row.run_id], traces=True)[row.run_id]
            assert past.steps.tolist() == CELLS_CHECKS
            assert {"valid_loss", "rho", "saturation", "reach"} <= past.scalars.keys()


def test_every_cell_is_examined_and_shown(cells):
    actual = rnnctl("examine", "--json", cwd=cells, check=0).stdout
    assert json.loads(actual)
    table = rnnctl("examine", cwd=cells, check=0).stdout
    for label in ("RNN", "GRU", "LSTM"):
        assert label in table
        assert label in actual
    with Store.open(cells, readonly=True) as store:
        ids = [row.run_id for row in queries.runs_of(store)]
    for run_id in ids:
        shown = json.loads(rnnctl("show", run_id, "--json", cwd=cells, check=0).stdout)
        assert shown


def test_a_cell_can_be_selected(cells):
    selected = rnnctl("examine", "--where", "model=gru", "--no-figures", cwd=cells, check=0).stdout
    assert "GRU" in selected
    assert "LSTM" not in selected


def test_every_task_on_every_cell_from_study_to_result(tmp_path):
    folder = workspace(tmp_path / "w", TASKS)
    train_here(folder)
    actual = json.loads(rnnctl("examine", "--json", "--no-figures", cwd=folder, check=0).stdout)
    assert len(actual["runs"]) == 21
    for run in actual["runs"]:
        assert run["ended"] == "budget"
        assert run["floor"] > 0
        assert 0 < run["chance_error"] <= 1
    rnnctl("examine", cwd=folder, check=0)

"""Examinations without a command line."""

import numpy as np
import pytest

from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.examine import draw, examine
from rnnctl.lab.records import plain
from rnnctl.lab.register import register
from rnnctl.lab.show import show
from store import Store, queries
from tests.lab.trained import CHANCE, FLOOR, finish

LOSSES = {"omega=0.0 seed=1": 1.5, "omega=0.0 seed=2": 1.3, "omega=1.0 seed=1": 0.5, "omega=1.0 seed=2": None}


@pytest.fixture
def finished(store):
    finish(store, LOSSES)
    return store


def test_the_best_configuration_comes_first(finished):
    examination = examine(finished, "tiny")
    assert [group.label for group in examination.configurations] == ["omega=1.0", "omega=0.0"]
    best, other = examination.configurations
    assert (best.floor, best.chance_error, best.broke_floor_at) == (FLOOR, CHANCE, [100])
    assert best.ended == {"budget": 1, "diverged": 1}
    assert (best.spreads["loss"].mean, best.spreads["loss"].n) == (0.5, 1)
    assert other.spreads["loss"].mean == pytest.approx(1.4)
    (table,) = examination.tables
    assert (examination.title, examination.selection, table.more) == ("tiny", [], 0)


def test_runs_below_a_threshold_are_listed_best_first(finished):
    examination = examine(finished, below=1.4)
    assert [run.result.loss for run in examination.runs] == [0.5, 1.3]
    assert len(examination.every_run) == 4


def test_a_record_has_one_item_for_each_measure(finished):
    record = plain(examine(finished, where=["omega=1"], top=1))
    words = {"answers", "remarks", "differences", "average_differences"}
    assert set(record) == {"configurations", "runs", "below", "notes", "by", *words}
    assert record["configurations"][0]["loss"] == {"mean": 0.5, "sd": None, "n": 1}
    assert [run["label"] for run in record["runs"]] == ["omega=1.0 seed=1", "omega=1.0 seed=2"]
    assert "stored_spec" not in record["runs"][0]
    assert (record["runs"][0]["task"], record["runs"][0]["loss_unit"]) == ("temporal_order", "nats")


def test_runs_are_compared_in_words_where_that_is_asked_for(finished):
    assert examine(finished, "tiny").words.remarks == {}
    examination = examine(finished, "tiny", words=True, top=1)
    words = examination.words
    assert set(words.remarks) == {run.run for run in examination.every_run}
    for run in examination.every_run:
        assert words.remarks[run.run] == show(finished, run.run).remarks
    assert words.verdicts(examination.every_run)["divergence"] == {"none": 1, "diverged": 1}
    # Differences and the answer are those of all runs, however many configurations are shown.
    (difference,) = words.differences
    assert (difference.key, difference.verdict) == ("train.omega", "undecided")
    assert [answer.lines[1][:36] for answer in words.answers] == ["Best: omega=1.0, best validation loss"[:36]]


def test_configurations_are_sorted_by_what_is_asked_for(finished):
    by_omega = examine(finished, sort="omega")
    assert [group.label for group in by_omega.configurations] == ["omega=0.0", "omega=1.0"]
    first = examine(finished, sort="label", top=1)
    assert ([group.label for group in first.configurations], first.tables[0].more) == (["omega=0.0"], 1)
    assert first.selection == ["top=1", "sort=label"]
    with pytest.raises(LabError, match="^sort: .*did you mean loss") as error:
        examine(finished, sort="los")
    assert error.value.code is Code.USAGE


def test_figures_of_an_earlier_examination_are_replaced(finished):
    folder = finished.workspace.figures / "tiny"
    folder.mkdir(parents=True)
    (folder / "hyperparameters_below.png").write_bytes(b"of an earlier call")
    drawn = draw(finished, examine(finished, "tiny"))
    assert drawn.folder == folder
    assert {path.stem for path in folder.iterdir()} == set(drawn.names)
    assert "loss" in drawn.names
    assert "hyperparameters_below" not in drawn.names


def test_the_measure_that_ranks_can_be_named(finished):
    assert examine(finished, "tiny").by == "loss"
    by_error = examine(finished, "tiny", by="error", below=0.6)
    assert (by_error.by, len(by_error.runs)) == ("error", 3)
    with pytest.raises(LabError, match="^by los: there is no such measure.*did you mean loss"):
        examine(finished, "tiny", by="los")


def test_a_row_says_what_varies_its_task_and_how_many_checks_were_below_the_floor(finished):
    rows = {row["label"]: row for row in examine(finished, "tiny").rows()}
    row = rows["omega=1.0 seed=1"]
    assert (row["train.omega"], row["task"], row["loss_unit"], row["below_floor"]) == (1.0, "temporal_order", "nats", 1)
    assert rows["omega=0.0 seed=1"]["below_floor"] == 0
    assert rows["omega=1.0 seed=2"]["below_floor"] is None  # it has no check
    best, other = examine(finished, "tiny").configurations
    assert (best.parameters, best.spreads["below_floor"].mean) == ({"train.omega": 1.0}, 1)
    assert other.spreads["below_floor"].mean == 0.5


def test_the_verdict_on_gradients_is_in_the_leaderboard_and_in_what_is_shown_of_a_run(store):
    batch = queries.runs_of(store)[0].spec["check"]["diagnostic_batch"]
    counts = np.zeros(len(LOG10_EDGES) - 1, dtype=np.uint32)
    counts[np.searchsorted(LOG10_EDGES, [-11.0, -3.0])] = batch * 5, batch * 8
    traces = {"grad_time": np.ones(20), "grad_hist": counts}  # of 20 steps 5 are zero, 5 vanished and 8 are ordinary
    finish(store, {"omega=1.0 seed=1": 0.5}, traces=traces)
    rows = {row["label"]: row for row in examine(store, "tiny").rows()}
    shares = [rows["omega=1.0 seed=1"][f"gradient_{word}"] for word in ("zero", "vanished", "exploded")]
    assert shares == pytest.approx([0.25, 0.25, 0.1])
    assert rows["omega=0.0 seed=1"]["gradient_zero"] is None
    assert examine(store, "tiny").configurations[0].spreads["gradient_vanished"].mean == pytest.approx(0.25)
    details = show(store, "omega=1.0 seed=1")
    assert (details.gradients.step, details.gradients.exploded) == (120, pytest.approx(0.1))
    assert show(store, "omega=0.0 seed=1").gradients is None


def test_figures_of_a_selection_never_replace_those_of_all(finished):
    whole = draw(finished, examine(finished, "tiny"))
    before = {path: path.read_bytes() for path in whole.folder.glob("*.png")}
    for selection in ({"where": ["omega=1"]}, {"top": 1}, {"where": ["omega=0"], "below": 1.4}):
        drawn = draw(finished, examine(finished, "tiny", **selection))
        assert drawn.folder.parent == whole.folder
    below = draw(finished, examine(finished, "tiny", below=1.4))
    assert (below.folder, set(below.names) - set(whole.names)) == (whole.folder, {"hyperparameters_below_1.4"})
    assert {path: path.read_bytes() for path in before} == before


TWO_TASKS = """\
study: two-tasks
base:
  model: {hidden: 12, init: orthogonal}
  train: {updates: 120, batch: 10}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
grid:
  train.lr: [0.1, 0.2]
  task: [{name: temporal_order, min_length: 10, max_length: 20}, {name: addition, min_length: 10, max_length: 20}]
seeds: [1]
"""


def test_tasks_are_ranked_apart(tmp_path):
    from rnnctl.lab.register import register
    from store import Store, queries

    (tmp_path / "two.yaml").write_text(TWO_TASKS)
    register(tmp_path, [tmp_path / "two.yaml"])
    with Store.open(tmp_path) as store:
        labels = [row.label for row in queries.runs_of(store)]
        finish(store, {label: 0.1 + 0.1 * i for i, label in enumerate(labels)})
        tables = examine(store, "two-tasks", top=1).tables
        assert [(table.task, table.unit, len(table.configurations), table.more) for table in tables] == [
            ("temporal_order", "nats", 1, 1),
            ("addition", "mean squared error", 1, 1),
        ]
        from rnnctl.lab.effects import effects

        with pytest.raises(LabError, match="cannot be compared"):
            effects(store, "two-tasks")


LEVELS = """\
study: levels
base:
  task: {name: text, corpus: words, window: 20}
  model: {name: gated, hidden: 8, layers: 1}
  train: {updates: 20, batch: 8, lr: 0.01, optimizer: adam}
  check: {every: 10, samples: 100, chunk: 100, diagnostic_batch: 5}
grid: {task.level: [bytes, chars], model.hidden: [8, 9]}
seeds: [1]
"""


@pytest.fixture
def levels(tmp_path):
    """A workspace with texts at two levels, whose losses alternate."""
    corpus, file = tmp_path / "words", tmp_path / "levels.yaml"
    corpus.write_bytes(b"to be or not to be, that is the question. " * 450)
    file.write_text(LEVELS.replace("words", str(corpus)))
    register(tmp_path, [file])
    with Store.open(tmp_path) as opened:
        labels = [row.label for row in queries.runs_of(opened)]
        finish(opened, {label: 1.0 + i / 10 for i, label in enumerate(sorted(labels, key=lambda label: label[::-1]))})
        yield opened


@pytest.mark.parametrize(
    "options", [{"by": "loss"}, {"by": "last_loss"}, {"by": "error", "sort": "loss"}, {"sort": "last_loss"}]
)
def test_losses_of_different_units_are_never_sorted_in_one_list(levels, options):
    tables = examine(levels, "levels", **options).tables
    assert [table.unit for table in tables] == ["nats per byte", "nats per character"]
    for table in tables:
        assert {group.loss_unit for group in table.configurations} == {table.unit}


def test_errors_are_sorted_in_one_list_whatever_the_unit_of_the_loss(levels):
    (table,) = examine(levels, "levels", by="error", sort="error").tables
    assert (table.unit, len(table.configurations)) == ("share", 4)

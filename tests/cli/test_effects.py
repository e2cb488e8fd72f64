"""`rnnctl effects` as a user types it, on runs whose results were entered by a formula."""

import json
import math
import sys

import pytest

from rnnctl.cli.output import NOTHING, USAGE
from store import Store, checkpoints, commits, queue, workers
from tests.cli.command_line import in_a_process, one_line, rnnctl, workspace

GRID = """\
study: grid
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {hidden: 12, init: orthogonal}
  train: {updates: 100, batch: 10}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
grid:
  train.lr: [0.001, 0.01, 0.1]
  model.hidden: [8, 16]
zip:
  method: [{train.clip: none, train.omega: 0}, {train.clip: 1.0, train.omega: 0}, {train.clip: 1.0, train.omega: 2.0}]
seeds: [1, 2, 3]
"""
ADDITION = """\
study: addition
base:
  task: {name: addition, min_length: 10, max_length: 20}
  train: {updates: 100, batch: 10}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
seeds: [1]
"""


def loss(spec):
    """Omega takes off .4, clipping .1, a decade of learning rate .02; a seed adds some hundredths to all."""
    train = spec["train"]
    clipped = train["clip"]["style"] != "none"
    omega = train["omega"]["alpha"] > 0
    return 1.0 - 0.1 * clipped - 0.4 * omega - 0.02 * (math.log10(train["lr"]) + 3) + 0.03 * spec["seed"]


def finish(folder, most=1000):
    """End up to so many queued runs with the result of the formula; no loss where it says None."""
    with Store.open(folder) as store:
        workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {"bits": {}}, 1.0)
        for _ in range(most):
            claims = queue.claim(store, "w", 10.0, 60.0, lambda shape: 1, 1, 1)
            if not claims:
                return
            (claim,) = claims
            sound = checkpoints.write(store.workspace, claim.run_id, claim.attempt, 100, lambda file: file.write(b"w"))
            value = loss(claim.spec)
            last = {"valid_loss": 2 * value, "valid_error": value / 2, "valid_samples": 100}
            summary = {"best_loss": value, "best_error": value / 4, "floor": 1.386, "chance_error": 0.75, "last": last}
            commits.commit(store, claim, sound, [], summary, 20.0, "budget")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """54 finished runs of 18 configurations. Tests only read it, or draw."""
    folder = workspace(tmp_path_factory.mktemp("effects") / "w", GRID)
    finish(folder)
    return folder


def test_the_formula_comes_back_as_json(grid):
    actual = json.loads(rnnctl("effects", "grid", "--below", "0.6", "--json", cwd=grid, check=0).stdout)
    assert (actual["runs"], actual["configurations"], actual["unfinished"], actual["without_result"]) == (54, 18, 0, 0)
    assert [each["name"] for each in actual["hyperparameters"]] == [
        "train.clip", "train.omega", "train.lr", "model.hidden",
    ]  # fmt: skip
    pairs = {(each["name"], each["from"], each["to"]): each for each in actual["comparisons"]}
    clip, omega = pairs["train.clip", 1.0, "none"], pairs["train.omega", 0.0, 2.0]
    assert clip["difference"]["mean"] == pytest.approx(0.1)
    assert omega["difference"]["mean"] == pytest.approx(-0.4)
    assert (omega["alone"], omega["configurations"]["n"], omega["runs"]["n"], omega["runs"]["better"]) == (6, 6, 18, 18)
    assert omega["lowest"] == pytest.approx(-0.4)
    assert omega["difference"]["error"] == pytest.approx(0, abs=1e-9)  # a seed does the same to all
    main = {(each["name"], each["value"]): each for each in actual["main_effects"]}
    assert main["train.omega", 2.0]["mean"] == pytest.approx(0.54)
    assert main["train.omega", 2.0]["share_below"] == 1
    assert main["train.omega", 0.0]["below"] is None
    assert main["train.omega", 0.0]["mean"] == pytest.approx((0.94 + 1.04) / 2)
    assert main["train.lr", 0.001]["sd_seeds"] == pytest.approx(0.03)
    assert main["train.lr", 0.001]["error"] == pytest.approx(0.03 / math.sqrt(3))
    importance = actual["importance"]
    assert importance["linear"]["r2"] > 0.95  # of the logarithm, in which the formula is not quite additive
    assert max(importance["linear"]["size"], key=importance["linear"]["size"].get) == "train.omega"
    assert max(importance["forest"]["importance"], key=importance["forest"]["importance"].get) == "train.omega"
    # The two sizes of the hidden layer have the same result, so that the best is a tie with every seed.
    assert actual["stability"]["spearman"] == pytest.approx(1)
    assert actual["stability"]["same_best"]
    assert actual["missing"] == {}


def test_other_results_are_told_by_name(grid):
    few = ["--where", "omega=2"]  # too few for a forest, which takes its time
    best, last, error = (
        json.loads(rnnctl("effects", "--by", by, *few, "--json", cwd=grid, check=0).stdout)["main_effects"][0]["mean"]
        for by in ("loss", "last_loss", "last_error")
    )
    assert (last, error) == (pytest.approx(2 * best), pytest.approx(best / 2))


def test_tables_and_figures(grid):
    done = rnnctl("effects", "--below", "0.6", cwd=grid, check=0)
    text = done.stdout
    assert "best validation loss (nats), lower is better, floor 1.386; 54 finished runs of 18 configurations" in text
    assert "Main effects" in text
    assert "share %" in text
    assert "6 of 6" in text
    assert "can be believed" in text
    assert "best with every seed: " in text
    folder = grid / "figures" / "grid"
    assert {path.stem for path in folder.iterdir()} == {"effects", "hyperparameters", "hyperparameters_below_0.6"}
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    assert f"3 figures in {folder}" in text
    few = ["--where", "omega=2"]
    rnnctl("effects", *few, cwd=grid, check=0)
    rnnctl("effects", "--by", "last_error", *few, cwd=grid, check=0)
    names = {path.stem for path in (folder / "omega=2").iterdir()}
    assert names == {"effects", "hyperparameters", "effects_last_error", "hyperparameters_last_error"}
    assert {path: path.read_bytes() for path in whole} == whole  # a selection never replaces the figures of all runs


def test_defaults_that_came_later_have_their_value_and_equal_results_have_no_spread(tmp_path, monkeypatch):
    """.9 is the default of beta1. Three errors of .72 have a mean in float64 that is not quite .72."""
    text = GRID[: GRID.index("zip:")].replace("batch: 10}", "batch: 10, optimizer: adam}") + "seeds: [1, 2, 3]\n"
    text = text.replace("  model.hidden: [8, 16]\n", "").replace("train.lr: [0.001", "train.optimizer.beta1: [0.9")
    folder = workspace(tmp_path / "w", text.replace("0.01, 0.1]", "0.95]"))
    monkeypatch.setattr(sys.modules[__name__], "loss", lambda spec: 0.72)
    finish(folder)
    main = json.loads(rnnctl("effects", "--json", cwd=folder, check=0).stdout)["main_effects"]
    values = [(each["name"], each["value"], each["sd_seeds"], each["error"]) for each in main]
    assert values == [("train.optimizer.beta1", value, 0, 0) for value in (0.9, 0.95)]
    examined = rnnctl("examine", "--no-figures", cwd=folder, check=0).stdout
    for shown in (rnnctl("effects", "--no-figures", cwd=folder, check=0).stdout, examined):
        assert "0.72 ± 0 " in shown
        assert "e-1" not in shown
        assert "not set" not in shown
    assert "beta1=0.9 " in examined


def test_no_figures_draws_none(tmp_path):
    folder = workspace(tmp_path / "w", GRID)
    finish(folder, most=20)
    text = rnnctl("effects", "--no-figures", cwd=folder, check=0).stdout
    assert "left out: 34 not finished, 0 without a finite result" in text
    assert not list((folder / "figures").rglob("*.png"))


def test_of_runs_that_meet_a_condition(grid):
    text = rnnctl("effects", "--where", "clip=1.0", "--where", "omega=0", "--no-figures", cwd=grid, check=0).stdout
    assert "18 finished runs of 6 configurations" in text
    assert "train.omega" not in text
    assert "Importance: not estimated, 6 configurations with a result, and a fit that can be judged takes 10" in text


def test_one_configuration_has_nothing_to_compare(grid):
    conditions = ["--where", "clip=none", "--where", "lr=0.1", "--where", "hidden=8"]
    text = rnnctl("effects", *conditions, cwd=grid, check=0).stdout
    assert text.splitlines()[-1] == "no hyper-parameter varies over these runs: there is nothing to compare"


def test_without_the_extra_one_line_stands_where_the_forest_would(grid, tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ImportError('not here')\n")
    command = (sys.executable, "-m", "rnnctl", "effects", "--no-figures")
    done = in_a_process(*command, cwd=grid, check=0, PYTHONPATH=f"{tmp_path}:{':'.join(sys.path)}")
    (line,) = [line for line in done.stdout.splitlines() if "forest" in line]
    assert line.endswith("pip install 'rnnctl[effects]'")
    assert "linear fit: R²" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["--by", "last_los"], USAGE, ["--by last_los", "did you mean last_loss?", "last_error"]),
        (["--below", "nan"], USAGE, ["--below", "finite"]),
        (["--where", "omga=1"], USAGE, ["omga", "did you mean train.omega?"]),
        (["--where", "omega=7"], NOTHING, ["no run matches"]),
        (["gird"], NOTHING, ["gird", "did you mean grid?"]),
    ],
)
def test_mistakes_are_answered_in_one_line(grid, args, code, fragments):
    one_line(rnnctl("effects", *args, cwd=grid, check=code), *fragments)


def test_runs_that_cannot_be_compared_or_have_not_finished_are_told(tmp_path):
    folder = workspace(tmp_path / "w", GRID)
    one_line(rnnctl("effects", "grid", cwd=folder, check=NOTHING), "grid: no run has finished yet")
    (folder / "more.yaml").write_text(ADDITION)
    rnnctl("init", "more.yaml", cwd=folder, check=0)
    finish(folder)
    one_line(rnnctl("effects", cwd=folder, check=USAGE), "mean squared error", "cannot be compared", "name a study")
    rnnctl("effects", "grid", "--no-figures", cwd=folder, check=0)


def test_interactions_of_the_formula(grid):
    """Effects add up; the order of rates is the same everywhere, and sizes are tied."""
    actual = json.loads(rnnctl("effects", "grid", "--interactions", "--json", cwd=grid, check=0).stdout)
    pairs = [(each["first"], each["second"]) for each in actual["interactions"]]
    assert len(pairs) == 6
    assert ("train.lr", "model.hidden") in pairs
    contrasts = [
        cell["contrast"]["mean"] for each in actual["interactions"] for cell in each["cells"] if cell["contrast"]
    ]
    assert contrasts == pytest.approx([0] * len(contrasts), abs=1e-9)
    (rates,) = (each for each in actual["consistency"] if each["name"] == "train.lr")
    assert (rates["order"], rates["tau"], rates["settings"]) == ([0.1, 0.01, 0.001], 1, 6)
    shown = rnnctl("effects", "grid", "--interactions", cwd=grid, check=0).stdout
    assert "train.lr (rows) and model.hidden (columns): means ± standard error over seeds" in shown
    assert "contrasts: what model.hidden adds more than at train.lr 0.001, from 8 on" in shown
    assert "Order of the values of a hyper-parameter at each setting of the others" in shown


def test_spans_over_studies_that_share_a_baseline(tmp_path):
    axes = GRID.index("grid:\n")
    base = GRID[:axes].replace("train: {", "train: {clip: 1.0, ")
    rates = base.replace("study: grid", "study: rates") + "grid: {train.lr: [0.001, 0.01, 0.1]}\nseeds: [1, 2, 3]\n"
    omegas = base.replace("study: grid", "study: omegas") + "grid: {train.omega: [0, 2.0]}\nseeds: [1, 2, 3]\n"
    folder = workspace(tmp_path / "w", rates)
    (folder / "omegas.yaml").write_text(omegas)
    rnnctl("init", "omegas.yaml", cwd=folder, check=0)
    finish(folder)
    actual = json.loads(rnnctl("effects", "rates", "omegas", "--spans", "--json", cwd=folder, check=0).stdout)
    assert [each["name"] for each in actual["spans"]] == ["train.omega", "train.lr"]
    assert [each["span"] for each in actual["spans"]] == pytest.approx([0.4, 0.04])
    shown = rnnctl("effects", "--spans", cwd=folder, check=0).stdout
    assert "2 studies, baseline " in shown
    assert "0.001: 0.96" in shown
    one_line(rnnctl("effects", "rates", "omegas", cwd=folder, check=USAGE), "several studies are for --spans")
    one_line(rnnctl("effects", "rates", "--spans", "--interactions", cwd=folder, check=USAGE), "exclude each other")
    one_line(rnnctl("effects", "rates", "--spans", "--below", "1", cwd=folder, check=USAGE), "--below does not apply")
    one_line(rnnctl("effects", "rates", "--interactions", cwd=folder, check=NOTHING), "takes two hyper-parameters")

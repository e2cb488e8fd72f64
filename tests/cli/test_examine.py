"""`examine`: its table, its figures, its data, and the mistakes that it answers in one line."""

import csv
import io
import json
import re

import pytest

from tests.cli.command_line import (
    one_line,
    rnnctl,
)

ANSI = re.compile(r"\x1b\[")


def test_examine_prints_a_leaderboard_with_floors_and_draws_figures(trained):
    done = rnnctl("examine", "--below", "1.386", cwd=trained, check=0)
    assert "floor" in done.stdout
    assert "1.386" in done.stdout
    assert "of 4 runs below 1.386" in done.stdout
    folder = trained / "figures" / "tiny"
    names = {path.stem for path in folder.glob("*.png")}
    assert {"loss", "hyperparameters", "hyperparameters_below_1.386", "gradient", "gradient_histogram", "saturation",
            "spectrum"} <= names  # fmt: skip
    assert str(folder) in done.stdout


def test_examine_json_is_whole_and_plain_when_piped(trained):
    done = rnnctl("examine", "tiny", "--below", "9", "--json", cwd=trained, check=0, COLUMNS="20", FORCE_COLOR="1")
    assert not ANSI.search(done.stdout)
    actual = json.loads(done.stdout)
    assert len(actual["runs"]) == 4
    assert len(actual["configurations"]) == 2
    assert actual["below"] == 9
    assert actual["configurations"][0]["loss"]["n"] == 2
    assert actual["runs"][0]["floor"] == pytest.approx(1.386294)


def test_piped_tables_are_neither_cut_nor_coloured(trained, few_studies):
    for command in (["examine", "--no-figures"], ["status"], ["show", "tiny/omega=1.0 seed=1"], ["studies"]):
        narrow = rnnctl(*command, cwd=trained, check=0, COLUMNS="20", FORCE_COLOR="1").stdout
        assert not ANSI.search(narrow)
        assert "…" not in narrow
    assert "omega=1.0" in rnnctl("examine", "--no-figures", cwd=trained, check=0, COLUMNS="20").stdout


def test_examine_csv_has_a_row_for_each_run(trained):
    actual = list(csv.DictReader(io.StringIO(rnnctl("examine", "--csv", cwd=trained, check=0).stdout)))
    assert len(actual) == 4
    assert {row["floor"] for row in actual} == {"1.3862943611198906"}


def test_examine_where_and_sort_and_top(trained):
    only = json.loads(
        rnnctl("examine", "--where", "omega=1", "--where", "seed=2", "--json", cwd=trained, check=0).stdout
    )
    assert [run["label"] for run in only["runs"]] == ["omega=1.0 seed=2"]
    by_omega = json.loads(rnnctl("examine", "--sort", "omega", "--json", cwd=trained, check=0).stdout)
    assert [group["label"] for group in by_omega["configurations"]] == ["omega=0.0", "omega=1.0"]
    top = json.loads(rnnctl("examine", "--top", "1", "--json", cwd=trained, check=0).stdout)
    assert len(top["configurations"]) == 1


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["--below", "nan"], 2, ["--below", "finite"]),
        (["--below", "abc"], 2, ["--below", "must be a number"]),
        (["--where", "omega"], 2, ["key=value"]),
        (["--where", "omga=1"], 2, ["omga", "did you mean train.omega?"]),
        (["--sort", "los"], 2, ["--sort", "did you mean loss?"]),
        (["--json", "--csv"], 2, ["exclude each other"]),
        (["tinny"], 3, ["tinny", "did you mean tiny?"]),
        (["--where", "omega=7"], 3, ["no run matches"]),
        (["--nonsense"], 2, ["--nonsense"]),
    ],
)
def test_examine_answers_mistakes_in_one_line(trained, args, code, fragments):
    one_line(rnnctl("examine", *args, cwd=trained, check=code), *fragments)


def test_verdicts_are_those_of_show_and_the_answer_stands_below_the_table(trained):
    record = json.loads(rnnctl("examine", "tiny", "--json", cwd=trained, check=0).stdout)
    for run, remarks in record["remarks"].items():
        assert json.loads(rnnctl("show", run, "--json", cwd=trained, check=0).stdout)["remarks"] == remarks
    shown = rnnctl("examine", "tiny", "--no-figures", cwd=trained, check=0).stdout
    (answer,) = record["answers"]
    assert shown.endswith("\n".join(["", *answer["lines"], ""]))
    assert "  gradient  " in shown.splitlines()[0]
    assert {each["key"] for each in record["differences"]} == {"train.omega"}


def test_the_measure_that_ranks_is_in_the_table_however_narrow_it_is(trained, monkeypatch):
    monkeypatch.setattr("rnnctl.cli.layout.room", lambda **_: 40)
    for by, heading in {"error": "best error %", "last_error": "last error %", "last_loss": "last loss"}.items():
        shown = rnnctl("examine", "tiny", "--by", by, "--no-figures", cwd=trained, check=0).stdout
        table, _, hidden = shown.partition("not shown: ")
        assert hidden
        assert set(heading.split()) <= set(table.split())
        assert heading not in hidden.partition("(a wider terminal")[0]

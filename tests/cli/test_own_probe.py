"""A probe from outside of the package: one line in the catalogue, and the command line can ask it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from store import Store, answers, queries
from tests.cli.command_line import bits, environment, one_line

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tests.probes.norms; from rnnctl.cli.app import main; main()"
)


def norms(*args, cwd, check=0):
    command = [sys.executable, "-c", PROGRAM, "probe", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    return done


def test_its_help_is_made_from_its_fields(trained):
    words = " ".join(norms("tiny", "norms", "--help", cwd=trained).stdout.split())
    for shown in ("Show the norm of each weight matrix.", "--order fro|nuc", "Which norm.", "[default: fro]", "--scale",
                  "--most", "x>=1", "--names", "--json", "--no-figures", "--workspace"):  # fmt: skip
        assert shown in words
    assert "norms" in norms("--help", cwd=trained).stdout


def test_it_is_asked_tabulated_drawn_and_its_answers_are_kept(trained):
    first = norms("tiny", "norms", "--scale", 2, cwd=trained)
    title, _, header, _, *rows, figure = first.stdout.splitlines()
    assert (title, header.split()) == ("norm fro", ["label", "W_uh", "W_hh", "W_hy"])
    assert len(rows) == 4
    path = Path(figure.removeprefix("figure: "))
    assert path.samefile(trained / "figures" / "tiny-norms.png")
    actual = json.loads(norms("tiny", "norms", "--scale", 2, "--json", cwd=trained).stdout)
    with Store.open(trained, readonly=True) as store:
        kept = answers.of_runs(store, [record["run_id"] for record in actual], "norms")
        (row, *_) = queries.runs_of(store, run_ids=[actual[0]["run_id"]])
    asked = {"order": "fro", "scale": 2.0, "names": ["W_uh", "W_hh", "W_hy"]}
    assert [answer.asked for answer in kept] == [asked] * 4
    assert actual[0] == {
        "study": "tiny",
        "label": row.label,
        "run_id": row.run_id,
        "step": row.summary["best_step"],
    } | (asked | next(answer.answer for answer in kept if answer.run_id == row.run_id))


def test_its_answer_is_that_of_the_weights(trained):
    (actual,) = json.loads(norms("omega=0.0 seed=1", "norms", "--json", cwd=trained).stdout)
    best_N = np.frombuffer(bits(trained)[actual["run_id"]]["state"]["best_weights"], np.float32)
    assert actual["W_uh"] == pytest.approx(float(np.linalg.norm(best_N[: 6 * 12])), rel=1e-6)


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["norm"], 2, ["norm", "norms"]),
        (["norms", "--order", "frob"], 2, ["--order frob", "fro, nuc", "did you mean fro?"]),
        (["norms", "--scale", "0"], 2, ["--scale 0", "greater than 0"]),
        (["norms", "--scale", "101"], 2, ["--scale", "100"]),
        (["norms", "--scale", "inf"], 2, ["--scale"]),
        (["norms", "--most", "11"], 2, ["tiny", "norms does not apply", "hidden 12 is above 11"]),
        (["norms", "--names", "W_xx"], 2, ["--names", "there is no weight W_xx"]),
    ],
)
def test_mistakes_get_one_line(trained, args, code, fragments):
    one_line(norms("tiny", *args, cwd=trained, check=code), *fragments)

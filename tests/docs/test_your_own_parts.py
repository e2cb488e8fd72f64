"""The page about users' parts: its files in a folder outside of the package, from YAML to examination.

The same parts from Python: alone, packed and resumed with the same bits.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from tests.cli.command_line import Done, rnnctl

PAGE = Path(__file__).resolve().parents[2] / "rnnctl/docs/your-own-parts.md"


def files_of(page: Path) -> dict[str, str]:
    """The files that a page shows, by name."""
    blocks = re.findall(r"^`(\S+)`:\n\n```\w+\n(.+?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return dict(blocks)


def written_into(folder: Path) -> Path:
    """Write the files of the page into a folder, and return it."""
    for name, text in files_of(PAGE).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the study of the page, trained by a worker of its own."""
    folder = written_into(tmp_path_factory.mktemp("mine"))
    rnnctl("init", "mine.yaml", "--allow-code", cwd=folder, check=0)
    rnnctl("train", "--allow-code", cwd=folder, check=0)
    return folder


def unread(*command: str, cwd: Path) -> Done:
    """Run a command in a process that has not imported the parts."""
    from tests.usercode.forgetting import forget

    forget()
    return rnnctl(*command, cwd=cwd, check=0)


def test_the_page_shows_a_part_of_each_family() -> None:
    names = set(files_of(PAGE))
    assert names == {"my_cells.py", "my_tasks.py", "my_training.py", "my_probes.py", "mine.yaml"}


def test_it_is_planned_trained_and_ranked_beside_its_floor(trained: Path) -> None:
    assert "4 runs of 2 configurations" in unread("plan", "mine.yaml", "--allow-code", cwd=trained).stdout
    groups = json.loads(unread("examine", "mine", "--json", cwd=trained).stdout)
    rows = json.loads(unread("runs", "--json", cwd=trained).stdout)
    assert len(rows) == 4
    for row in rows:
        assert row["floor"] == pytest.approx(0.6931, abs=1e-4)
        assert row["loss"] < 0.9 * row["floor"]
    assert groups


def test_its_keys_are_hyper_parameters(trained: Path) -> None:
    shown = unread("runs", "--where", "leak=0.5", "--where", "keep=0.5", "--json", cwd=trained).stdout
    assert len(json.loads(shown)) == 2
    assert "model.leak" in unread("effects", "mine", "--json", cwd=trained).stdout


def test_its_probe_is_asked_and_its_answers_are_kept(trained: Path) -> None:
    count = 2 * 12 + 12 * 12 + 12 + 12 * 2 + 2
    words = ("probe", "mine", "my_probes:WeightCount", "--allow-code")
    assert "--threshold" in unread(*words, "--help", cwd=trained).stdout
    records = json.loads(unread(*words, "--threshold", "0.01", "--json", cwd=trained).stdout)
    assert [record["weights"] for record in records] == [count] * 4
    assert all(record["used"] < count for record in records)
    assert str(count) in unread(*words, cwd=trained).stdout


def test_it_is_shown_plotted_evaluated_and_exported(trained: Path, tmp_path: Path) -> None:
    (run, *_) = json.loads(unread("runs", "--json", cwd=trained).stdout)
    assert "my_cells:Leaky" in unread("show", run["run"], cwd=trained).stdout
    for kind in ("gradient", "spectrum"):
        made = unread("plot", "mine", kind, "--out", f"{tmp_path}/", cwd=trained).stdout.strip()
        assert made.endswith(f"{kind}.png")
    rnnctl("evaluate", run["run"], "--allow-code", "--lengths", "5,7", cwd=trained, check=0)
    rnnctl("evaluate", run["run"], "--lengths", "11", cwd=trained, check=0)  # its code is imported by now
    unread("export", "mine", "--format", "jsonl", "--out", f"{tmp_path}/", cwd=trained)


def test_what_needs_the_code_says_so(trained: Path) -> None:
    from tests.usercode.forgetting import forget

    forget()
    (run, *_) = json.loads(rnnctl("runs", "--json", cwd=trained, check=0).stdout)
    for words in (["probe", run["run"], "my_probes:WeightCount"], ["evaluate", run["run"], "--lengths", "6"]):
        done = rnnctl(*words, cwd=trained, check=1)
        (line,) = done.stderr.splitlines()
        assert "is not imported unasked: add --allow-code" in line


def test_alone_packed_and_resumed_have_the_same_bits(tmp_path: Path) -> None:
    from rnnctl.study.loading import load_study
    from rnnctl.usercode.permission import allow_code
    from tests.training.drawn_packs import check_pack

    study = written_into(tmp_path) / "mine.yaml"
    study.write_text(study.read_text().replace("updates: 500", "updates: 12").replace("every: 50", "every: 5"))
    with allow_code():
        specs = [run.spec for run in load_study(study).runs]
    runs = {spec.run_id: spec for spec in specs if spec.canonical()["model"]["leak"] == 0.5}
    assert len(runs) == 2
    check_pack(random.Random(1), runs)


def test_a_step_that_draws_numbers_is_told_by_gradcheck(tmp_path: Path) -> None:
    folder = written_into(tmp_path)
    cells = folder / "my_cells.py"
    cells.write_text(cells.read_text().replace(".tanh()\n", ".tanh() * (x.new_zeros(()).uniform_() > 0.5)\n"))
    done = rnnctl("gradcheck", "my_cells:Leaky", "--allow-code", "--large", "0", cwd=folder, check=1)
    assert "two passes with the same weights and inputs differ" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2  # what is checked, and this


def test_the_gradients_of_its_cell_are_right(tmp_path: Path) -> None:
    folder = written_into(tmp_path)
    done = rnnctl("gradcheck", "my_cells:Leaky", "--allow-code", "--large", "8", cwd=folder, check=0)
    assert "dL/dh_t" in done.stdout

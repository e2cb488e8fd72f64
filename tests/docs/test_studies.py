"""The studies that the pages show can be registered as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rnnctl.docs.pages import pages
from rnnctl.study.loading import load_study
from tests.cli.command_line import rnnctl
from tests.places import small_data

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"your-own-parts.md"}  # its study needs the modules of the page: test_your_own_parts.py runs it with them
STUDIES = [
    pytest.param(text, id=f"{page.name}-{i}")
    for page in (ROOT / "README.md", *pages())
    if page.name not in ELSEWHERE
    for i, text in enumerate(re.findall(r"```yaml\n(.+?)```", page.read_text(encoding="utf-8"), re.S))
]


@pytest.mark.parametrize("text", STUDIES)
def test_a_study_on_a_page_can_be_read(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    _, arrays, *_ = small_data(tmp_path)
    for name in ("mine.npz", "trials.npz"):  # what the page on your own data saves first
        shutil.copy(arrays, name)
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    study = load_study(file)
    assert study.runs
    assert study.warnings == ()


def test_the_readme_shows_a_study_of_twelve_runs_and_plan_shows_them_all(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    file = tmp_path / "my-study.yaml"
    file.write_text(re.findall(r"```yaml\n(.+?)```", readme, re.S)[0], encoding="utf-8")
    assert "`rnnctl plan my-study.yaml` shows its twelve runs" in readme
    assert len(load_study(file).runs) == 12
    shown = rnnctl("plan", file, cwd=tmp_path, check=0).stdout
    assert "12 runs" in shown
    assert "more run" not in shown

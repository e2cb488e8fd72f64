"""The example of the page From Python runs, block after block, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import rnnctl

PAGE = Path(__file__).resolve().parents[2] / "rnnctl/docs/python.md"


def test_the_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [row["label"] for row in names["board"]]
    assert all(line.endswith("floor 1.3862943611198906") for line in printed)
    assert (tmp_path / "gradient.png").exists()
    study = rnnctl.Workspace("lab", create=False)["first"]
    assert [run.status for run in study] == ["done"] * 4
    assert names["unrolled"].hidden.shape == (20, 3, 16)
    assert names["run"].history.steps.tolist() == [0, 50, 100]

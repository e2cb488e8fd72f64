"""The example of the page on rnnctl.classic runs as it stands, and shows what the page says."""

from __future__ import annotations

import re

import numpy as np

import rnnctl.classic
from rnnctl.docs.pages import FOLDER

PAGE = (FOLDER / "classic.md").read_text(encoding="utf-8")


def test_the_example_runs_and_learns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "".join(re.findall(r"```python\n(.+?)```", PAGE, re.S))
    names = {}
    exec(compile(code, "classic.md", "exec"), names)
    out = capsys.readouterr().out
    assert float(re.search(r"largest difference (\S+)", out)[1]) < 1e-9
    norm, clipped, _ = map(float, re.search(r"norm (\S+), after clipping (\S+), of the estimate (\S+)", out).groups())
    assert norm > clipped == 0.1
    assert names["stopping"].best_loss < 0.6
    assert names["history"]["val_loss"][-1] < 0.7 * names["history"]["val_loss"][0]
    assert "epoch 20/20" in out
    assert (tmp_path / "training_curves.png").stat().st_size > 1000
    np.testing.assert_allclose(names["mean"].W[:, 0], [1, -2, 0.5], atol=0.05)


def test_the_page_names_every_function():
    assert [name for name in rnnctl.classic.__all__ if not re.search(rf"\b{name}\(", PAGE)] == [
        "Differentiable", "Model",
    ]  # fmt: skip

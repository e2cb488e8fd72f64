"""The notebook of the documentation runs from its first cell to its last, and shows tables, bars and figures."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import counts

NOTEBOOK = Path(__file__).resolve().parents[2] / "rnnctl/docs/example.ipynb"
PATIENCE = 900  # seconds that a cell may take


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The notebook after all its cells were run in a new folder, and the folder."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return notebook, folder


def shown(notebook: Any, source: str) -> dict[str, Any]:
    """What the last line of the cell with this source shows, by MIME type."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return {kind: data for output in cell.outputs for kind, data in output.get("data", {}).items()}


def test_it_is_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) > 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def test_nothing_is_warned_of_or_printed_to_stderr(executed: tuple[Any, Path]) -> None:
    notebook, _ = executed
    streams = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]
    assert len(streams) == 2
    assert "lstm, inputs=6, hidden=16, outputs=4" in streams[0]
    assert "did you mean valid_loss?" in streams[1]


def test_bars_end_at_the_end(executed: tuple[Any, Path]) -> None:
    notebook, folder = executed
    assert counts(folder / "lab")["done"] == 4
    html = shown(notebook, "study.train(workers=2)")["text/html"]
    assert "4 ended, 0 running, 0 queued" in html
    (done, total), *_ = re.findall(r'<progress value="(\d+)" max="(\d+)">', html)
    assert done == total
    assert shown(notebook, "alone = rnnctl.train")["text/html"].count("gru") == 1


def test_tables_and_figures_are_shown(executed: tuple[Any, Path]) -> None:
    notebook, _ = executed
    board = shown(notebook, "study.leaderboard()")["text/html"]
    assert board.count("<tr>") == 3
    assert "1.386" in board
    assert "<table" in shown(notebook, "study.results().frame()")["text/html"]
    assert "temporal_order" in shown(notebook, 'run = study["RNN seed=1"]')["text/html"]
    for source in ('run.plot("gradient")', 'study.plot("loss")'):
        picture = base64.b64decode(shown(notebook, source)["image/png"])
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000

"""Numbers with more digits than Python reads are answered as other wrong numbers are."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rnnctl.cli.options import whole_numbers
from rnnctl.cli.output import UserError
from rnnctl.cli.plot import _updates
from tests.cli.command_line import TINY, one_line, rnnctl, workspace

HUGE = "9" * 5000
RECIPE = "refine:\n  best: 50%\n  variants: {longer: {train.updates: 40}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a study that was not trained."""
    made = workspace(tmp_path_factory.mktemp("numbers") / "w", TINY)
    (made / "recipe.yaml").write_text(RECIPE)
    return made


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["plan", "study.yaml", "--seeds", HUGE], "--seeds 999"),
        (["init", "study.yaml", "--seeds", f"1,{HUGE}"], "--seeds 1,999"),
        (["plan", "study.yaml", "--device", f"cuda:{HUGE}"], "--device"),
        (["plan", "study.yaml", "--rows", HUGE], "--rows"),
        (["train", "--workers", HUGE], "--workers"),
        (["evaluate", "tiny", "--lengths", HUGE], "--lengths 999"),
        (["plot", "tiny", "loss", "--at", f"-{HUGE}"], "--at -999"),
        (["refine", "tiny", "--dry-run", "--recipe", "recipe.yaml", "--best", HUGE], "--best"),
        (["refine", "tiny", "--dry-run", "--recipe", "recipe.yaml", "--seeds", HUGE], "--seeds 999"),
    ],
)
def test_a_number_of_5000_digits_is_refused_in_one_line(folder: Path, line: list[str], words: str) -> None:
    done = rnnctl(*line, cwd=folder, check=2)
    one_line(done, words)
    assert "limit" not in done.stderr  # Python's own words
    assert "unexpected" not in done.stderr


def test_whole_numbers_are_read_within_their_bounds() -> None:
    assert whole_numbers("--n", "3, 1,3", 0, "1") == (3, 1)
    for wrong in ("", "-1", "1.5", "x", "²", "11"):
        with pytest.raises(UserError, match="whole numbers from 0 to 10"):
            whole_numbers("--n", wrong, 0, "1", most=10)


def test_more_updates_than_a_run_can_have_mean_its_end() -> None:
    assert _updates(f"0,{HUGE}, end") == [0, math.inf, math.inf]

"""Code of users that fails while runs are trained: a line that says which module, what and where."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.session import NeverFits, PackFailed
from rnnctl.lab.work import execute
from rnnctl.study.loading import load_study
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import Cadence, PackError
from rnnctl.usercode.blame import blamed
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.permission import allow_code, looking_in
from tests.training.memory import train
from tests.usercode.forgetting import forget
from tests.usercode.written import SIGNS, STAIRS, STUDY

CELL = """\
from rnnctl.cells.base.stepped import StepSection

class Cell(StepSection):
    '''A cell.'''

    def shapes(self, inputs):
        return {"W_uh": (inputs, self.hidden), "W_hh": (self.hidden, self.hidden)}

    def step(self, weights, x, state):
        return (x @ weights["W_uh"] + state @ weights["W_hh"]).tanh()
"""
STATE_SIZE = """
    @property
    def state_size(self):
        return {}
"""
WITH_CELL = STUDY.replace("{hidden: 8, init: orthogonal}", '{name: "cells:Cell", hidden: 8}')


def spec_in(folder: Path, *, signs: str = SIGNS, stairs: str = STAIRS, cell: str = CELL) -> RunSpec:
    """The run of a study whose parts have these texts."""
    (folder / "lab").mkdir()
    for name, text in {"signs.py": signs, "lab/stairs.py": stairs, "cells.py": cell, "mine.yaml": WITH_CELL}.items():
        (folder / name).write_text(text)
    with allow_code():
        (run,) = load_study(folder / "mine.yaml").runs
    return run.spec


FAILURES: list[tuple[str, dict[str, str], str]] = [
    ("an optimizer", {"signs": SIGNS.replace("mean_N.sign()", "mean_N.sgn(1)")}, "the module signs failed: TypeError"),
    ("a schedule", {"stairs": STAIRS.replace("self.factor **", "self.factr **")},
        "the module lab.stairs failed: AttributeError: 'Stairs' object has no attribute 'factr' (stairs.py, line 15)"),
    ("a step", {"cell": CELL.replace('weights["W_uh"] +', 'weights["W_xh"] +')},
        "the step of cells:Cell failed: KeyError: 'W_xh' (cells.py, line 10)"),
    ("sizes below 1", {"cell": CELL.replace("(inputs, self.hidden)", "(inputs, -8)")},
        "cells:Cell: shapes returned {'W_uh': (6, -8), 'W_hh': (8, 8)}; allowed: a mapping of names"),
    ("shapes that are a list", {"cell": CELL.replace("return {", "return list({").replace("hidden)}", "hidden)})")},
        "cells:Cell: shapes returned ['W_uh', 'W_hh']; allowed: a mapping of names"),
    ("a state of fewer units", {"cell": CELL + STATE_SIZE.format(7)},
        "cells:Cell: state_size is 7; allowed: whole numbers from hidden, 8"),
    ("a state size that is a text", {"cell": CELL + STATE_SIZE.format("'a'")},
        "cells:Cell: state_size is 'a'; allowed: whole numbers from hidden, 8"),
    ("a step that returns another shape", {"cell": CELL.replace(".tanh()", ".tanh()[:, 1:]")},
        "the step of cells:Cell returned (20, 7) float32; the state before it is (20, 8) float32"),
    ("a step that breaks the graph", {"cell": CELL.replace("state @", "state.detach() @")},
        "the step of cells:Cell breaks the graph of autograd: its result does not depend on the state before it"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "line"), [each[1:] for each in FAILURES], ids=[each[0] for each in FAILURES])
def test_a_part_that_fails_is_named_with_the_place(tmp_path: Path, texts: dict[str, str], line: str) -> None:
    spec = spec_in(tmp_path, **texts)
    with pytest.raises((PackError, CodeError, TypeError, AttributeError)) as caught:
        train({spec.run_id: spec})
    said = blamed(caught.value)
    assert said is not None
    assert line in said
    assert "\n" not in said


def test_an_error_of_ours_is_blamed_on_nobody(tmp_path: Path) -> None:
    spec_in(tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    assert blamed(caught.value) is None


def claimed(spec: dict[str, Any]) -> Any:
    """A session of one run."""
    return SimpleNamespace(claims=[SimpleNamespace(run_id="r0", spec=spec)], emit=lambda event, **fields: None)


def test_a_worker_fails_such_a_run_at_once_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_in(tmp_path)

    def train_packs(groups: Any, recorder: Any, **options: Any) -> None:
        raise PackError(CodeError("the step of cells:Cell failed"), groups[0])

    monkeypatch.setattr("rnnctl.lab.work.train_packs", train_packs)
    with pytest.raises(PackFailed, match=r"^the step of cells:Cell failed$") as caught:
        execute(claimed(spec.canonical()), device="cpu", cadence=Cadence())
    assert isinstance(caught.value.error, NeverFits)


def test_a_worker_fails_a_run_whose_code_has_changed_meanwhile(tmp_path: Path) -> None:
    stored = spec_in(tmp_path).canonical()
    forget()
    (tmp_path / "cells.py").write_text(CELL + "# edited\n")
    line = "the code of cells:Cell has changed since the run was registered"
    with allow_code(), looking_in(tmp_path), pytest.raises(PackFailed, match=line) as caught:
        execute(claimed(stored), device="cpu", cadence=Cadence())
    assert isinstance(caught.value.error, NeverFits)

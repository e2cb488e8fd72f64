"""Users' parts in the study language: known to every corner of it, and other code is another run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnctl.api.training import train
from rnnctl.probes.hidden_state import HiddenState
from rnnctl.probes.internals import Internals
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Study, load_study, questions_of, recipe_of, settings_for
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS, short_name
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.modules import find_source
from rnnctl.usercode.permission import allow_code, looking_in, reading, trusting
from tests.probes.texts import answer_of, random_weights
from tests.training.drawn_packs import check_pack
from tests.usercode.forgetting import forget
from tests.usercode.written import CONVEYOR, SIGNS, STAIRS, STUDY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a study and its parts, one of them in a package without an __init__.py."""
    (tmp_path / "signs.py").write_text(SIGNS)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "stairs.py").write_text(STAIRS)
    (tmp_path / "mine.yaml").write_text(STUDY)
    return tmp_path


def load(folder: Path, text: str = STUDY) -> Study:
    (folder / "mine.yaml").write_text(text)
    with allow_code():
        return load_study(folder / "mine.yaml")


def refusal(folder: Path, text: str = STUDY) -> str:
    with pytest.raises(SpecError) as caught:
        load(folder, text)
    line = str(caught.value)
    assert "\n" not in line
    return line.removeprefix(f"{folder}/")


def test_nothing_is_imported_unasked(folder: Path) -> None:
    (folder / "signs.py").write_text("raise SystemExit('imported')")
    with pytest.raises(SpecError, match=r"mine.yaml:8: base.train.optimizer.name: the code of signs .*--allow-code"):
        load_study(folder / "mine.yaml")


def test_a_trusted_module_is_imported_from_its_file_alone(folder: Path) -> None:
    with looking_in(folder):
        files = [(name, find_source(name).file) for name in ("signs", "lab.stairs")]
    with trusting(files):
        load_study(folder / "mine.yaml")
    other = folder / "other"
    other.mkdir()
    (other / "signs.py").write_text(SIGNS + "\n")
    (other / "mine.yaml").write_text(STUDY)
    with trusting([("signs", folder / "elsewhere.py")]), pytest.raises(SpecError, match="not imported unasked"):
        load_study(other / "mine.yaml")


def test_a_run_has_the_keys_of_its_parts_and_the_hashes_of_their_sources(folder: Path) -> None:
    (run,) = load(folder).runs
    optimizer = run.spec.canonical()["train"]["optimizer"]
    with looking_in(folder):
        assert optimizer == {"name": "signs:Signs", "keep": 0.25, "source": find_source("signs").digest}
    stored = json.loads(json.dumps(run.spec.canonical()))
    assert RunSpec.model_validate(stored) == run.spec
    assert PackKey.of(run.spec).train.optimizer.name == "signs:Signs"


def test_other_code_is_another_run_and_the_registered_one_is_refused(folder: Path) -> None:
    (before,) = load(folder).runs
    stored = json.loads(json.dumps(before.spec.canonical()))
    # As many characters as before, within the same second: bytecode in a cache would be taken for the new code.
    (folder / "signs.py").write_text(SIGNS.replace("(mean_N.sign()", "(mean_N.tanh()"))
    (after,) = load(folder).runs
    assert after.spec.run_id != before.spec.run_id
    assert after.spec.config_id != before.spec.config_id
    assert "tanh" in after.spec.train.optimizer.step("cpu").__code__.co_names
    forget()
    with allow_code(), looking_in(folder), pytest.raises(ValueError, match="the code of signs:Signs has changed since"):
        RunSpec.model_validate(stored)


def test_a_run_without_its_code_can_be_read_and_keeps_its_id(folder: Path) -> None:
    (run,) = load(folder).runs
    stored = json.loads(json.dumps(run.spec.canonical()))
    forget()
    (folder / "signs.py").unlink()
    with reading():
        spec = RunSpec.model_validate(stored)
    assert spec.run_id == run.spec.run_id
    assert spec.canonical() == stored
    assert spec.written_out()["train"]["optimizer"]["keep"] == 0.25
    assert "there is no module signs" in spec.code_problem
    with pytest.raises(CodeError, match="there is no module signs"):
        spec.train.optimizer.step("cpu")


GRID = STUDY + "grid: {train.optimizer.keep: [0.1, 0.9], train.rate.every: {range: [5, 15, 5]}}\n"


def test_its_keys_stand_in_grids_and_labels(folder: Path) -> None:
    study = load(folder, GRID)
    assert [run.label for run in study.runs][:2] == [
        "optimizer.keep=0.1 rate.every=5",
        "optimizer.keep=0.1 rate.every=10",
    ]
    assert "source" not in " ".join(run.label for run in study.runs)


def test_parts_themselves_are_varied(folder: Path) -> None:
    text = STUDY + 'grid: {train.optimizer: [sgd, "signs:Signs", {name: "signs:Signs", keep: 0.75}]}\n'
    labels = [run.label for run in load(folder, text).runs]
    assert labels == ["optimizer=sgd", "optimizer=signs:Signs", "optimizer=signs:Signs(keep=0.75)"]


def test_its_keys_stand_in_cases_conditions_and_random_draws(folder: Path) -> None:
    text = STUDY + (
        "cases: {A: {train.optimizer.keep: 0.1}, B: {train.optimizer: sgd}}\n"
        "random: {n: 3, train.rate.factor: {uniform: [0.1, 0.9]}}\n"
        "exclude: [{train.optimizer.keep: 0.1, train.rate.factor: 0.5}]\n"
        "when: {train.optimizer.keep: {train.batch: 5}}\n"
    )
    assert [run.label.split()[0] for run in load(folder, text).runs] == ["A"] * 3 + ["B"] * 3


def test_it_takes_no_short_name_away(folder: Path) -> None:
    before = {path: short_name(path) for path in KEYS}
    (folder / "signs.py").write_text(SIGNS.replace("keep", "lr"))
    load(folder, STUDY.replace("keep", "lr"))
    assert {path: short_name(path) for path in before} == before
    assert short_name(("train", "optimizer", "lr")) == "optimizer.lr"


MISTAKES: list[tuple[str, str, str]] = [
    ("keep: 0.25", "kepp: 0.25", "mine.yaml:8: base.train.optimizer.kepp: there is no key kepp under train.optimizer; "
        "allowed: name, keep, source; did you mean keep?"),
    ("keep: 0.25", "keep: 2", "mine.yaml:8: base.train.optimizer.keep: must be below 1, not 2"),
    ("keep: 0.25", "keep: x", "mine.yaml:8: base.train.optimizer.keep: must be a number, not the text \"x\""),
    ("signs:Signs", "sings:Signs", "mine.yaml:8: base.train.optimizer.name: there is no module sings on Python's path"),
    ("signs:Signs", "signs:Sings", "mine.yaml:8: base.train.optimizer.name: signs has no class Sings; its optimizers: "
        "Signs; did you mean Signs?"),
    ("signs:Signs", "signs:_step", "signs:_step is not an optimizer: it does not derive from"),
    ("signs:Signs", "lab.stairs:Stairs", "lab.stairs:Stairs is not an optimizer: it does not derive from"),
    ("signs:Signs", "json:JSONDecoder", "json:JSONDecoder is not an optimizer: it does not derive from"),
    ("signs:Signs", "math:pi", "the module math has no source file"),
    ("signs:Signs", "signs:", "signs: is not of the form MODULE:CLASS, such as my_lab.parts:Mine"),
    ("signs:Signs", "lab.nothing:Stairs", "there is no module lab.nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "line"), MISTAKES, ids=[after for _, after, _ in MISTAKES])
def test_what_is_wrong_is_said_in_a_line(folder: Path, before: str, after: str, line: str) -> None:
    assert line in refusal(folder, STUDY.replace(before, after))


BROKEN: list[tuple[str, Any, str]] = [
    ("a syntax error", lambda text: text + "def (\n", "cannot be imported: SyntaxError"),
    ("an error", lambda text: text + "1 / 0\n", "ZeroDivisionError: division by zero (signs.py, line 27)"),
    ("an exit", lambda text: text + "raise SystemExit\n", "cannot be imported: SystemExit (signs.py"),
    ("a missing import", lambda text: "import no_such\n" + text, "ModuleNotFoundError: No module named 'no_such'"),
    ("a missing method", lambda text: text.replace("def step", "def stop"), "optimizer Signs does not define step ("),
    ("a missing answer", lambda text: text.replace("= 1\n", "\n"), "optimizer Signs does not define slots ("),
    ("a key of ours", lambda text: text.replace("keep", "source"), "source is the key of the hash of its source"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_what_is_wrong_with_a_module_is_said_in_a_line(folder: Path, change: Any, line: str) -> None:
    (folder / "signs.py").write_text(change(SIGNS))
    assert line in refusal(folder)


def test_a_module_that_was_loaded_from_another_file_is_refused(folder: Path) -> None:
    load(folder)
    other = folder / "other"
    other.mkdir()
    (other / "signs.py").write_text(SIGNS.replace("0.5", "0.6"))
    (other / "mine.yaml").write_text(STUDY)
    with allow_code(), pytest.raises(SpecError, match="the module signs is loaded from .*, and cannot be loaded from"):
        load_study(other / "mine.yaml")


def test_its_keys_can_be_set_beside_a_study(folder: Path) -> None:
    with allow_code():
        settings = settings_for([folder / "mine.yaml"], ["train.optimizer.keep=0.75"])
        (run,) = load_study(folder / "mine.yaml", settings=settings).runs
    assert run.spec.canonical()["train"]["optimizer"]["keep"] == 0.75


def test_a_setting_beside_a_study_is_not_blamed_for_its_code(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"mine.yaml:8: base.train.optimizer.name: the code of signs"):
        settings_for([folder / "mine.yaml"], ["train.optimizer.keep=0.75"])


QUESTIONS = "questions: [{ask: Does it matter, measure: loss, by: train.optimizer.keep}]\n"


def test_questions_and_recipes_of_a_registered_study_know_its_keys(folder: Path) -> None:
    recipe = "refine: {best: 1, variants: {slower: {train.rate.factor: 0.25}}}\n"
    with allow_code(), looking_in(folder):
        (question,) = questions_of(STUDY + QUESTIONS, "mine")
        assert question.by == (("train", "optimizer", "keep"),)
        assert recipe_of(STUDY + recipe, "mine") is not None
    forget()
    with looking_in(folder), pytest.raises(SpecError, match="the code of signs .* is not imported unasked"):
        questions_of(STUDY + QUESTIONS, "mine")
    with looking_in(folder):  # what needs no key of a part can be read without its code
        assert len(questions_of(STUDY + QUESTIONS.replace("train.optimizer.keep", "train.lr"), "mine")) == 1


OUTSIDE = Path(__file__).parents[1] / "parts" / "outside"


def test_a_cell_that_brings_its_own_backward_pass_has_the_same_bits_in_any_pack(folder: Path) -> None:
    (folder / "leaky.py").write_text((OUTSIDE / "leaky.py").read_text())
    model = 'model: {name: "leaky:LeakySection", hidden: 8, leak: 0.7}'
    text = STUDY.replace("model: {hidden: 8, init: orthogonal}", model) + "seeds: [1, 2]\n"
    runs = {run.spec.run_id: run.spec for run in load(folder, text).runs}
    check_pack(random.Random(1), runs)


WORDS = """\
study: words
base:
  task: {name: text, corpus: CORPUS, level: chars, window: 6}
  model: {name: "conveyor:Conveyor", hidden: 3}
  train: {updates: 1, batch: 2}
  check: {every: 1, samples: 4, chunk: 2, diagnostic_batch: 2}
"""


def test_probes_see_the_hidden_units_of_a_longer_state_and_no_spectrum_without_a_matrix(folder: Path) -> None:
    (folder / "conveyor.py").write_text(CONVEYOR)
    (folder / "words.txt").write_text("the cat sat on a mat and the dog ran off it " * 40)
    (run,) = load(folder, WORDS.replace("CORPUS", str(folder / "words.txt"))).runs
    weights = random_weights(run.spec)
    states = answer_of(run.spec, weights, HiddenState(samples=5, length=6))
    assert states["rho"] is None
    assert 0 < states["std"] < 1
    reading = answer_of(run.spec, weights, Internals(text="the cat"))
    assert (reading["rho"], reading["eigenvalues"]) == (None, [])
    assert {len(units) for units in reading["h"]} == {3}
    with allow_code(), looking_in(folder):
        trained = train(
            {name: run.spec.written_out()[name] for name in ("task", "model", "train", "check")}, progress=False
        )
    assert np.isnan(trained["rho"]).all()

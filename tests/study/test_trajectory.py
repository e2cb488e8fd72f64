"""Runs of one trajectory differ in nothing but when they end."""

from __future__ import annotations

import random

import pytest

from rnnctl.section import DERIVED, ENDING, PER_RUN, PLACE, Section, marks_of
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS
from tests.language import drawn_spec
from tests.places import small_data


def spec(**sections):
    return RunSpec.model_validate({"task": "temporal_order", **sections})


BASE = spec()


@pytest.mark.parametrize(
    "sections",
    [
        {"train": {"updates": 3}},
        {"stop": {"solved": "never"}},
        {"stop": {"patience": 3, "min_delta": 0.5}},
        {"train": {"updates": 70}, "stop": {"solved": "under_1_percent", "patience": 1}},
    ],
    ids=repr,
)
def test_what_only_ends_a_run_does_not_change_its_trajectory(sections):
    other = spec(**sections)
    assert other.run_id != BASE.run_id
    assert other.trajectory_id == BASE.trajectory_id
    assert PackKey.of(other) == PackKey.of(BASE)


@pytest.mark.parametrize(
    "sections",
    [
        {"seed": 2},
        {"train": {"lr": 0.02}},
        {"train": {"rate": {"name": "1/t", "period": 100}}},
        {"train": {"optimizer": "adam"}},
        {"check": {"every": 10}},
        {"check": {"seed": 1}},
        {"model": {"hidden": 51}},
    ],
    ids=repr,
)
def test_what_changes_a_bit_changes_the_trajectory(sections):
    assert spec(**sections).trajectory_id != BASE.trajectory_id


def test_the_goal_is_part_of_the_trajectory_if_it_decides_how_much_a_check_looks_at():
    def with_goal(goal, screen):
        return spec(check={"samples": 100, "chunk": 50, "screen": screen}, stop={"solved": goal}).trajectory_id

    assert with_goal("never", None) == with_goal("zero_errors", None)
    assert with_goal("never", 100) == with_goal("zero_errors", 100)
    assert with_goal("never", 20) != with_goal("zero_errors", 20)


def test_a_run_has_the_trajectory_that_it_had_in_earlier_versions():
    assert BASE.trajectory_id == "t1-8394797eadf9"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two places of one text, and of one file of arrays."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    return small_data(tmp_path)


def test_every_key_that_is_not_marked_changes_the_trajectory(places):
    """Drawn over the whole language: two runs have one trajectory if and only if all keys without marks are equal."""
    rng, changed, kept = random.Random(5), set(), set()
    for _ in range(300):
        run, donor = drawn_spec(rng, places), drawn_spec(rng, places)
        for path, other in changes(run, donor, places):
            marks = marks_at(run, path)
            uses = [key for section in run.sections() for key in section.ending_keys_used]
            same = bool(marks & {ENDING, PLACE}) and path not in uses
            assert (other.trajectory_id == run.trajectory_id) == same, path
            (kept if same else changed).add(path)
    plain = {path for path, key in KEYS.items() if not key.is_section and not key.derived}
    endings = {("train", "updates"), ("stop", "solved"), ("stop", "patience"), ("stop", "min_delta")}
    assert endings | {("task", "corpus")} <= kept
    assert len(changed) > 0.6 * len(plain), sorted(plain - changed - kept)


def changes(run: RunSpec, donor: RunSpec, places):
    """Return the runs that take over one value, or one section, of another run, with the path of what changed."""
    plain, given = run.model_dump(mode="json"), donor.model_dump(mode="json")
    for path in KEYS:
        above, below = at(plain, path[:-1]), at(given, path[:-1])
        if above is None or below is None or path[-1] not in above or path[-1] not in below:
            continue
        if above[path[-1]] == below[path[-1]] or DERIVED in marks_at(run, path):
            continue
        if isinstance(above[path[-1]], dict) or path[-1] in ("name", "style"):
            continue
        old, above[path[-1]] = above[path[-1]], below[path[-1]]
        try:
            other = RunSpec.model_validate(plain).identified()
        except ValueError:
            other = None
        above[path[-1]] = old
        if other is not None and at(other.model_dump(mode="json"), path) != old:
            yield path, other


def at(plain, path):
    for name in path:
        plain = plain.get(name) if isinstance(plain, dict) else None
    return plain


def marks_at(run: RunSpec, path):
    section: Section = run
    for name in path[:-1]:
        section = getattr(section, name)
    return marks_of(type(section), path[-1])


def test_what_only_ends_a_run_may_differ_in_a_pack():
    for path, key in KEYS.items():
        if any(ENDING in info.metadata for info in key.fields):
            above = KEYS[path[:-1]].fields
            assert all(PER_RUN in info.metadata for info in (*key.fields,)) or all(
                PER_RUN in info.metadata for info in above
            )

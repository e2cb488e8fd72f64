"""Merging workspaces that were made from study files."""

import pytest

from rnnctl.lab.errors import LabError
from rnnctl.lab.merge import merge
from rnnctl.lab.register import register
from rnnctl.lab.workspaces import selected
from store import NoWorkspace, Store
from tests.lab.studies import STUDY
from tests.lab.trained import finish


@pytest.fixture
def other(tmp_path):
    """Another workspace with the same study and one more, all trained."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("tiny", "more"):
        text = STUDY.replace("study: tiny", f"study: {name}")
        (folder / f"{name}.yaml").write_text(text if name == "tiny" else text.replace("[1, 2]", "[3]"))
        register(folder, [folder / f"{name}.yaml"])
    with Store.open(folder) as store:
        finish(store, {row.label: 0.5 for row in selected(store)})
    return folder


def test_another_workspace_is_merged(store, other):
    plan = merge(store, other, dry_run=True)
    assert (plan.studies, len(plan.new), len(plan.replaced), plan.kept) == (["more"], 2, 4, 0)
    assert [row.status for row in selected(store)] == ["queued"] * 4
    done = merge(store, other)
    assert (done.studies, done.new, done.replaced, done.notes) == (plan.studies, plan.new, plan.replaced, [])
    assert [row.status for row in selected(store)] == ["done"] * 6
    again = merge(store, other)
    assert again.empty
    assert again.kept == 6


def test_a_study_with_another_text_is_told_with_the_way_out(store, other):
    file = store.workspace.root / "tiny.yaml"
    file.write_text(STUDY.replace("omega: [0, 1.0]", "omega: [0, 2.0]"))
    register(store.workspace.root, [file])
    with pytest.raises(LabError, match=r"^tiny: registered here and in .* with different texts; nothing was merged\."):
        merge(store, other)
    assert merge(store, other, keep_texts=True).notes == ["study tiny keeps the text that it has here"]
    assert {row.label for row in selected(store, "tiny") if row.status == "done"} == {
        "omega=0.0 seed=1",
        "omega=0.0 seed=2",
    }
    assert len(selected(store, "tiny", hidden=True)) == 6


def test_two_halves_of_a_study_become_a_study_with_the_seeds_of_both(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(STUDY)
    here, there = tmp_path / "here", tmp_path / "there"
    register(here, [file], seeds=[1, 2])
    register(there, [file], seeds=[3])
    with Store.open(there) as store:
        finish(store, {row.label: 0.5 for row in selected(store)})
    with Store.open(here) as store:
        planned = merge(store, there, dry_run=True)
        assert len(selected(store)) == 4
        done = merge(store, there)
        assert (planned.new, planned.notes) == (done.new, done.notes)
        assert (len(done.new), done.notes) == (2, ["study tiny has the seeds of both workspaces"])
        assert {row.label: row.status for row in selected(store)} == {
            f"omega={omega} seed={seed}": "done" if seed == 3 else "queued"
            for omega in (0.0, 1.0)
            for seed in (1, 2, 3)
        }
        again = merge(store, there)
        assert again.empty
        assert again.notes == []
    register(here, [file], seeds=[1, 2, 3])  # the text that both halves come from names the same runs
    with Store.open(here) as store:
        assert len(selected(store, "tiny", hidden=True)) == 6


def test_a_workspace_is_not_merged_with_itself_or_with_nothing(store, tmp_path):
    with pytest.raises(LabError, match="is this workspace itself"):
        merge(store, store.workspace.root)
    with pytest.raises(NoWorkspace):
        merge(store, tmp_path / "nowhere")
